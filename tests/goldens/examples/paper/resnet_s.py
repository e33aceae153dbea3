"""ResNet18s, ResNet34s, ResNet50s, ResNet101s, from resnet_s.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  resnet_s.rf
sha256:  2b6b957b0ae071ef92a718899e4bc365ed5fdd84017e340382c8491d3e68a9f2
recform: 0.1.0
command: recform compile resnet_s.rf -o resnet_s.py
sealed:  fb6c2fe7fc4f0103
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ResNet18s", "ResNet34s", "ResNet50s", "ResNet101s"]


class ResNet18sWBlock(nn.Module):
    """W = Basic"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:17
        return self.bn2(self.conv2(x))  # rf:17


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class ResNet18sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = ResNet18sWBlock(in_channels, channels, stride=stride)
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


class ResNet18s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList([ResNet18sStep(64, 64) for _ in range(2)])
        self.stage2 = nn.ModuleList(
            [ResNet18sStep(64, 128, stride=2), ResNet18sStep(128, 128)]
        )
        self.stage3 = nn.ModuleList(
            [ResNet18sStep(128, 256, stride=2), ResNet18sStep(256, 256)]
        )
        self.stage4 = nn.ModuleList(
            [ResNet18sStep(256, 512, stride=2), ResNet18sStep(512, 512)]
        )
        self.head = Head(512, classes)

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
        for block in self.stage4:
            x, wx = block(x, wx)
        return self.head(x)


class ResNet34sWBlock(nn.Module):
    """W = Basic"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:21
        return self.bn2(self.conv2(x))  # rf:21


class ResNet34sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = ResNet34sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:12
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:12
        return x, wx


class ResNet34s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList([ResNet34sStep(64, 64) for _ in range(3)])
        self.stage2 = nn.ModuleList(
            [
                ResNet34sStep(64, 128, stride=2),
                *[ResNet34sStep(128, 128) for _ in range(3)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                ResNet34sStep(128, 256, stride=2),
                *[ResNet34sStep(256, 256) for _ in range(5)],
            ]
        )
        self.stage4 = nn.ModuleList(
            [
                ResNet34sStep(256, 512, stride=2),
                *[ResNet34sStep(512, 512) for _ in range(2)],
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
        wx = x
        for block in self.stage1:
            x, wx = block(x, wx)
        for block in self.stage2:
            x, wx = block(x, wx)
        for block in self.stage3:
            x, wx = block(x, wx)
        for block in self.stage4:
            x, wx = block(x, wx)
        return self.head(x)


class ResNet50sWBlock(nn.Module):
    """W = Bottleneck"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:25
        x = F.relu(self.bn2(self.conv2(x)))  # rf:25
        return self.bn3(self.conv3(x))  # rf:25


class ResNet50sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = ResNet50sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:12
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:12
        return x, wx


class ResNet50s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList(
            [ResNet50sStep(64, 256), *[ResNet50sStep(256, 256) for _ in range(2)]]
        )
        self.stage2 = nn.ModuleList(
            [
                ResNet50sStep(256, 512, stride=2),
                *[ResNet50sStep(512, 512) for _ in range(3)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                ResNet50sStep(512, 1024, stride=2),
                *[ResNet50sStep(1024, 1024) for _ in range(5)],
            ]
        )
        self.stage4 = nn.ModuleList(
            [
                ResNet50sStep(1024, 2048, stride=2),
                *[ResNet50sStep(2048, 2048) for _ in range(2)],
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
        for block in self.stage4:
            x, wx = block(x, wx)
        return self.head(x)


class ResNet101sWBlock(nn.Module):
    """W = Bottleneck"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:29
        x = F.relu(self.bn2(self.conv2(x)))  # rf:29
        return self.bn3(self.conv3(x))  # rf:29


class ResNet101sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = ResNet101sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:12
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:12
        return x, wx


class ResNet101s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList(
            [ResNet101sStep(64, 256), *[ResNet101sStep(256, 256) for _ in range(2)]]
        )
        self.stage2 = nn.ModuleList(
            [
                ResNet101sStep(256, 512, stride=2),
                *[ResNet101sStep(512, 512) for _ in range(3)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                ResNet101sStep(512, 1024, stride=2),
                *[ResNet101sStep(1024, 1024) for _ in range(22)],
            ]
        )
        self.stage4 = nn.ModuleList(
            [
                ResNet101sStep(1024, 2048, stride=2),
                *[ResNet101sStep(2048, 2048) for _ in range(2)],
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
        for block in self.stage4:
            x, wx = block(x, wx)
        return self.head(x)
