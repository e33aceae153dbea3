"""Highway10, Highway50, Highway100, from highway.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  highway.rf
sha256:  fb4e2ef02564d9ce9cf4b402fb766b41e7e2332b764a27e88cbc4c983e77b5df
recform: 0.1.0
command: recform compile highway.rf -o highway.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Highway10", "Highway50", "Highway100"]


class TBlock(nn.Module):
    """T = linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)  # rf:11


class HBlock(nn.Module):
    """H = linear(c) > relu"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc(x))  # rf:10


class Highway10Step(nn.Module):
    """g_i = sigmoid(T_i*y_<i-1> - 2)
    y_i = H_i(y_<i-1>)*g_i + y_<i-1>*(1 - g_i)

    Takes y_prev = y_<i-1>.
    Hands on y_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.T = TBlock(50, 50)
        self.H = HBlock(50, 50)

    def forward(self, y_prev: Tensor) -> Tensor:
        g = torch.sigmoid(self.T(y_prev) - 2)  # rf:13
        return self.H(y_prev) * g + y_prev * (1 - g)  # rf:14


class Stem(nn.Module):
    """stem linear(c) > relu"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc(x))  # rf:7


class Head(nn.Module):
    """head linear(classes)"""

    def __init__(self, in_features: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)  # rf:8


class Highway10(nn.Module):
    """g_i = sigmoid(T_i*y_<i-1> - 2)
    y_i = H_i(y_<i-1>)*g_i + y_<i-1>*(1 - g_i)

    Takes N x 784, returns N x 10.
    """

    def __init__(self, in_features: int = 784, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_features, 50)
        self.blocks = nn.Sequential(*[Highway10Step() for _ in range(9)])
        self.head = Head(50, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        return self.head(x)


class Highway50Step(nn.Module):
    """g_i = sigmoid(T_i*y_<i-1> - 2)
    y_i = H_i(y_<i-1>)*g_i + y_<i-1>*(1 - g_i)

    Takes y_prev = y_<i-1>.
    Hands on y_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.T = TBlock(50, 50)
        self.H = HBlock(50, 50)

    def forward(self, y_prev: Tensor) -> Tensor:
        g = torch.sigmoid(self.T(y_prev) - 2)  # rf:13
        return self.H(y_prev) * g + y_prev * (1 - g)  # rf:14


class Highway50(nn.Module):
    """g_i = sigmoid(T_i*y_<i-1> - 2)
    y_i = H_i(y_<i-1>)*g_i + y_<i-1>*(1 - g_i)

    Takes N x 784, returns N x 10.
    """

    def __init__(self, in_features: int = 784, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_features, 50)
        self.blocks = nn.Sequential(*[Highway50Step() for _ in range(49)])
        self.head = Head(50, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        return self.head(x)


class Highway100Step(nn.Module):
    """g_i = sigmoid(T_i*y_<i-1> - 2)
    y_i = H_i(y_<i-1>)*g_i + y_<i-1>*(1 - g_i)

    Takes y_prev = y_<i-1>.
    Hands on y_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.T = TBlock(50, 50)
        self.H = HBlock(50, 50)

    def forward(self, y_prev: Tensor) -> Tensor:
        g = torch.sigmoid(self.T(y_prev) - 2)  # rf:13
        return self.H(y_prev) * g + y_prev * (1 - g)  # rf:14


class Highway100(nn.Module):
    """g_i = sigmoid(T_i*y_<i-1> - 2)
    y_i = H_i(y_<i-1>)*g_i + y_<i-1>*(1 - g_i)

    Takes N x 784, returns N x 10.
    """

    def __init__(self, in_features: int = 784, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_features, 50)
        self.blocks = nn.Sequential(*[Highway100Step() for _ in range(99)])
        self.head = Head(50, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        return self.head(x)
