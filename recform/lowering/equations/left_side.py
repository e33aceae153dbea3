"""What the left side of an equation says: for which block it is."""

from __future__ import annotations

from recform.algebra.expr import I, L
from recform.algebra.indices import offset
from recform.algebra.scalars import scalar_of
from recform.outline.survey import references
from recform.syntax import nodes as n


def shift_of(index: n.Expr | n.Range) -> int | None:
    """How far an index lies after ``i``; None if it has no ``i``."""
    if isinstance(index, n.Range):
        return None
    value = scalar_of(index, {"i": I, "L": L})
    if value is None or isinstance(value, bool) or not value.has(I):
        return None
    return offset(value) if (value - I).is_Integer else None


def shift_on_left(left: n.Expr) -> int | None:
    """How far the one index on the left lies after ``i``; None if it has no ``i``."""
    if not isinstance(left, n.Reference) or len(left.indices) != 1:
        return None
    return shift_of(left.indices[0])


def mentions_i(left: n.Expr) -> bool:
    """Whether an index on the left side is ``i`` or near it."""
    return any(
        inner.name == "i"
        for reference in references(left)
        for index in reference.indices
        if not isinstance(index, n.Range)
        for inner in references(index)
    )


def is_general(left: n.Expr) -> bool:
    """Whether the left side is ``dX_L/dX_<L-i>``."""
    return (
        isinstance(left, n.Product)
        and len(left.factors) == 2
        and left.factors[1][0] < 0
        and all(
            isinstance(f, n.Reference) and f.name.startswith("d")
            for _, f in left.factors
        )
    )
