"""WeightedSum, from weighted_sum.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  weighted_sum.rf
sha256:  52e50cdc07710a0712f08d835043530d1bffbfe8ceb52349da2dd5ce119790d3
recform: 0.1.0
command: recform compile weighted_sum.rf -o weighted_sum.py
sealed:  dd5ff38d398b177e
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["WeightedSum"]


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
    """X_1 = X_0 + a_0*W_1*X_0

    Takes x_prev = X_0.
    Hands on X_1, W_1*X_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(self, a_0_shared: Tensor, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:5
        x = x_prev + a_0_shared * wx  # rf:5
        return x, wx


class SecondStep(nn.Module):
    """X_2 = X_1 + (a_0*W_2*X_1 + a_1*W_1*X_0)

    Takes x_prev = X_1, wx_prev = W_1*X_0.
    Hands on X_2, W_1*X_0, W_2*X_1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(
        self, a_0_shared: Tensor, a_1_shared: Tensor, x_prev: Tensor, wx_prev: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:5
        x = x_prev + (a_0_shared * wx + a_1_shared * wx_prev)  # rf:5
        return x, wx_prev, wx


class Step(nn.Module):
    """X_i = X_<i-1> + sum(k, 0, 2, a_k*W_<i-k>*X_<i-k-1>)

    Takes x_prev = X_<i-1>, wx_prev2 = W_<i-2>*X_<i-3>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_<i-1>*X_<i-2>, W_i*X_<i-1>.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(
        self,
        a_0_shared: Tensor,
        a_1_shared: Tensor,
        a_2_shared: Tensor,
        x_prev: Tensor,
        wx_prev2: Tensor,
        wx_prev: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:5
        x = x_prev + (
            a_0_shared * wx + a_1_shared * wx_prev + a_2_shared * wx_prev2
        )  # rf:5
        return x, wx_prev, wx


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


class WeightedSum(nn.Module):
    """X_i = X_<i-1> + sum(k, 0, 2, a_k*W_<i-k>*X_<i-k-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.a_0 = nn.Parameter(torch.tensor([0.3]))
        self.a_1 = nn.Parameter(torch.tensor([0.3]))
        self.a_2 = nn.Parameter(torch.tensor([0.3]))
        self.blocks = nn.ModuleList(
            [FirstStep(), SecondStep(), *[Step() for _ in range(3)]]
        )
        self.head = Head(16, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x, wx = self.blocks[0](self.a_0, x)
        x, wx_prev, wx = self.blocks[1](self.a_0, self.a_1, x, wx)
        for block in self.blocks[2:]:
            x, wx_prev, wx = block(self.a_0, self.a_1, self.a_2, x, wx_prev, wx)
        return self.head(x)
