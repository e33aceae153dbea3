"""ReZeroResNet56, ReZeroResNet110, from rezero.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  rezero.rf
sha256:  da7378a4835bdb2795866db3035acc448b2a00477b588e2c6b4720f13b8f2e40
recform: 0.1.0
command: recform compile rezero.rf -o rezero.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
from torch import Tensor, nn

__all__ = ["ReZeroResNet56", "ReZeroResNet110"]


class FBlock(nn.Module):
    """F = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(self.conv1(x)))  # rf:11
        return self.bn2(self.conv2(x))  # rf:11


class Shortcut(nn.Module):
    """adapter avgpool(s) > zeropad(c)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.in_channels = in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(
            nn.functional.avg_pool2d(x, self.stride),
            (0, 0, 0, 0, 0, self.channels - self.in_channels),
        )  # rf:7


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """avgpool(s) > zeropad(c), for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return Shortcut(in_channels, channels, stride=stride)


class ReZeroResNet56Step(nn.Module):
    """x_i = relu(x_<i-1> + alpha_i*F_i(x_<i-1>))

    Takes x_prev = x_<i-1>.
    Hands on x_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.F = FBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.alpha = nn.Parameter(torch.tensor([0.0]))

    def forward(self, x_prev: Tensor) -> Tensor:
        return nn.functional.relu(
            self.shortcut(x_prev) + self.alpha * self.F(x_prev)
        )  # rf:13


class Stem(nn.Module):
    """stem conv(3, 16) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)))  # rf:6


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # rf:8


class ReZeroResNet56(nn.Module):
    """x_i = relu(x_<i-1> + alpha_i*F_i(x_<i-1>))

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[ReZeroResNet56Step(16, 16) for _ in range(9)])
        self.stage2 = nn.Sequential(
            ReZeroResNet56Step(16, 32, stride=2),
            *[ReZeroResNet56Step(32, 32) for _ in range(8)],
        )
        self.stage3 = nn.Sequential(
            ReZeroResNet56Step(32, 64, stride=2),
            *[ReZeroResNet56Step(64, 64) for _ in range(8)],
        )
        self.head = Head(64, classes)

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


class ReZeroResNet110Step(nn.Module):
    """x_i = relu(x_<i-1> + alpha_i*F_i(x_<i-1>))

    Takes x_prev = x_<i-1>.
    Hands on x_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.F = FBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.alpha = nn.Parameter(torch.tensor([0.0]))

    def forward(self, x_prev: Tensor) -> Tensor:
        return nn.functional.relu(
            self.shortcut(x_prev) + self.alpha * self.F(x_prev)
        )  # rf:13


class ReZeroResNet110(nn.Module):
    """x_i = relu(x_<i-1> + alpha_i*F_i(x_<i-1>))

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[ReZeroResNet110Step(16, 16) for _ in range(18)])
        self.stage2 = nn.Sequential(
            ReZeroResNet110Step(16, 32, stride=2),
            *[ReZeroResNet110Step(32, 32) for _ in range(17)],
        )
        self.stage3 = nn.Sequential(
            ReZeroResNet110Step(32, 64, stride=2),
            *[ReZeroResNet110Step(64, 64) for _ in range(17)],
        )
        self.head = Head(64, classes)

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
