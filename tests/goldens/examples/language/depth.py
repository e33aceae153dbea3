"""DepthScaled, from depth.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  depth.rf
sha256:  8f0f0c1a454176c89cba469e1bb1691bc5d5074ea85745cc954044fccff3147d
recform: 0.1.0
command: recform compile depth.rf -o depth.py
sealed:  bfba349ee82ed1ce
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import math

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DepthScaled"]


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


class Step(nn.Module):
    """X_i = X_<i-1> + sqrt(i/L)*W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, i: int) -> None:
        super().__init__()
        self.W = WBlock(16, 16)
        self.scale = math.sqrt(i / 4)

    def forward(self, x_prev: Tensor) -> Tensor:
        return x_prev + self.scale * self.W(x_prev)  # rf:4


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


class DepthScaled(nn.Module):
    """X_i = X_<i-1> + sqrt(i/L)*W_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.blocks = nn.Sequential(*[Step(i=1 + k) for k in range(4)])
        self.head = Head(16, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        return self.head(x)
