"""Perceptron, from vector.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  vector.rf
sha256:  4ba119bfac22466681816c3740bcdc77d9a3788e24f95ff4fa89e8edb96d2498
recform: 0.1.0
command: recform compile vector.rf -o vector.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Perceptron"]


class WBlock(nn.Module):
    """W = ln > linear(4*c) > gelu > linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.fc1 = nn.Linear(in_features, 4 * features)
        self.fc2 = nn.Linear(4 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(self.ln(x)))  # rf:default
        return self.fc2(x)  # rf:default


class Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(32, 32)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(x_prev + self.W(x_prev))  # rf:5


class Stem(nn.Module):
    """stem linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)  # rf:default


class Head(nn.Module):
    """head linear(classes)"""

    def __init__(self, in_features: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)  # rf:default


class Perceptron(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 20, returns N x 10.
    """

    def __init__(self, in_features: int = 20, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_features, 32)
        self.blocks = nn.Sequential(*[Step() for _ in range(3)])
        self.head = Head(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        return self.head(x)
