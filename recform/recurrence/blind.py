"""Whether a network sees its input: ``X_i = 0*X_<i-1>`` does not."""

from __future__ import annotations

from collections.abc import Iterator

from recform.algebra.expr import I, Input, L, Scaled, State, Tensor
from recform.algebra.formula import Formula
from recform.diagnostics import Diagnostics


def warn_if_blind(formula: Formula, report: Diagnostics) -> None:
    """Warns where every way from the input to the output is multiplied by 0.

    Terms that cancel each other (``X_<i-1> - X_<i-1>``) are not looked for, nor
    coefficients that are 0 in one block (``(i-1)*X_<i-1>``).

    Args:
        formula: the network, of which the blocks can be computed.
        report: gets RF310.
    """
    if not _sees(formula):
        report.warning(
            "RF310",
            "the output does not depend on the input",
            formula.output_span,
            hint="every way from the one to the other is multiplied by 0"
            + ", or begins at a further input" * bool(formula.contexts),
        )


def _sees(formula: Formula) -> bool:
    rights = {equation.unknown: equation.right for equation in formula.equations}
    # What a subexpression starts at is not followed: it may be read anywhere.
    waiting = [formula.output] + [
        boundary.right
        for boundary in formula.boundaries
        if boundary.right is not None and not isinstance(boundary.left, State)
    ]
    starts: dict[str, list[Tensor]] = {name: [] for name in rights}
    told: set[str] = set()
    for boundary in formula.boundaries:
        if isinstance(boundary.left, State):
            if boundary.left.index == 0:
                told.add(boundary.left.name)
            if boundary.right is not None:
                starts.setdefault(boundary.left.name, []).append(boundary.right)
    seen: set[tuple[str, bool]] = set()
    while waiting:
        for part in _reached(waiting.pop()):
            if isinstance(part, Input):
                return True
            if not isinstance(part, State):
                continue
            # An unknown of this very block is what its equation says; an older one may
            # be what it starts at as well.
            older = part.index not in (I, L)
            if older and part.name not in told:
                return True
            if (part.name, older) not in seen:
                seen.add((part.name, older))
                waiting += [rights[part.name]] if part.name in rights else []
                waiting += starts.get(part.name, []) if older else []
    return False


def _reached(tensor: Tensor) -> Iterator[Tensor]:
    """A tensor and its parts, without what is multiplied by 0."""
    if isinstance(tensor, Scaled) and tensor.coefficient == 0:
        return
    yield tensor
    for child in tensor.children:
        yield from _reached(child)
