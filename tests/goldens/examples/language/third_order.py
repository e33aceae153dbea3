"""ThirdOrder, from third_order.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  third_order.rf
sha256:  04cda6262b998cfb2f0c4876794bb257017e35633a820e080a564d9526d0c6cb
recform: 0.1.0
command: recform compile third_order.rf -o third_order.py
sealed:  91af96c26e1eea1c
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ThirdOrder"]


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
    Hands on X_1, X_0, W_1*X_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:4
        return wx, x_prev, wx


class SecondStep(nn.Module):
    """X_2 = W_2*X_1 + 0.5*W_1*X_0

    Takes x_prev = X_1, x_prev2 = X_0, wx_prev = W_1*X_0.
    Hands on X_2, 0.5*W_2*X_1 + (0.25*W_1*X_0 + X_0), 0.25*W_2*X_1 + X_1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(
        self, x_prev: Tensor, x_prev2: Tensor, wx_prev: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:4
        x = wx + 0.5 * wx_prev  # rf:4
        partial = 0.5 * wx + (0.25 * wx_prev + x_prev2)  # rf:4
        partial2 = 0.25 * wx + x_prev  # rf:4
        return x, partial, partial2


class Step(nn.Module):
    """X_i = W_i*X_<i-1> + 0.5*W_<i-1>*X_<i-2> + 0.25*W_<i-2>*X_<i-3> + X_<i-3>

    Takes x_prev = X_<i-1>, partial_prev = 0.5*W_<i-1>*X_<i-2> +
    (0.25*W_<i-2>*X_<i-3> + X_<i-3>), partial_prev2 = 0.25*W_<i-1>*X_<i-2> +
    X_<i-2>.
    Hands on X_i, 0.5*W_i*X_<i-1> + (0.25*W_<i-1>*X_<i-2> + X_<i-2>),
    0.25*W_i*X_<i-1> + X_<i-1>.
    """

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = WBlock(16, channels, stride=stride)
        self.shortcut_partial = shortcut(16, channels, stride=stride)
        self.shortcut_partial2 = shortcut(16, channels, stride=stride)
        self.shortcut = shortcut(16, channels, stride=stride)

    def forward(
        self, x_prev: Tensor, partial_prev: Tensor, partial_prev2: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:4
        x = wx + self.shortcut_partial(partial_prev)  # rf:4
        partial = 0.5 * wx + self.shortcut_partial2(partial_prev2)  # rf:4
        partial2 = 0.25 * wx + self.shortcut(x_prev)  # rf:4
        return x, partial, partial2


class FifthStep(nn.Module):
    """X_5 = W_5*X_4 + 0.5*W_4*X_3 + 0.25*W_3*X_2 + X_2

    Takes x_prev = X_<i-1>, partial_prev = 0.5*W_<i-1>*X_<i-2> +
    (0.25*W_<i-2>*X_<i-3> + X_<i-3>), partial_prev2 = 0.25*W_<i-1>*X_<i-2> +
    X_<i-2>.
    Hands on X_i, 0.5*W_i*X_<i-1> + (0.25*W_<i-1>*X_<i-2> + X_<i-2>).
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(24, 24)

    def forward(
        self, x_prev: Tensor, partial_prev: Tensor, partial_prev2: Tensor
    ) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:4
        x = wx + partial_prev  # rf:4
        partial = 0.5 * wx + partial_prev2  # rf:4
        return x, partial


class LastStep(nn.Module):
    """X_L = W_L*X_<L-1> + 0.5*W_<L-1>*X_<L-2> + 0.25*W_<L-2>*X_<L-3> + X_<L-3>

    Takes x_prev = X_<L-1>, partial_prev = 0.5*W_<L-1>*X_<L-2> +
    (0.25*W_<L-2>*X_<L-3> + X_<L-3>).
    Hands on X_L.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(24, 24)

    def forward(self, x_prev: Tensor, partial_prev: Tensor) -> Tensor:
        return self.W(x_prev) + partial_prev  # rf:4


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


class ThirdOrder(nn.Module):
    """X_i = W_i*X_<i-1> + 0.5*W_<i-1>*X_<i-2> + 0.25*W_<i-2>*X_<i-3> + X_<i-3>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.stage1 = nn.ModuleList([FirstStep(), SecondStep(), Step(16)])
        self.stage2 = nn.ModuleList([Step(24, stride=2), FifthStep(), LastStep()])
        self.head = Head(24, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x, partial, partial2 = self.stage1[0](x)
        for block in self.stage1[1:]:
            x, partial, partial2 = block(x, partial, partial2)
        x, partial, partial2 = self.stage2[0](x, partial, partial2)
        x, partial = self.stage2[1](x, partial, partial2)
        x = self.stage2[-1](x, partial)
        return self.head(x)
