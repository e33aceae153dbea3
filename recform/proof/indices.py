"""Indices of the formula as a symbol and a number, and tensors with numbers in them."""

from __future__ import annotations

from functools import lru_cache

import sympy

from recform.algebra.expr import Apply, History, I, K, L, State, Tensor, subtensors
from recform.algebra.reindex import reindexed
from recform.blocks.symbolic import Symbolic


@lru_cache(maxsize=4096)
def place(index: Symbolic) -> tuple[sympy.Symbol | None, int]:
    """An index as what it is counted from (``I``, ``L``, ``K`` or None) and a number."""
    for symbol in (I, L, K):
        if index.has(symbol):
            return symbol, int(index - symbol)
    return None, int(index)


def lag_of(right: Apply, block: int = 0) -> int:
    """How many blocks an unknown lies behind the operator, or the newest unknown in it.

    Args:
        right: the unknown's equation.
        block: the one for which it is, if it names blocks by numbers.
    """
    if right.index is not sympy.nan:
        return block - place(right.index)[1]
    lags = [
        place(part.index if isinstance(part, State) else part.last)
        for inner in right.arguments
        for part in subtensors(inner)
        if isinstance(part, State | History)
    ]
    if block:
        return block - max([0, *(number for _, number in lags)])
    return min((-number for symbol, number in lags if symbol is I), default=0)


def written(tensor: Tensor, numbers: dict[sympy.Symbol, int]) -> Tensor:
    """A tensor with numbers as indices; its coefficients remember the block."""

    def index(value: Symbolic) -> Symbolic:
        symbol, distance = place(value)
        return sympy.Integer(distance + numbers.get(symbol, 0))

    return reindexed(tensor, index, lambda value, _: (value, numbers[I]))
