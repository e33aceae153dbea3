"""Res2NeXt2, Res2NeXt4, from res2next29.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  res2next29.rf
sha256:  b233c8c448ef1013a35a54ca62b72d928427d0028d84183ab3b89ad4b85695d4
recform: 0.1.0
command: recform compile res2next29.rf -o res2next29.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Res2NeXt2", "Res2NeXt4"]


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


class Res2NeXt2WBlock(nn.Module):
    """W = Scaled(6)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 3 * channels // 2, 1, stride=stride)
        self.bn1 = nn.BatchNorm2d(3 * channels // 2)
        self.split = Split(3 * channels // 2)
        self.conv2 = nn.Conv2d(3 * channels // 2, channels, 1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:22
        return self.bn2(self.conv2(self.split(x)))  # rf:22


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s, bias=true) > bn, for a term whose shape differs from its
    sum's.
    """
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride), nn.BatchNorm2d(channels)
    )


class Res2NeXt2Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = Res2NeXt2WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:18


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


class Res2NeXt2(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(
            Res2NeXt2Step(64, 384), *[Res2NeXt2Step(384, 384) for _ in range(2)]
        )
        self.stage2 = nn.Sequential(
            Res2NeXt2Step(384, 768, stride=2),
            *[Res2NeXt2Step(768, 768) for _ in range(2)],
        )
        self.stage3 = nn.Sequential(
            Res2NeXt2Step(768, 1536, stride=2),
            *[Res2NeXt2Step(1536, 1536) for _ in range(2)],
        )
        self.head = Head(1536, classes)

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


class Res2NeXt4WBlock(nn.Module):
    """W = Scaled(8)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 2 * channels, 1, stride=stride)
        self.bn1 = nn.BatchNorm2d(2 * channels)
        self.split = Split(2 * channels, cardinality=8)
        self.conv2 = nn.Conv2d(2 * channels, channels, 1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:26
        return self.bn2(self.conv2(self.split(x)))  # rf:26


class Res2NeXt4Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = Res2NeXt4WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:18


class Res2NeXt4(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(
            Res2NeXt4Step(64, 400), *[Res2NeXt4Step(400, 400) for _ in range(2)]
        )
        self.stage2 = nn.Sequential(
            Res2NeXt4Step(400, 800, stride=2),
            *[Res2NeXt4Step(800, 800) for _ in range(2)],
        )
        self.stage3 = nn.Sequential(
            Res2NeXt4Step(800, 1600, stride=2),
            *[Res2NeXt4Step(1600, 1600) for _ in range(2)],
        )
        self.head = Head(1600, classes)

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
