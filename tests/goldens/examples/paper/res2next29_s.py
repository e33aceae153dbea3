"""Res2NeXt2s, Res2NeXt4s, from res2next29_s.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  res2next29_s.rf
sha256:  238d7a8cae134eb1040614f8ee35f93dc0b86ebb50b1b1261310a8167a1b9acb
recform: 0.1.0
command: recform compile res2next29_s.rf -o res2next29_s.py
sealed:  04a34c378fa652dc
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Res2NeXt2s", "Res2NeXt4s"]


class SplitK(nn.Module):
    """K = conv(3, cin, groups=cardinality, bias=true) > bn > relu"""

    def __init__(self, in_channels: int, cardinality: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, in_channels, 3, padding=1, groups=cardinality
        )
        self.bn = nn.BatchNorm2d(in_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:11


class Split(nn.Module):
    """Split(x, cardinality=6) = concat(Y_<1..3>, S_4)
    where S_<1..4> = split(x, 4)
    where K = conv(3, cin, groups=cardinality, bias=true) > bn > relu
    where Y_1 = K_1*S_1
    where Y_k = K_k*(S_k + Y_<k-1>)
    """

    def __init__(self, in_channels: int, cardinality: int = 6) -> None:
        super().__init__()
        self.K = nn.ModuleList(
            [SplitK(in_channels // 4, cardinality=cardinality) for _ in range(3)]
        )

    def forward(self, x: Tensor) -> Tensor:
        s1, s2, s3, s4 = x.chunk(4, dim=1)  # rf:10
        y1 = self.K[0](s1)  # rf:12
        y2 = self.K[1](s2 + y1)  # rf:13
        y3 = self.K[2](s3 + y2)  # rf:13
        return torch.cat((y1, y2, y3, s4), dim=1)  # rf:9


class Res2NeXt2sWBlock(nn.Module):
    """W = Scaled(6)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 3 * channels // 2, 1, stride=stride)
        self.bn1 = nn.BatchNorm2d(3 * channels // 2)
        self.split = Split(3 * channels // 2)
        self.conv2 = nn.Conv2d(3 * channels // 2, channels, 1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:23
        return self.bn2(self.conv2(self.split(x)))  # rf:23


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s, bias=true) > bn, for a term whose shape differs from its
    sum's.
    """
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride), nn.BatchNorm2d(channels)
    )


class Res2NeXt2sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = Res2NeXt2sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:18
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:18
        return x, wx


class Stem(nn.Module):
    """stem conv(3, 64, bias=true) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 64, 3, padding=1)
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


class Res2NeXt2s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList(
            [Res2NeXt2sStep(64, 384), *[Res2NeXt2sStep(384, 384) for _ in range(2)]]
        )
        self.stage2 = nn.ModuleList(
            [
                Res2NeXt2sStep(384, 768, stride=2),
                *[Res2NeXt2sStep(768, 768) for _ in range(2)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                Res2NeXt2sStep(768, 1536, stride=2),
                *[Res2NeXt2sStep(1536, 1536) for _ in range(2)],
            ]
        )
        self.head = Head(1536, classes)

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


class Res2NeXt4sWBlock(nn.Module):
    """W = Scaled(8)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 2 * channels, 1, stride=stride)
        self.bn1 = nn.BatchNorm2d(2 * channels)
        self.split = Split(2 * channels, cardinality=8)
        self.conv2 = nn.Conv2d(2 * channels, channels, 1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:27
        return self.bn2(self.conv2(self.split(x)))  # rf:27


class Res2NeXt4sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = Res2NeXt4sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:18
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:18
        return x, wx


class Res2NeXt4s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList(
            [Res2NeXt4sStep(64, 400), *[Res2NeXt4sStep(400, 400) for _ in range(2)]]
        )
        self.stage2 = nn.ModuleList(
            [
                Res2NeXt4sStep(400, 800, stride=2),
                *[Res2NeXt4sStep(800, 800) for _ in range(2)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                Res2NeXt4sStep(800, 1600, stride=2),
                *[Res2NeXt4sStep(1600, 1600) for _ in range(2)],
            ]
        )
        self.head = Head(1600, classes)

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
