"""How much the equations of a file may be, when they are written out.

Files come from anybody, and a short one can stand for a lot. What takes the time is known
before it is spent: every stage looks at each part of an equation, once for each block that
is a case of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recform.algebra.definitions.body import Body
from recform.algebra.expr import Apply, History, State, Tensor, subtensors
from recform.algebra.formula import Boundary, Equation, Formula
from recform.algebra.pipeline import Pipeline
from recform.diagnostics import Diagnostics
from recform.reading.base import MAX_PARTS, too_large

#: How many operators one flow may run, with those of definitions in definitions.
MAX_RUN = 20_000


def check(formulas: Iterable[Formula], report: Diagnostics) -> None:
    """Reports a file whose equations are too large together.

    Args:
        formulas: all networks of the file.
        report: gets RF109, at the equation or the flow that is the largest.
    """
    formulas = list(formulas)
    for formula in formulas:
        _check_flows(formula, report)
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


def _check_flows(formula: Formula, report: Diagnostics) -> None:
    """Reports flows that run too many operators of definitions.

    A definition is code once, but one that calls another twice doubles what runs, and
    the proof of the source follows all that runs.
    """
    sizes: dict[Body, int] = {}

    def size(pipeline: Pipeline) -> int:
        bodies = [s.operator for s in pipeline.steps if isinstance(s.operator, Body)]
        for body in bodies:
            if body not in sizes:
                calls = (body.operators[call.operator] for call in body.calls())
                sizes[body] = sum(1 + size(inner) for inner in calls)
        return len(pipeline.steps) + sum(sizes[body] for body in bodies)

    flows = [formula.stem, formula.head, *formula.operators.values()]
    flows += [
        f for f in (formula.adapter, formula.transition, formula.lift) if f is not None
    ]
    for flow in flows:
        total = size(flow)
        if total > MAX_RUN:
            report.error(
                "RF109",
                f"{flow.name} runs {total:,} operators, with those of its definitions, and "
                f"{MAX_RUN:,} is the limit",
                flow.span or formula.equations[0].span,
                hint="a definition that calls another one twice doubles them",
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
