"""ResNeXt2, ResNeXt4, from resnext29.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  resnext29.rf
sha256:  5d5b377d011eb22b30906bca6014f8f017630db6f8e201a5e43fbb51e1c869e5
recform: 0.1.0
command: recform compile resnext29.rf -o resnext29.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ResNeXt2", "ResNeXt4"]


class ResNeXt2WBlock(nn.Module):
    """W = Grouped(2)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 2)
        self.conv2 = nn.Conv2d(
            channels // 2,
            channels // 2,
            3,
            stride=stride,
            padding=1,
            groups=2,
            bias=False,
        )
        self.bn2 = nn.BatchNorm2d(channels // 2)
        self.conv3 = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:16
        x = F.relu(self.bn2(self.conv2(x)))  # rf:16
        return self.bn3(self.conv3(x))  # rf:16


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class ResNeXt2Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = ResNeXt2WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:12


class Stem(nn.Module):
    """stem conv(3, 64) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 64, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(64)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:5


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # rf:6


class ResNeXt2(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(
            ResNeXt2Step(64, 256), *[ResNeXt2Step(256, 256) for _ in range(2)]
        )
        self.stage2 = nn.Sequential(
            ResNeXt2Step(256, 512, stride=2),
            *[ResNeXt2Step(512, 512) for _ in range(2)],
        )
        self.stage3 = nn.Sequential(
            ResNeXt2Step(512, 1024, stride=2),
            *[ResNeXt2Step(1024, 1024) for _ in range(2)],
        )
        self.head = Head(1024, classes)

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
        return self.head(x)


class ResNeXt4WBlock(nn.Module):
    """W = Grouped(4)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 2)
        self.conv2 = nn.Conv2d(
            channels // 2,
            channels // 2,
            3,
            stride=stride,
            padding=1,
            groups=4,
            bias=False,
        )
        self.bn2 = nn.BatchNorm2d(channels // 2)
        self.conv3 = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:20
        x = F.relu(self.bn2(self.conv2(x)))  # rf:20
        return self.bn3(self.conv3(x))  # rf:20


class ResNeXt4Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = ResNeXt4WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:12


class ResNeXt4(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(
            ResNeXt4Step(64, 512), *[ResNeXt4Step(512, 512) for _ in range(2)]
        )
        self.stage2 = nn.Sequential(
            ResNeXt4Step(512, 1024, stride=2),
            *[ResNeXt4Step(1024, 1024) for _ in range(2)],
        )
        self.stage3 = nn.Sequential(
            ResNeXt4Step(1024, 2048, stride=2),
            *[ResNeXt4Step(2048, 2048) for _ in range(2)],
        )
        self.head = Head(2048, classes)

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
        return self.head(x)
