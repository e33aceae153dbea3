"""Res2net, from res2net.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  res2net.rf
sha256:  d942819d6ef4443bd0505a62e349787ac35d13ee447673b2894ee95a0ee8e842
recform: 0.1.0
command: recform compile res2net.rf -o res2net.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Res2net"]


class Res2K(nn.Module):
    """K = conv(3, cin) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, in_channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(in_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:7


class Res2(nn.Module):
    """Res2(x, n=4) = concat(Y_<1..n>)
    where S_<1..n> = split(x, n)
    where K = conv(3, cin) > bn > relu
    where Y_1 = S_1
    where Y_2 = K_2*S_2
    where Y_k = K_k*(S_k + Y_<k-1>)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.K = nn.ModuleList([Res2K(in_channels // 4) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        s1, s2, s3, s4 = x.chunk(4, dim=1)  # rf:6
        y2 = self.K[0](s2)  # rf:9
        y3 = self.K[1](s3 + y2)  # rf:10
        y4 = self.K[2](s4 + y3)  # rf:10
        return torch.cat((s1, y2, y3, y4), dim=1)  # rf:5


class WBlock(nn.Module):
    """W = conv(1, c, stride=s) > bn > relu > Res2 > conv(1, c) > bn"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.res2 = Res2(channels)
        self.conv2 = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:12
        return self.bn2(self.conv2(self.res2(x)))  # rf:12


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
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:14


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


class Res2net(nn.Module):
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
