"""RevNet110, from revnet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  revnet.rf
sha256:  7278ca4c4f9bfa4eef799ab54565d11a1cf2b736eac9a5e79f020047f545571a
recform: 0.1.0
command: recform compile revnet.rf -o revnet.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
from torch import Tensor, nn

__all__ = ["RevNet110"]


class FBlock(nn.Module):
    """F = bn > relu > conv(3, c, stride=s) > bn > relu > conv(3, c)
    G = F
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(x))  # rf:12
        x = nn.functional.relu(self.bn2(self.conv1(x)))  # rf:12
        return self.conv2(x)  # rf:12


class Shortcut(nn.Module):
    """adapter avgpool(s) > zeropad(c)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.in_channels = in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(
            nn.functional.avg_pool2d(x, self.stride),
            (0, 0, 0, 0, 0, self.channels - self.in_channels),
        )  # rf:9


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """avgpool(s) > zeropad(c), for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return Shortcut(in_channels, channels, stride=stride)


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
        a = self.shortcut(a_prev) + self.F(b_prev)  # rf:16
        b = self.shortcut_b(b_prev) + self.G(a)  # rf:17
        return a, b


class Stem(nn.Module):
    """stem conv(3, 32) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 32, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(32)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)))  # rf:7


class Head(nn.Module):
    """head bn > relu > avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn(x))  # rf:10
        return self.fc(x.mean((2, 3)))  # rf:10


class RevNet110(nn.Module):
    """A_i = A_<i-1> + F_i*B_<i-1>
    B_i = B_<i-1> + G_i*A_i
    A_0, B_0 = split(input, 2)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList([Step(16, 16) for _ in range(9)])
        self.stage2 = nn.ModuleList(
            [Step(16, 32, stride=2), *[Step(32, 32) for _ in range(8)]]
        )
        self.stage3 = nn.ModuleList(
            [Step(32, 64, stride=2), *[Step(64, 64) for _ in range(8)]]
        )
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
        for block in self.stage3:
            a, b = block(a, b)
        return self.head(torch.cat((a, b), dim=1))
