"""LMResNet, from learned_scalars.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  learned_scalars.rf
sha256:  5b1c88f083357ee2046864691c19eb7165992fd7ee0be46ca3f97defd4e3ac00
recform: 0.1.0
command: recform compile learned_scalars.rf -o learned_scalars.py
sealed:  41f314be3a622d67
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["LMResNet"]


class WBlock(nn.Module):
    """W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:default
        return self.bn2(self.conv2(x))  # rf:default


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class FirstStep(nn.Module):
    """X_1 = (1 - k_1)*X_0 + W_1*X_0

    Takes x_prev = X_0.
    Hands on X_1, X_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(64, 64)
        self.k = nn.Parameter(torch.tensor([0.5]))

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        x = (1 - self.k) * x_prev + self.W(x_prev)  # rf:4
        return x, x_prev


class Step(nn.Module):
    """X_i = (1 - k_i)*X_<i-1> + k_i*X_<i-2> + W_i*X_<i-1>

    Takes x_prev = X_<i-1>, x_prev2 = X_<i-2>.
    Hands on X_i, X_<i-1>.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        x_prev2_channels: int,
        stride: int = 1,
        x_prev2_stride: int = 1,
    ) -> None:
        super().__init__()
        self.W = WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_x_prev2 = shortcut(
            x_prev2_channels, channels, stride=x_prev2_stride
        )
        self.k = nn.Parameter(torch.tensor([0.5]))

    def forward(self, x_prev: Tensor, x_prev2: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:4
        x = (
            (1 - self.k) * self.shortcut(x_prev)
            + self.k * self.shortcut_x_prev2(x_prev2)
            + wx
        )  # rf:4
        return x, x_prev


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


class LMResNet(nn.Module):
    """X_i = (1 - k_i)*X_<i-1> + k_i*X_<i-2> + W_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 64)
        self.stage1 = nn.ModuleList([FirstStep(), Step(64, 64, x_prev2_channels=64)])
        self.stage2 = nn.ModuleList(
            [
                Step(64, 128, x_prev2_channels=64, stride=2, x_prev2_stride=2),
                Step(128, 128, x_prev2_channels=64, x_prev2_stride=2),
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                Step(128, 256, x_prev2_channels=128, stride=2, x_prev2_stride=2),
                Step(256, 256, x_prev2_channels=128, x_prev2_stride=2),
            ]
        )
        self.stage4 = nn.ModuleList(
            [
                Step(256, 512, x_prev2_channels=256, stride=2, x_prev2_stride=2),
                Step(512, 512, x_prev2_channels=256, x_prev2_stride=2),
            ]
        )
        self.head = Head(512, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x, x_prev = self.stage1[0](x)
        x, x_prev = self.stage1[1](x, x_prev)
        for block in self.stage2:
            x, x_prev = block(x, x_prev)
        for block in self.stage3:
            x, x_prev = block(x, x_prev)
        for block in self.stage4:
            x, x_prev = block(x, x_prev)
        return self.head(x)
