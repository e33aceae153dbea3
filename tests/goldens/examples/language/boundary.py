"""Boundary, from boundary.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  boundary.rf
sha256:  d1d1da9fc051a4b6517eb2447f2d4d84a34b6ab689129f8ad03488e0255f718b
recform: 0.1.0
command: recform compile boundary.rf -o boundary.py
sealed:  727e6e321b20376a
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Boundary"]


class WBlock(nn.Module):
    """W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:default
        return self.bn2(self.conv2(x))  # rf:default


class FirstStep(nn.Module):
    """X_1 = X_0 + 0.5*W_1*X_0

    Takes x_prev = X_0.
    Hands on X_1, X_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        x = x_prev + 0.5 * self.W(x_prev)  # rf:6
        return x, x_prev


class Step(nn.Module):
    """X_i = W_i*X_<i-1> + X_<i-2>

    Takes x_prev = X_<i-1>, x_prev2 = X_<i-2>.
    Hands on X_i, X_<i-1>.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(self, x_prev: Tensor, x_prev2: Tensor) -> tuple[Tensor, Tensor]:
        x = self.W(x_prev) + x_prev2  # rf:7
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


class Boundary(nn.Module):
    """X_i = W_i*X_<i-1> + X_<i-2>
    X_0 = relu(input)
    X_1 = X_0 + 0.5*W_1*X_0

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.blocks = nn.ModuleList([FirstStep(), *[Step() for _ in range(3)]])
        self.head = Head(16, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x2 = F.relu(x)  # rf:5
        x, x_prev = self.blocks[0](x2)
        for block in self.blocks[1:]:
            x, x_prev = block(x, x_prev)
        return self.head(x)
