"""Where a written-out tensor stands in the formula."""

from __future__ import annotations

import sympy

from recform.algebra.expr import I, Input, L, State, Tensor
from recform.algebra.formula import Formula
from recform.recurrence.build import relative
from recform.recurrence.model import END, Step
from recform.source import Span


def find(formula: Formula, tensor: Tensor) -> Span | None:
    """The place of a tensor in the formula, up to a shift of ``i``."""
    for distance in range(8):
        for sign in (-1, 1):
            moved = tensor.xreplace({I: I + sign * distance}) if distance else tensor
            if moved in formula.spans:
                return formula.spans[moved]
    return None


def place_in(formula: Formula, step: Step, tensor: Tensor) -> Span:
    """The place of a tensor of a step, or of the first part that has one."""
    symbolic = relative(tensor, step.at, step.absolute)
    is_end = step.role == END
    # Behind the last block the equation counts from that: X_L.
    found = find(formula, symbolic.xreplace({I: L + 1})) if is_end else None
    # Unknowns begin as what comes in.
    first = {x: Input() for x in symbolic.atoms(State) if x.index == sympy.S.Zero}
    found = found or find(formula, symbolic) or find(formula, symbolic.xreplace(first))
    if found is not None:
        return found
    for part in tensor.children:
        return place_in(formula, step, part)
    return formula.output_span if is_end else formula.equations[0].span
