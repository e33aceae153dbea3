"""Terms of a time before the first one, where nothing is: they leave their sums."""

from __future__ import annotations

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.indices import is_before_time
from recform.algebra.lists import Dealt, Members, Over


def present(tensor: Tensor, unknowns: frozenset[str]) -> Tensor | None:
    """The tensor without what lies before the first time; None if nothing is left.

    Args:
        tensor: the right side of an equation.
        unknowns: those that have an equation; ``X_<i,0>`` may.
    """
    if is_gone(tensor, unknowns):
        return None
    match tensor:
        case TensorSum() | Combine() | Concat():
            left = [present(child, unknowns) for child in tensor.children]
            kept = [child for child in left if child is not None]
            if not kept or all(isinstance(child, Filled) for child in kept):
                return None
            if len(kept) == 1:
                return kept[0]
            if isinstance(tensor, Combine):
                return Combine(tensor.kind, *kept)
            return tensor.func(*kept)  # type: ignore[no-any-return]
        case Pointwise():
            left = [present(child, unknowns) for child in tensor.children]
            kept = [child for child in left if child is not None]
            return Pointwise(*kept) if len(kept) == len(left) else None
        case Apply():
            left = [present(child, unknowns) for child in tensor.arguments]
            kept = [child for child in left if child is not None]
            whole = len(kept) == len(left)
            return Apply(tensor.operator, tensor.index, *kept) if whole else None
        case Scaled():
            inner = present(tensor.tensor, unknowns)
            return inner and Scaled(tensor.coefficient, inner, tensor.at)
        case Elementwise():
            inner = present(tensor.argument, unknowns)
            return inner and Elementwise(tensor.function, inner)
        case Part():
            inner = present(tensor.tensor, unknowns)
            return inner and Part(inner, tensor.parts, tensor.which)
        case Over() | Across():
            inner = present(tensor.tensor, unknowns)
            return inner and tensor.func(tensor.kind, inner)
        case Dealt():
            inner = present(tensor.tensor, unknowns)
            return inner and Dealt(inner)
        case Members():
            inner = present(tensor.listed, unknowns)
            return Members(inner) if isinstance(inner, History) else None
        case History():
            inner = present(tensor.body, unknowns)
            first, last = tensor.first, tensor.last
            return inner and History(tensor.kind, inner, first, last)
    return tensor


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
