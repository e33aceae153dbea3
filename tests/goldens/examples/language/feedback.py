"""Feedback, from feedback.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  feedback.rf
sha256:  68ab70c8541a0b0f76f2658d4202cc8a0c76ea328c43282f39773f7fc14456f5
recform: 0.1.0
command: recform compile feedback.rf -o feedback.py
sealed:  3c75ce1f079ca013
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Feedback"]


class WBlock(nn.Module):
    """W = conv(3, c, stride=s) > bn
    U = conv(3, c, stride=s) > bn
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))  # rf:7


class FirstStep(nn.Module):
    """X_<1,1> = relu(W_1*X_<0,1>)
    X_<1,2> = relu(W_1*X_<0,1> + U_1*X_<1,1>)
    X_<1,3> = relu(W_1*X_<0,1> + U_1*X_<1,2>)

    Takes x1_prev = X_<0,1>.
    Hands on X_<1,1>, X_<1,2>, X_<1,3>.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(32, 32)
        self.U = WBlock(32, 32)

    def forward(self, x1_prev: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wx1 = self.W(x1_prev)  # rf:10
        x1 = F.relu(wx1)  # rf:10
        x2 = F.relu(wx1 + self.U(x1))  # rf:10
        x3 = F.relu(wx1 + self.U(x2))  # rf:10
        return x1, x2, x3


class Step(nn.Module):
    """X_<i,t> = relu(W_i*X_<i-1,t> + U_i*X_<i,t-1>)

    Takes x1_prev = X_<i-1,1>, x2_prev = X_<i-1,2>, x3_prev = X_<i-1,3>.
    Hands on X_<i,1>, X_<i,2>, X_<i,3>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = WBlock(in_channels, channels, stride=stride)
        self.U = WBlock(channels, channels)

    def forward(
        self, x1_prev: Tensor, x2_prev: Tensor, x3_prev: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        x1 = F.relu(self.W(x1_prev))  # rf:10
        x2 = F.relu(self.W(x2_prev) + self.U(x1))  # rf:10
        x3 = F.relu(self.W(x3_prev) + self.U(x2))  # rf:10
        return x1, x2, x3


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


class Feedback(nn.Module):
    """X_<i,t> = relu(W_i*X_<i-1,t> + U_i*X_<i,t-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 32)
        self.stage1 = nn.ModuleList([FirstStep(), Step(32, 32)])
        self.stage2 = nn.ModuleList([Step(32, 64, stride=2), Step(64, 64)])
        self.head = Head(64, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x1, x2, x3 = self.stage1[0](x)
        x1, x2, x3 = self.stage1[1](x1, x2, x3)
        for block in self.stage2:
            x1, x2, x3 = block(x1, x2, x3)
        return self.head((x1 + x2 + x3) / 3)
