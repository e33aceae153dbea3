"""Where a written-out tensor stands in the formula."""

from __future__ import annotations

from recform.algebra.expr import I, Tensor
from recform.algebra.formula import Formula
from recform.source import Span


def find(formula: Formula, tensor: Tensor) -> Span | None:
    """The place of a tensor in the formula, up to a shift of ``i``."""
    for distance in range(8):
        for sign in (-1, 1):
            moved = tensor.xreplace({I: I + sign * distance}) if distance else tensor
            if moved in formula.spans:
                return formula.spans[moved]
    return None
