"""Highway, from highway.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  highway.rf
sha256:  3b6f9d2916d517fffbef2d408890b8fab6074a53548f7b3bee3c8a803f24dd77
recform: 0.1.0
command: recform compile highway.rf -o highway.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Highway"]


class FBlock(nn.Module):
    """f = conv(3, c, stride=s) > bn > relu"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:4


class TBlock(nn.Module):
    """t = conv(3, c, stride=s) > bn > sigmoid"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.bn(self.conv(x)))  # rf:5


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class Step(nn.Module):
    """y_<i+1> = f_<i+1>(y_i)*t_<i+1>(y_i) + y_i*(1 - t_<i+1>(y_i))

    Takes y_prev = y_<i-1>.
    Hands on y_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.f = FBlock(in_channels, channels, stride=stride)
        self.t = TBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, y_prev: Tensor) -> Tensor:
        ty = self.t(y_prev)  # rf:6
        return self.f(y_prev) * ty + self.shortcut(y_prev) * (1 - ty)  # rf:6


class Stem(nn.Module):
    """stem conv(3, c) > bn > relu"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:default


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # rf:default


class Highway(nn.Module):
    """y_<i+1> = f_<i+1>(y_i)*t_<i+1>(y_i) + y_i*(1 - t_<i+1>(y_i))

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 64)
        self.stage1 = nn.Sequential(*[Step(64, 64) for _ in range(2)])
        self.stage2 = nn.Sequential(Step(64, 128, stride=2), Step(128, 128))
        self.stage3 = nn.Sequential(Step(128, 256, stride=2), Step(256, 256))
        self.stage4 = nn.Sequential(Step(256, 512, stride=2), Step(512, 512))
        self.head = Head(512, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.stage1(x)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        return self.head(x)
