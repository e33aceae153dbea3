"""HistoryMean, from history.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  history.rf
sha256:  a1951df76c7e055a2b5d67ac6c346bf496541b2aea2d3f4017b9092de9a49441
recform: 0.1.0
command: recform compile history.rf -o history.py
sealed:  73723997c4ad2798
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["HistoryMean"]


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
    """X_1 = W_1*X_0 + 1*X_0

    Takes x_prev = X_0.
    Hands on X_1, X_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)
        self.scale = 1

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        x = self.W(x_prev) + self.scale * x_prev  # rf:4
        return x, x_prev


class Step(nn.Module):
    """X_i = W_i*X_<i-1> + mean(X_<0..i-1>)

    Takes x_prev = X_<i-1>, x_sum_1 = sum(X_<0..i-2>).
    Hands on X_i, sum(X_<0..i-1>).
    """

    def __init__(self, i: int) -> None:
        super().__init__()
        self.W = WBlock(16, 16)
        self.scale = 1 / i

    def forward(self, x_prev: Tensor, x_sum_1: Tensor) -> tuple[Tensor, Tensor]:
        x_sum_prev = x_sum_1 + x_prev  # rf:4
        x = self.W(x_prev) + self.scale * x_sum_prev  # rf:4
        return x, x_sum_prev


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


class HistoryMean(nn.Module):
    """X_i = W_i*X_<i-1> + mean(X_<0..i-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.blocks = nn.ModuleList([FirstStep(), *[Step(i=2 + k) for k in range(4)]])
        self.head = Head(16, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x, x_sum_prev = self.blocks[0](x)
        for block in self.blocks[1:]:
            x, x_sum_prev = block(x, x_sum_prev)
        return self.head(x)
