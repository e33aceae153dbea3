"""Mixer, from tokens.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  tokens.rf
sha256:  1187d891384b9f22a5919c8121468a15ee34a40fe48daf2b0b4b0f0a1849cbb8
recform: 0.1.0
command: recform compile tokens.rf -o tokens.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Mixer"]


class WBlock(nn.Module):
    """W = ln > linear(4*c) > gelu > linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.fc1 = nn.Linear(in_features, 4 * features)
        self.fc2 = nn.Linear(4 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(self.ln(x)))  # rf:5
        return self.fc2(x)  # rf:5


class Step(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(32, 32)

    def forward(self, x_prev: Tensor) -> Tensor:
        return x_prev + self.W(x_prev)  # rf:6


class Stem(nn.Module):
    """stem linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)  # rf:default


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_features: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean(1))  # rf:default


class Mixer(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes N x 16 x 24, returns N x 10.
    """

    def __init__(self, in_features: int = 24, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_features, 32)
        self.blocks = nn.Sequential(*[Step() for _ in range(3)])
        self.head = Head(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        return self.head(x)
