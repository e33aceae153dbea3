"""Inverted, from inverted.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  inverted.rf
sha256:  c34e2b16d649947a932a6383415fba5181698c7ab0968cd6205db7f398959a07
recform: 0.1.0
command: recform compile inverted.rf -o inverted.py
sealed:  6cbfd557dea5f6cd
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Inverted"]


class WBlock(nn.Module):
    """W = conv(1, 4*c) > bn > relu6 > dwconv((1, 5)) > dwconv((5, 1), stride=s) > bn
    > relu6 > conv(1, c) > bn
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 4 * channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4 * channels)
        self.conv2 = nn.Conv2d(
            4 * channels,
            4 * channels,
            (1, 5),
            padding=(0, 2),
            groups=4 * channels,
            bias=False,
        )
        self.conv3 = nn.Conv2d(
            4 * channels,
            4 * channels,
            (5, 1),
            stride=stride,
            padding=(2, 0),
            groups=4 * channels,
            bias=False,
        )
        self.bn2 = nn.BatchNorm2d(4 * channels)
        self.conv4 = nn.Conv2d(4 * channels, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.bn1(self.conv1(x)))  # rf:8
        x = F.relu6(self.bn2(self.conv3(self.conv2(x))))  # rf:8
        return self.bn3(self.conv4(x))  # rf:8


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class Step(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.shortcut(x_prev) + self.W(x_prev)  # rf:10


class Stem(nn.Module):
    """stem conv(3, 16, stride=2) > bn > hardswish"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 16, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        return F.hardswish(self.bn(self.conv(x)))  # rf:4


class Head(nn.Module):
    """head conv(1, 96) > bn > hardswish > globalpool > flatten > linear(10)"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 96, 1, bias=False)
        self.bn = nn.BatchNorm2d(96)
        self.fc = nn.Linear(96, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.bn(self.conv(x)))  # rf:6
        x = x.mean((2, 3), keepdim=True).flatten(1)  # rf:6
        return self.fc(x)  # rf:6


class Inverted(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[Step(16, 16) for _ in range(2)])
        self.stage2 = nn.Sequential(
            Step(16, 24, stride=2), *[Step(24, 24) for _ in range(2)]
        )
        self.head = Head(24)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.stage1(x)
        x = self.stage2(x)
        return self.head(x)
