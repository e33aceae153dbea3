"""Parametric, from params.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  params.rf
sha256:  3685a066730de2486ca2fc4270c42a0f5953669fe8717210b05e0bb8d9ebb84d
recform: 0.1.0
command: recform compile params.rf -o params.py
sealed:  e46335c0427f1945
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Parametric"]


class WBlock(nn.Module):
    """W = conv(3, c, stride=s) > bn > relu > dropout(drop*i/L) > conv(3, c) > bn"""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        i: int,
        depth: int,
        drop: float,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(drop * i / depth)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:8
        return self.bn2(self.conv2(self.dropout(x)))  # rf:8


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class Step(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(
        self, in_channels: int, channels: int, i: int, drop: float, stride: int = 1
    ) -> None:
        super().__init__()
        self.W = WBlock(in_channels, channels, i, depth=4, drop=drop, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.shortcut(x_prev) + self.W(x_prev)  # rf:9


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
        return self.fc(x.mean((2, 3)))  # rf:10


class Parametric(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(
        self, in_channels: int = 3, drop: float = 0.1, classes: int = 10
    ) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.stage1 = nn.Sequential(
            *[Step(16, 16, i=1 + k, drop=drop) for k in range(2)]
        )
        self.stage2 = nn.Sequential(
            Step(16, 32, i=3, stride=2, drop=drop), Step(32, 32, i=4, drop=drop)
        )
        self.head = Head(32, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.stage1(x)
        x = self.stage2(x)
        return self.head(x)
