"""How much the equations of a file may be, when they are written out.

Files come from anybody, and a short one can stand for a lot. What takes the time is known
before it is spent: every stage looks at each part of an equation, once for each block that
is a case of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recform.algebra.expr import Apply, History, State, Tensor, subtensors
from recform.algebra.formula import Boundary, Equation, Formula
from recform.diagnostics import Diagnostics
from recform.lowering.reading.base import MAX_PARTS, too_large


def check(formulas: Iterable[Formula], report: Diagnostics) -> None:
    """Reports a file whose equations are too large together.

    Args:
        formulas: all networks of the file.
        report: gets RF109, at the equation that is the largest.
    """
    sizes = {
        relation.span: size
        for formula in formulas
        for relation, size in _written_out(formula)
    }
    total = sum(sizes.values())
    if total > MAX_PARTS:
        largest = max(sizes, key=lambda span: sizes[span])
        report.error(
            "RF109",
            too_large("the equations are", total),
            largest,
            f"{sizes[largest]:,} of them",
            hint="a block that an equation names by number has all before it written out; "
            "what stands in several places can be an unknown of its own",
        )


def _written_out(formula: Formula) -> Iterator[tuple[Equation | Boundary, int]]:
    """Each equation and how many parts it is, with those of blocks that have a number."""
    blocks = 1 + max(
        (
            number
            for tensor in _tensors(formula)
            for part in subtensors(tensor)
            for number in _number(part)
        ),
        default=0,
    )
    for equation in formula.equations:
        yield equation, equation.right.size * blocks
    for boundary in formula.boundaries:
        yield boundary, 0 if boundary.right is None else boundary.right.size


def _tensors(formula: Formula) -> Iterator[Tensor]:
    yield formula.output
    for equation in formula.equations:
        yield equation.right
    for boundary in formula.boundaries:
        yield boundary.left
        if boundary.right is not None:
            yield boundary.right


def _number(tensor: Tensor) -> Iterator[int]:
    """The number of the block that a tensor names, if it names one."""
    index = getattr(tensor, "last" if isinstance(tensor, History) else "index", None)
    if isinstance(tensor, State | Apply | History) and index.is_Integer:  # type: ignore[union-attr]
        yield int(index)  # type: ignore[arg-type]
