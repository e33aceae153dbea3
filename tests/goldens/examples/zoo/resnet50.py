"""ResNet50, from resnet50.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  resnet50.rf
sha256:  7603c2b7f681f25126125ec605ded8827d738058e45b1d89b09e2df15de56295
recform: 0.1.0
command: recform compile resnet50.rf -o resnet50.py
sealed:  b62d40b0f14ebcd1
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ResNet50"]


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class Step(nn.Module):
    """X_i = relu(W_i*X_<i-1> + X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
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
        self.downsample = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x_prev)))  # rf:13
        out = F.relu(self.bn2(self.conv2(out)))  # rf:13
        wx = self.bn3(self.conv3(out))  # rf:13
        return F.relu(wx + self.downsample(x_prev))  # rf:15


class ResNet50(nn.Module):
    """X_i = relu(W_i*X_<i-1> + X_<i-1>)

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Step(64, 256), *[Step(256, 256) for _ in range(2)])
        self.layer2 = nn.Sequential(
            Step(256, 512, stride=2), *[Step(512, 512) for _ in range(3)]
        )
        self.layer3 = nn.Sequential(
            Step(512, 1024, stride=2), *[Step(1024, 1024) for _ in range(5)]
        )
        self.layer4 = nn.Sequential(
            Step(1024, 2048, stride=2), *[Step(2048, 2048) for _ in range(2)]
        )
        self.fc = nn.Linear(2048, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:8
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # rf:8
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        return self.fc(x.mean((2, 3)))  # rf:10
