"""Residual, Skipping, from several.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  several.rf
sha256:  b3a76fd600c2536be731298aeba83e71d11fe014ef334f7887b7ae180c63d482
recform: 0.1.0
command: recform compile several.rf -o several.py
sealed:  19e1a973481018a0
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Residual", "Skipping"]


class WBlock(nn.Module):
    """W = conv(3, c, stride=s) > bn > relu > dropout(drop) > conv(3, c) > bn"""

    def __init__(
        self, in_channels: int, channels: int, drop: float, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(drop)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:4
        return self.bn2(self.conv2(self.dropout(x)))  # rf:4


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class ResidualStep(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(
        self, in_channels: int, channels: int, drop: float, stride: int = 1
    ) -> None:
        super().__init__()
        self.W = WBlock(in_channels, channels, drop, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.shortcut(x_prev) + self.W(x_prev)  # rf:8


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


class Residual(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(
        self, in_channels: int = 3, drop: float = 0.1, classes: int = 10
    ) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.stage1 = nn.Sequential(
            *[ResidualStep(16, 16, drop=drop) for _ in range(2)]
        )
        self.stage2 = nn.Sequential(
            ResidualStep(16, 32, stride=2, drop=drop), ResidualStep(32, 32, drop=drop)
        )
        self.head = Head(32, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_in", nonlinearity="relu"
                )
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.stage1(x)
        x = self.stage2(x)
        return self.head(x)


class SkippingFirstStep(nn.Module):
    """X_1 = W_1*X_0

    Takes x_prev = X_0.
    Hands on X_1, X_0.
    """

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.W = WBlock(16, 16, drop)

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        x = self.W(x_prev)  # rf:11
        return x, x_prev


class SkippingStep(nn.Module):
    """X_i = W_i*X_<i-1> + X_<i-2>

    Takes x_prev = X_<i-1>, x_prev2 = X_<i-2>.
    Hands on X_i, X_<i-1>.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        drop: float,
        stride: int = 1,
        x_prev2_stride: int = 1,
    ) -> None:
        super().__init__()
        self.W = WBlock(in_channels, channels, drop, stride=stride)
        self.shortcut = shortcut(16, channels, stride=x_prev2_stride)

    def forward(self, x_prev: Tensor, x_prev2: Tensor) -> tuple[Tensor, Tensor]:
        x = self.W(x_prev) + self.shortcut(x_prev2)  # rf:11
        return x, x_prev


class Skipping(nn.Module):
    """X_i = W_i*X_<i-1> + X_<i-2>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(
        self, in_channels: int = 3, drop: float = 0.1, classes: int = 10
    ) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.stage1 = nn.ModuleList(
            [SkippingFirstStep(drop=drop), SkippingStep(16, 16, drop=drop)]
        )
        self.stage2 = nn.ModuleList(
            [
                SkippingStep(16, 32, stride=2, x_prev2_stride=2, drop=drop),
                SkippingStep(32, 32, x_prev2_stride=2, drop=drop),
            ]
        )
        self.head = Head(32, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_in", nonlinearity="relu"
                )
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x, x_prev = self.stage1[0](x)
        x, x_prev = self.stage1[1](x, x_prev)
        for block in self.stage2:
            x, x_prev = block(x, x_prev)
        return self.head(x)
