"""SEResNet18s, SEResNet34s, SEResNet50s, SEResNet101s, from se_resnet_s.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  se_resnet_s.rf
sha256:  47a21b392b1a94cd40958c40815924e3c2aa5675ff99cb74e8b04bf4b5e56d89
recform: 0.1.0
command: recform compile se_resnet_s.rf -o se_resnet_s.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SEResNet18s", "SEResNet34s", "SEResNet50s", "SEResNet101s"]


class SE(nn.Module):
    """SE(x, ratio=16) = x*sigmoid(G*x)
    where G = avgpool > linear(cin/ratio) > relu > linear(cin)
    """

    def __init__(self, in_channels: int, ratio: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_channels, in_channels // ratio)
        self.fc2 = nn.Linear(in_channels // ratio, in_channels)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.fc1(x.mean((2, 3))))  # rf:10
        gx = self.fc2(out)  # rf:10
        return x * torch.sigmoid(gx)[:, :, None, None]  # rf:9


class SEResNet18sWBlock(nn.Module):
    """W = Basic"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)
        self.se = SE(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:22
        return self.se(self.bn2(self.conv2(x)))  # rf:22


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s, bias=true) > bn, for a term whose shape differs from its
    sum's.
    """
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride), nn.BatchNorm2d(channels)
    )


class SEResNet18sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = SEResNet18sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:17
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:17
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


class SEResNet18s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList([SEResNet18sStep(64, 64) for _ in range(2)])
        self.stage2 = nn.ModuleList(
            [SEResNet18sStep(64, 128, stride=2), SEResNet18sStep(128, 128)]
        )
        self.stage3 = nn.ModuleList(
            [SEResNet18sStep(128, 256, stride=2), SEResNet18sStep(256, 256)]
        )
        self.stage4 = nn.ModuleList(
            [SEResNet18sStep(256, 512, stride=2), SEResNet18sStep(512, 512)]
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


class SEResNet34sWBlock(nn.Module):
    """W = Basic"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)
        self.se = SE(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:26
        return self.se(self.bn2(self.conv2(x)))  # rf:26


class SEResNet34sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = SEResNet34sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:17
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:17
        return x, wx


class SEResNet34s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList([SEResNet34sStep(64, 64) for _ in range(3)])
        self.stage2 = nn.ModuleList(
            [
                SEResNet34sStep(64, 128, stride=2),
                *[SEResNet34sStep(128, 128) for _ in range(3)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                SEResNet34sStep(128, 256, stride=2),
                *[SEResNet34sStep(256, 256) for _ in range(5)],
            ]
        )
        self.stage4 = nn.ModuleList(
            [
                SEResNet34sStep(256, 512, stride=2),
                *[SEResNet34sStep(512, 512) for _ in range(2)],
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


class SEResNet50sWBlock(nn.Module):
    """W = Bottleneck"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, stride=stride, padding=1
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1)
        self.bn3 = nn.BatchNorm2d(channels)
        self.se = SE(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:30
        x = F.relu(self.bn2(self.conv2(x)))  # rf:30
        return self.se(self.bn3(self.conv3(x)))  # rf:30


class SEResNet50sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = SEResNet50sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:17
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:17
        return x, wx


class SEResNet50s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList(
            [SEResNet50sStep(64, 256), *[SEResNet50sStep(256, 256) for _ in range(2)]]
        )
        self.stage2 = nn.ModuleList(
            [
                SEResNet50sStep(256, 512, stride=2),
                *[SEResNet50sStep(512, 512) for _ in range(3)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                SEResNet50sStep(512, 1024, stride=2),
                *[SEResNet50sStep(1024, 1024) for _ in range(5)],
            ]
        )
        self.stage4 = nn.ModuleList(
            [
                SEResNet50sStep(1024, 2048, stride=2),
                *[SEResNet50sStep(2048, 2048) for _ in range(2)],
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


class SEResNet101sWBlock(nn.Module):
    """W = Bottleneck"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, stride=stride, padding=1
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1)
        self.bn3 = nn.BatchNorm2d(channels)
        self.se = SE(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:34
        x = F.relu(self.bn2(self.conv2(x)))  # rf:34
        return self.se(self.bn3(self.conv3(x)))  # rf:34


class SEResNet101sStep(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = SEResNet101sWBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:17
        x = F.relu(self.shortcut(x_prev) + wx) - self.shortcut_wx(wx_prev)  # rf:17
        return x, wx


class SEResNet101s(nn.Module):
    """X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
    W_0*X_<-1> = X_0

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList(
            [SEResNet101sStep(64, 256), *[SEResNet101sStep(256, 256) for _ in range(2)]]
        )
        self.stage2 = nn.ModuleList(
            [
                SEResNet101sStep(256, 512, stride=2),
                *[SEResNet101sStep(512, 512) for _ in range(3)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                SEResNet101sStep(512, 1024, stride=2),
                *[SEResNet101sStep(1024, 1024) for _ in range(22)],
            ]
        )
        self.stage4 = nn.ModuleList(
            [
                SEResNet101sStep(1024, 2048, stride=2),
                *[SEResNet101sStep(2048, 2048) for _ in range(2)],
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
