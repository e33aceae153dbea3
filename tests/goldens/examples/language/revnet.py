"""RevNet, from revnet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  revnet.rf
sha256:  e030c16270aa593a35975de82ccd17761f01cca9a6ceb6bb8b8b8204360dcc39
recform: 0.1.0
command: recform compile revnet.rf -o revnet.py
sealed:  84ac88bbe0bd3c39
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
from torch import Tensor, nn

__all__ = ["RevNet"]


class FBlock(nn.Module):
    """F = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn
    G = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(self.conv1(x)))  # rf:default
        return self.bn2(self.conv2(x))  # rf:default


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class Step(nn.Module):
    """A_i = A_<i-1> + F_i*B_<i-1>
    B_i = B_<i-1> + G_i*A_i

    Takes a_prev = A_<i-1>, b_prev = B_<i-1>.
    Hands on A_i, B_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.F = FBlock(in_channels, channels, stride=stride)
        self.G = FBlock(channels, channels)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_b = shortcut(in_channels, channels, stride=stride)

    def forward(self, a_prev: Tensor, b_prev: Tensor) -> tuple[Tensor, Tensor]:
        a = self.shortcut(a_prev) + self.F(b_prev)  # rf:6
        b = self.shortcut_b(b_prev) + self.G(a)  # rf:7
        return a, b


class Stem(nn.Module):
    """stem conv(3, 64) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 64, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(64)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)))  # rf:4


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # rf:default


class RevNet(nn.Module):
    """A_i = A_<i-1> + F_i*B_<i-1>
    B_i = B_<i-1> + G_i*A_i
    A_0, B_0 = split(input, 2)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList([Step(32, 32) for _ in range(2)])
        self.stage2 = nn.ModuleList([Step(32, 64, stride=2), Step(64, 64)])
        self.head = Head(128, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        a, b = x.chunk(2, dim=1)
        for block in self.stage1:
            a, b = block(a, b)
        for block in self.stage2:
            a, b = block(a, b)
        return self.head(torch.cat((a, b), dim=1))
