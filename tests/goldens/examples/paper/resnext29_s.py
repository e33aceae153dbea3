"""ResNeXt2s, ResNeXt4s, from resnext29_s.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  resnext29_s.rf
sha256:  cf47f1107ca42c236c38e1e5a8c5d0d674a0a84abbe3a8c94ca789cc67c8e0a3
recform: 0.1.0
command: recform compile resnext29_s.rf -o resnext29_s.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ResNeXt2s", "ResNeXt4s"]


class ResNeXt2sWBlock(nn.Module):
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
        x = F.relu(self.bn1(self.conv1(x)))  # rf:17
        x = F.relu(self.bn2(self.conv2(x)))  # rf:17
        return self.bn3(self.conv3(x))  # rf:17


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class ResNeXt2sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = ResNeXt2sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:12
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:12
        return x, wx


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


class ResNeXt2s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList(
            [ResNeXt2sStep(64, 256), *[ResNeXt2sStep(256, 256) for _ in range(2)]]
        )
        self.stage2 = nn.ModuleList(
            [
                ResNeXt2sStep(256, 512, stride=2),
                *[ResNeXt2sStep(512, 512) for _ in range(2)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                ResNeXt2sStep(512, 1024, stride=2),
                *[ResNeXt2sStep(1024, 1024) for _ in range(2)],
            ]
        )
        self.head = Head(1024, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        wx = x
        for block in self.stage1:
            x, wx = block(x, wx)
        for block in self.stage2:
            x, wx = block(x, wx)
        for block in self.stage3:
            x, wx = block(x, wx)
        return self.head(x)


class ResNeXt4sWBlock(nn.Module):
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
        x = F.relu(self.bn1(self.conv1(x)))  # rf:21
        x = F.relu(self.bn2(self.conv2(x)))  # rf:21
        return self.bn3(self.conv3(x))  # rf:21


class ResNeXt4sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = ResNeXt4sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:12
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:12
        return x, wx


class ResNeXt4s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList(
            [ResNeXt4sStep(64, 512), *[ResNeXt4sStep(512, 512) for _ in range(2)]]
        )
        self.stage2 = nn.ModuleList(
            [
                ResNeXt4sStep(512, 1024, stride=2),
                *[ResNeXt4sStep(1024, 1024) for _ in range(2)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                ResNeXt4sStep(1024, 2048, stride=2),
                *[ResNeXt4sStep(2048, 2048) for _ in range(2)],
            ]
        )
        self.head = Head(2048, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        wx = x
        for block in self.stage1:
            x, wx = block(x, wx)
        for block in self.stage2:
            x, wx = block(x, wx)
        for block in self.stage3:
            x, wx = block(x, wx)
        return self.head(x)
