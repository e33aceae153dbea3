"""SEResNet18, SEResNet34, SEResNet50, SEResNet101, from se_resnet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  se_resnet.rf
sha256:  6e57375d6d5baa4c6492597740cff6251dce462afec3b7ca055e1e2b9975bc7c
recform: 0.1.0
command: recform compile se_resnet.rf -o se_resnet.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SEResNet18", "SEResNet34", "SEResNet50", "SEResNet101"]


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


class SEResNet18WBlock(nn.Module):
    """W = Basic"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)
        self.se = SE(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:21
        return self.se(self.bn2(self.conv2(x)))  # rf:21


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s, bias=true) > bn, for a term whose shape differs from its
    sum's.
    """
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride), nn.BatchNorm2d(channels)
    )


class SEResNet18Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = SEResNet18WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:17


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


class SEResNet18(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[SEResNet18Step(64, 64) for _ in range(2)])
        self.stage2 = nn.Sequential(
            SEResNet18Step(64, 128, stride=2), SEResNet18Step(128, 128)
        )
        self.stage3 = nn.Sequential(
            SEResNet18Step(128, 256, stride=2), SEResNet18Step(256, 256)
        )
        self.stage4 = nn.Sequential(
            SEResNet18Step(256, 512, stride=2), SEResNet18Step(512, 512)
        )
        self.head = Head(512, classes)

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
        x = self.stage4(x)
        return self.head(x)


class SEResNet34WBlock(nn.Module):
    """W = Basic"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)
        self.se = SE(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:25
        return self.se(self.bn2(self.conv2(x)))  # rf:25


class SEResNet34Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = SEResNet34WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:17


class SEResNet34(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[SEResNet34Step(64, 64) for _ in range(3)])
        self.stage2 = nn.Sequential(
            SEResNet34Step(64, 128, stride=2),
            *[SEResNet34Step(128, 128) for _ in range(3)],
        )
        self.stage3 = nn.Sequential(
            SEResNet34Step(128, 256, stride=2),
            *[SEResNet34Step(256, 256) for _ in range(5)],
        )
        self.stage4 = nn.Sequential(
            SEResNet34Step(256, 512, stride=2),
            *[SEResNet34Step(512, 512) for _ in range(2)],
        )
        self.head = Head(512, classes)

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
        x = self.stage4(x)
        return self.head(x)


class SEResNet50WBlock(nn.Module):
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
        x = F.relu(self.bn1(self.conv1(x)))  # rf:29
        x = F.relu(self.bn2(self.conv2(x)))  # rf:29
        return self.se(self.bn3(self.conv3(x)))  # rf:29


class SEResNet50Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = SEResNet50WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:17


class SEResNet50(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(
            SEResNet50Step(64, 256), *[SEResNet50Step(256, 256) for _ in range(2)]
        )
        self.stage2 = nn.Sequential(
            SEResNet50Step(256, 512, stride=2),
            *[SEResNet50Step(512, 512) for _ in range(3)],
        )
        self.stage3 = nn.Sequential(
            SEResNet50Step(512, 1024, stride=2),
            *[SEResNet50Step(1024, 1024) for _ in range(5)],
        )
        self.stage4 = nn.Sequential(
            SEResNet50Step(1024, 2048, stride=2),
            *[SEResNet50Step(2048, 2048) for _ in range(2)],
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
        x = self.stage4(x)
        return self.head(x)


class SEResNet101WBlock(nn.Module):
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
        x = F.relu(self.bn1(self.conv1(x)))  # rf:33
        x = F.relu(self.bn2(self.conv2(x)))  # rf:33
        return self.se(self.bn3(self.conv3(x)))  # rf:33


class SEResNet101Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = SEResNet101WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:17


class SEResNet101(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(
            SEResNet101Step(64, 256), *[SEResNet101Step(256, 256) for _ in range(2)]
        )
        self.stage2 = nn.Sequential(
            SEResNet101Step(256, 512, stride=2),
            *[SEResNet101Step(512, 512) for _ in range(3)],
        )
        self.stage3 = nn.Sequential(
            SEResNet101Step(512, 1024, stride=2),
            *[SEResNet101Step(1024, 1024) for _ in range(22)],
        )
        self.stage4 = nn.Sequential(
            SEResNet101Step(1024, 2048, stride=2),
            *[SEResNet101Step(2048, 2048) for _ in range(2)],
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
        x = self.stage4(x)
        return self.head(x)
