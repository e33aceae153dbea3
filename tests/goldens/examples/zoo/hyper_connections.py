"""HyperConnections, from hyper_connections.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  hyper_connections.rf
sha256:  2c78a1857f96b2708c45f6588a561aadf4fa45e3d2cc9ac4953a60759b6a83fd
recform: 0.1.0
command: recform compile hyper_connections.rf -o hyper_connections.py
sealed:  42360610605145da
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["HyperConnections"]


class TBlock(nn.Module):
    """T = ln > linear(4*c) > gelu > linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.fc1 = nn.Linear(in_features, 4 * features)
        self.fc2 = nn.Linear(4 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(self.ln(x)))  # rf:21
        return self.fc2(x)  # rf:21


class Step(nn.Module):
    """U_i = T_i*((odd_i + m_i)*A_<i-1> + (1 - odd_i + n_i)*B_<i-1>)
    A_i = b_i*U_i + p_i*A_<i-1> + q_i*B_<i-1>
    B_i = d_i*U_i + r_i*A_<i-1> + w_i*B_<i-1>

    Takes a_prev = A_<i-1>, b_prev = B_<i-1>.
    Hands on A_i, B_i.
    """

    def __init__(self, i: int) -> None:
        super().__init__()
        self.T = TBlock(64, 64)
        self.m = nn.Parameter(torch.tensor([0.0]))
        self.n = nn.Parameter(torch.tensor([0.0]))
        self.b = nn.Parameter(torch.tensor([1.0]))
        self.p = nn.Parameter(torch.tensor([1.0]))
        self.q = nn.Parameter(torch.tensor([0.0]))
        self.d = nn.Parameter(torch.tensor([1.0]))
        self.r = nn.Parameter(torch.tensor([0.0]))
        self.w = nn.Parameter(torch.tensor([1.0]))
        self.odd = i - 2 * (i // 2)

    def forward(self, a_prev: Tensor, b_prev: Tensor) -> tuple[Tensor, Tensor]:
        u = self.T(
            (self.odd + self.m) * a_prev + (1 - self.odd + self.n) * b_prev
        )  # rf:25
        a = self.b * u + self.p * a_prev + self.q * b_prev  # rf:26
        b = self.d * u + self.r * a_prev + self.w * b_prev  # rf:27
        return a, b


class Stem(nn.Module):
    """stem linear(c) > positions"""

    def __init__(self, in_features: int, features: int, positions: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features)
        self.pos_embedding = nn.Parameter(0.02 * torch.randn(1, positions, features))

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)  # rf:18
        return x + self.pos_embedding.expand_as(x)  # rf:18


class Head(nn.Module):
    """head ln > avgpool > linear(classes)"""

    def __init__(self, in_features: int, classes: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.fc = nn.Linear(in_features, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ln(x).mean(1)  # rf:19
        return self.fc(x)  # rf:19


class HyperConnections(nn.Module):
    """U_i = T_i*((odd_i + m_i)*A_<i-1> + (1 - odd_i + n_i)*B_<i-1>)
    A_i = b_i*U_i + p_i*A_<i-1> + q_i*B_<i-1>
    B_i = d_i*U_i + r_i*A_<i-1> + w_i*B_<i-1>
    A_0 = input
    B_0 = input

    Takes N x 64 x 48, returns N x 10.
    """

    def __init__(self, in_features: int = 48, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_features, 64, positions=64)
        self.blocks = nn.ModuleList([Step(i=1 + k) for k in range(6)])
        self.head = Head(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        a, b = x, x
        for block in self.blocks:
            a, b = block(a, b)
        return self.head(a + b)
