"""WeightedSum, from weighted_sum.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  weighted_sum.rf
sha256:  b23552fc38b6e935f4742c11abc460ad6f76a5f3bd0e911e0ef72902b687bde0
recform: 0.1.0
command: recform compile weighted_sum.rf -o weighted_sum.py
sealed:  b9a10c48cccef920
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
    """X_1 = X_0

    Takes x_prev = X_0.
    Hands on X_1, W_1*X_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:5
        return x_prev, wx


class SecondStep(nn.Module):
    """X_2 = X_1 + a_1*W_1*X_0

    Takes x_prev = X_1, wx_prev = W_1*X_0.
    Hands on X_2, W_1*X_0, W_2*X_1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(
        self, a_1_shared: Tensor, x_prev: Tensor, wx_prev: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        x = x_prev + a_1_shared * wx_prev  # rf:5
        wx = self.W(x_prev)  # rf:5
        return x, wx_prev, wx


class ThirdStep(nn.Module):
    """X_3 = X_2 + (a_1*W_2*X_1 + a_2*W_1*X_0)

    Takes x_prev = X_2, wx_prev2 = W_1*X_0, wx_prev = W_2*X_1.
    Hands on X_3, W_1*X_0, W_2*X_1, W_3*X_2.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(
        self,
        a_1_shared: Tensor,
        a_2_shared: Tensor,
        x_prev: Tensor,
        wx_prev2: Tensor,
        wx_prev: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = x_prev + (a_1_shared * wx_prev + a_2_shared * wx_prev2)  # rf:5
        wx = self.W(x_prev)  # rf:5
        return x, wx_prev2, wx_prev, wx


class Step(nn.Module):
    """X_i = X_<i-1> + sum(k, 1, 3, a_k*W_<i-k>*X_<i-k-1>)

    Takes x_prev = X_<i-1>, wx_prev3 = W_<i-3>*X_<i-4>, wx_prev2 = W_<i-2>*X_<i-3>,
    wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_<i-2>*X_<i-3>, W_<i-1>*X_<i-2>, W_i*X_<i-1>.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(16, 16)

    def forward(
        self,
        a_1_shared: Tensor,
        a_2_shared: Tensor,
        a_3_shared: Tensor,
        x_prev: Tensor,
        wx_prev3: Tensor,
        wx_prev2: Tensor,
        wx_prev: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = x_prev + (
            a_1_shared * wx_prev + a_2_shared * wx_prev2 + a_3_shared * wx_prev3
        )  # rf:5
        wx = self.W(x_prev)  # rf:5
        return x, wx_prev2, wx_prev, wx


class LastStep(nn.Module):
    """X_L = X_<L-1> + (a_1*W_<L-1>*X_<L-2> + a_2*W_<L-2>*X_<L-3> +
    a_3*W_<L-3>*X_<L-4>)

    Takes x_prev = X_<L-1>, wx_prev3 = W_<L-3>*X_<L-4>, wx_prev2 = W_<L-2>*X_<L-3>,
    wx_prev = W_<L-1>*X_<L-2>.
    Hands on X_L.
    """

    def forward(
        self,
        a_1_shared: Tensor,
        a_2_shared: Tensor,
        a_3_shared: Tensor,
        x_prev: Tensor,
        wx_prev3: Tensor,
        wx_prev2: Tensor,
        wx_prev: Tensor,
    ) -> Tensor:
        return x_prev + (
            a_1_shared * wx_prev + a_2_shared * wx_prev2 + a_3_shared * wx_prev3
        )  # rf:5


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
    """X_i = X_<i-1> + sum(k, 1, 3, a_k*W_<i-k>*X_<i-k-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 16)
        self.a_1 = nn.Parameter(torch.tensor([0.3]))
        self.a_2 = nn.Parameter(torch.tensor([0.3]))
        self.a_3 = nn.Parameter(torch.tensor([0.3]))
        self.blocks = nn.ModuleList(
            [FirstStep(), SecondStep(), ThirdStep(), Step(), LastStep()]
        )
        self.head = Head(16, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x, wx = self.blocks[0](x)
        x, wx_prev, wx = self.blocks[1](self.a_1, x, wx)
        x, wx_prev2, wx_prev, wx = self.blocks[2](self.a_1, self.a_2, x, wx_prev, wx)
        x, wx_prev2, wx_prev, wx = self.blocks[3](
            self.a_1, self.a_2, self.a_3, x, wx_prev2, wx_prev, wx
        )
        x = self.blocks[-1](self.a_1, self.a_2, self.a_3, x, wx_prev2, wx_prev, wx)
        return self.head(x)
