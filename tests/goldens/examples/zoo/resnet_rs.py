"""ResNetRS50, from resnet_rs.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  resnet_rs.rf
sha256:  459da50234d5db97ab45bcec637cb4a20b18c0f7e74e53abeb7ae53edd2ef868
recform: 0.1.0
command: recform compile resnet_rs.rf -o resnet_rs.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ResNetRS50"]


class SE(nn.Module):
    """SE(x, ratio=4) = x*sigmoid(G*x)
    where G = avgpool > linear(cin/ratio) > relu > linear(cin)
    """

    def __init__(self, in_channels: int, ratio: int = 4) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_channels, in_channels // ratio)
        self.fc2 = nn.Linear(in_channels // ratio, in_channels)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.fc1(x.mean((2, 3))))  # rf:7
        gx = self.fc2(out)  # rf:7
        return x * torch.sigmoid(gx)[:, :, None, None]  # rf:6


class WBlock(nn.Module):
    """W = conv(1, c/4) > bn > relu > conv(3, c/4, stride=s) > bn > relu > conv(1, c)
    > bn > SE
    """

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
        self.se = SE(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:16
        x = F.relu(self.bn2(self.conv2(x)))  # rf:16
        return self.se(self.bn3(self.conv3(x)))  # rf:16


class Shortcut(nn.Module):
    """adapter avgpool(s) > conv(1, c) > bn"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(F.avg_pool2d(x, self.stride)))  # rf:13


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """avgpool(s) > conv(1, c) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return Shortcut(in_channels, channels, stride=stride)


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
        return F.relu(self.shortcut(x_prev) + self.W(x_prev))  # rf:18


class Stem(nn.Module):
    """stem conv(3, 32, stride=2) > bn > relu > conv(3, 32) > bn > relu > conv(3, 64)
    > bn > relu > conv(3, 64, stride=2) > bn > relu
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 32, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(64)
        self.conv4 = nn.Conv2d(64, 64, 3, stride=2, padding=1, bias=False)
        self.bn4 = nn.BatchNorm2d(64)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:10
        x = F.relu(self.bn2(self.conv2(x)))  # rf:10
        x = F.relu(self.bn3(self.conv3(x)))  # rf:10
        return F.relu(self.bn4(self.conv4(x)))  # rf:10


class Head(nn.Module):
    """head avgpool > dropout(0.25) > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.25)
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dropout(x.mean((2, 3))))  # rf:14


class ResNetRS50(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 160 x 160, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(Step(64, 256), *[Step(256, 256) for _ in range(2)])
        self.stage2 = nn.Sequential(
            Step(256, 512, stride=2), *[Step(512, 512) for _ in range(3)]
        )
        self.stage3 = nn.Sequential(
            Step(512, 1024, stride=2), *[Step(1024, 1024) for _ in range(5)]
        )
        self.stage4 = nn.Sequential(
            Step(1024, 2048, stride=2), *[Step(2048, 2048) for _ in range(2)]
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
