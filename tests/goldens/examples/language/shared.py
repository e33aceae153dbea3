"""Recurrent, from shared.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  shared.rf
sha256:  333367e84535d02b4ac4290100b8a2cadc4e33f592dbc79a70336f13aba7c5c0
recform: 0.1.0
command: recform compile shared.rf -o shared.py
sealed:  a2d7c67884a7c187
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Recurrent"]


class WBlock(nn.Module):
    """W = conv(3, c) > gn(4)
    U = conv(3, c) > gn(4)
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.gn = nn.GroupNorm(4, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.gn(self.conv(x))  # rf:5


class Step(nn.Module):
    """X_i = relu(W*X_<i-1> + U*X_0)

    Takes x_prev = X_<i-1>, ux_0 = U*X_0.
    Hands on X_i, U*X_0.
    """

    def forward(
        self, w_shared: nn.Module, x_prev: Tensor, ux_0: Tensor
    ) -> tuple[Tensor, Tensor]:
        x = F.relu(w_shared(x_prev) + ux_0)  # rf:7
        return x, ux_0


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


class Recurrent(nn.Module):
    """X_i = relu(W*X_<i-1> + U*X_0)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.U = WBlock(16, 16)
        self.W = WBlock(16, 16)
        self.blocks = nn.ModuleList([Step() for _ in range(5)])
        self.head = Head(16, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        ux_0 = self.U(x)
        for block in self.blocks:
            x, ux_0 = block(self.W, x, ux_0)
        return self.head(x)
