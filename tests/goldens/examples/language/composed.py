"""Composed, from composed.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  composed.rf
sha256:  453cb929cbeb5f4ede96bd108b5b6e2df4d2c7106e04d54794a6bfcc41dfdee7
recform: 0.1.0
command: recform compile composed.rf -o composed.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Composed"]


class UBlock(nn.Module):
    """U = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn
    W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn
    """

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
    """X_1 = X_0 + (W_1*X_0 + g_1*U_1*W_1*X_0)

    Takes x_prev = X_0.
    Hands on X_1, W_1*X_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.U = UBlock(16, 16)
        self.W = UBlock(16, 16)
        self.g = nn.Parameter(torch.tensor([0.5]))

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:6
        x = x_prev + (wx + self.g * self.U(wx))  # rf:6
        return x, wx


class Step(nn.Module):
    """X_i = X_<i-1> + (1 + g_i*U_i)*W_i*X_<i-1> + prod(j, 0, 1, W_<i-j>)*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self) -> None:
        super().__init__()
        self.U = UBlock(16, 16)
        self.W = UBlock(16, 16)
        self.g = nn.Parameter(torch.tensor([0.5]))

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:6
        x = x_prev + (wx + self.g * self.U(wx)) + self.W(wx_prev)  # rf:6
        return x, wx


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


class Composed(nn.Module):
    """X_i = X_<i-1> + (1 + g_i*U_i)*W_i*X_<i-1> + prod(j, 0, 1, W_<i-j>)*X_<i-2>

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
        x, wx = self.blocks[0](x)
        for block in self.blocks[1:]:
            x, wx = block(x, wx)
        return self.head(x)
