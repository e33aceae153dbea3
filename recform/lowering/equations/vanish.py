"""Terms of a time before the first one, where nothing is: they leave their sums."""

from __future__ import annotations

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Filled,
    Learned,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.indices import is_before_time
from recform.algebra.reindex import remade


def present(tensor: Tensor, unknowns: frozenset[str]) -> Tensor | None:
    """The tensor without what lies before the first time; None if nothing is left.

    Args:
        tensor: the right side of an equation.
        unknowns: those that have an equation; ``X_<i,0>`` may.
    """
    if is_gone(tensor, unknowns):
        return None
    left = [present(child, unknowns) for child in tensor.children]
    kept = [child for child in left if child is not None]
    if isinstance(tensor, TensorSum | Combine | Concat):
        if not kept or all(isinstance(child, Filled) for child in kept):
            return None
        return kept[0] if len(kept) == 1 else remade(tensor, kept)
    return remade(tensor, kept) if len(kept) == len(left) else None


def is_gone(tensor: Tensor, unknowns: frozenset[str]) -> bool:
    """Whether this very tensor is of a time before the first one."""
    match tensor:
        case State():
            return is_before_time(tensor.name) and tensor.name not in unknowns
        case Apply():
            return is_before_time(tensor.operator)
        case Scaled() | Filled():
            return any(
                is_before_time(item.name) for item in tensor.coefficient.atoms(Learned)
            )
    return False
