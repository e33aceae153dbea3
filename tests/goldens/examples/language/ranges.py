"""Ranges, from ranges.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  ranges.rf
sha256:  0a1369541f52c455f6bc1976d8e6bbc07b308f4c6287b619b963e6b98c5a7a39
recform: 0.1.0
command: recform compile ranges.rf -o ranges.py
sealed:  089cbac9da90228b
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Ranges"]


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
    """X_<1..3> = W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.W(x_prev)  # rf:5


class Step(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(self, x_prev: Tensor) -> Tensor:
        return x_prev + self.W(x_prev)  # rf:4


class FifthStep(nn.Module):
    """X_7 = X_6 + W_7*X_6

    Takes x_prev = X_<i-1>.
    Hands on X_i, X_<i-1>.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        x = x_prev + self.W(x_prev)  # rf:7
        return x, x_prev


class SixthStep(nn.Module):
    """X_<6..8> = X_<i-2> + W_i*X_<i-1>

    Takes x_prev = X_<i-1>, x_6 = X_<i-2>.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(self, x_prev: Tensor, x_6: Tensor) -> Tensor:
        return x_6 + self.W(x_prev)  # rf:6


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


class Ranges(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>
    X_<1..3> = W_i*X_<i-1>
    X_<6..8> = X_<i-2> + W_i*X_<i-1>
    X_7 = X_6 + W_7*X_6

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.blocks = nn.ModuleList(
            [
                *[FirstStep() for _ in range(3)],
                Step(),
                FifthStep(),
                SixthStep(),
                FifthStep(),
                SixthStep(),
                *[Step() for _ in range(2)],
            ]
        )
        self.head = Head(16, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks[:4]:
            x = block(x)
        x, x_prev = self.blocks[4](x)
        x = self.blocks[5](x, x_prev)
        x, x_prev = self.blocks[6](x)
        x = self.blocks[7](x, x_prev)
        for block in self.blocks[8:]:
            x = block(x)
        return self.head(x)
