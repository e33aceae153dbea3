"""SqueezeExcitation, from squeeze_excitation.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  squeeze_excitation.rf
sha256:  bf99e07591be45b93e427f7979740a532b4ad42285be273175f2d556d15c6701
recform: 0.1.0
command: recform compile squeeze_excitation.rf -o squeeze_excitation.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SqueezeExcitation"]


class SE(nn.Module):
    """SE(x, ratio=16) = x*sigmoid(G*x)
    where G = avgpool > fc1: linear(cin/ratio) > relu > fc2: linear(cin)
    """

    def __init__(self, in_channels: int, ratio: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_channels, in_channels // ratio)
        self.fc2 = nn.Linear(in_channels // ratio, in_channels)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.fc1(x.mean((2, 3))))  # rf:6
        gx = self.fc2(out)  # rf:6
        return x * torch.sigmoid(gx)[:, :, None, None]  # rf:5


class WBlock(nn.Module):
    """W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn > SE(ratio=8)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.se = SE(channels, ratio=8)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:8
        return self.se(self.bn2(self.conv2(x)))  # rf:8


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:10


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


class SqueezeExcitation(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 32)
        self.stage1 = nn.Sequential(*[Step(32, 32) for _ in range(2)])
        self.stage2 = nn.Sequential(Step(32, 64, stride=2), Step(64, 64))
        self.head = Head(64, classes)

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
