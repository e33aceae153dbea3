"""Of which block a written-out tensor is."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from recform.algebra.expr import (
    Apply,
    Filled,
    History,
    Learned,
    Mirror,
    Scaled,
    State,
    Tensor,
)


def newest(tensor: Tensor) -> int:
    """The highest block number in a written-out tensor; 0 for the input."""
    result = 0
    if isinstance(tensor, State | Apply) and tensor.index is not sympy.nan:
        result = int(tensor.index)
    elif isinstance(tensor, Mirror):
        result = tensor.block
    elif isinstance(tensor, History):
        result = int(tensor.last)
    elif isinstance(tensor, Scaled | Filled):
        result = max(
            (
                int(x.index)
                for x in tensor.coefficient.atoms(Learned)
                if x.index is not sympy.nan
            ),
            default=0,
        )
    if isinstance(tensor, State | History):
        return result
    return max([result, *(newest(child) for child in tensor.children)])


def leading(slots: Sequence[object]) -> int | None:
    """The position of the tensor of the newest block; None if there is no tensor."""
    ages = [newest(s) if isinstance(s, Tensor) else -1 for s in slots]
    best = max(ages, default=-1)
    return ages.index(best) if best >= 0 else None
