"""A41Bottleneck, from a41_bottleneck.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  a41_bottleneck.rf
sha256:  3c4605efefb452ab1adf7726f82c046eb3d8a57be4c5a8354ab196f27b7a4145
recform: 0.1.0
command: recform compile a41_bottleneck.rf -o a41_bottleneck.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["A41Bottleneck"]


class WBlock(nn.Module):
    """W = conv(1, c/4) > bn > relu > conv(3, c/4, stride=s) > bn > relu > conv(1, c)
    > bn
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

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:6
        x = F.relu(self.bn2(self.conv2(x)))  # rf:6
        return self.bn3(self.conv3(x))  # rf:6


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class FirstStep(nn.Module):
    """X_1 = W_1*X_0

    Takes x_prev = X_0.
    Hands on X_1, X_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(256, 256)

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        x = self.W(x_prev)  # rf:3 of a41.rf
        return x, x_prev


class Step(nn.Module):
    """X_i = W_i*X_<i-1> + X_<i-2>

    Takes x_prev = X_<i-1>, x_prev2 = X_<i-2>.
    Hands on X_i, X_<i-1>.
    """

    def __init__(
        self,
        in_channels: int,
        x_prev2_channels: int,
        channels: int,
        stride: int = 1,
        x_prev2_stride: int = 1,
    ) -> None:
        super().__init__()
        self.W = WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(x_prev2_channels, channels, stride=x_prev2_stride)

    def forward(self, x_prev: Tensor, x_prev2: Tensor) -> tuple[Tensor, Tensor]:
        x = self.W(x_prev) + self.shortcut(x_prev2)  # rf:3 of a41.rf
        return x, x_prev


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


class A41Bottleneck(nn.Module):
    """X_i = W_i*X_<i-1> + X_<i-2>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 256)
        self.stage1 = nn.ModuleList(
            [FirstStep(), *[Step(256, 256, 256) for _ in range(2)]]
        )
        self.stage2 = nn.ModuleList(
            [
                Step(256, 256, 512, stride=2, x_prev2_stride=2),
                Step(512, 256, 512, x_prev2_stride=2),
                *[Step(512, 512, 512) for _ in range(2)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                Step(512, 512, 1024, stride=2, x_prev2_stride=2),
                Step(1024, 512, 1024, x_prev2_stride=2),
                *[Step(1024, 1024, 1024) for _ in range(4)],
            ]
        )
        self.stage4 = nn.ModuleList(
            [
                Step(1024, 1024, 2048, stride=2, x_prev2_stride=2),
                Step(2048, 1024, 2048, x_prev2_stride=2),
                Step(2048, 2048, 2048),
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
        x, x_prev = self.stage1[0](x)
        for block in self.stage1[1:]:
            x, x_prev = block(x, x_prev)
        for block in self.stage2:
            x, x_prev = block(x, x_prev)
        for block in self.stage3:
            x, x_prev = block(x, x_prev)
        for block in self.stage4:
            x, x_prev = block(x, x_prev)
        return self.head(x)
