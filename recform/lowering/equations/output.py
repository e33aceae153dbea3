"""The ``output`` statement: what the head gets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from recform.algebra.expr import I, L, State, T, Tensor
from recform.algebra.formula import Equation
from recform.algebra.indices import at_time, untimed
from recform.diagnostics import Diagnostics, Reported
from recform.lowering.equations.vanish import present
from recform.outline.sections import Section
from recform.reading.sorts import Reader
from recform.source import Span
from recform.syntax import nodes as n


def read_output(
    section: Section,
    reader: Reader,
    equations: Sequence[Equation],
    unknowns: frozenset[str],
    report: Diagnostics,
) -> tuple[Tensor, Span] | None:
    """What the head gets, and where the file says so; None after a diagnostic.

    Args:
        section: the statements.
        reader: knows the names, and reads the expression.
        equations: of the network.
        unknowns: names with an equation, those with mistakes among them.
        report: gets RF304 and RF305, and RF306 as a warning.
    """
    item = section.single.get("output")
    if item is None:
        if not equations:
            return None
        last = equations[-1]
        name, times = untimed(last.unknown), reader.names.times
        timed = name in reader.names.timed
        shown = f"{name}_<L,{times}>" if timed else f"{name}_L"
        if len({untimed(equation.unknown) for equation in equations}) > 1:
            report.warning(
                "RF306",
                "several unknowns and no output: "
                f"{shown} is taken, from the last equation",
                last.span,
                hint=f"say so in the file: output {shown}",
            )
        unknown = at_time(name, times) if timed else name
        return State(unknown, L), last.span
    assert isinstance(item, n.Output)
    try:
        # Of a network over positions the head gets all of them.
        over = reader.at("t", T) if reader.names.positions else nullcontext()
        with reader.ending(), over:
            value = reader.tensor(item.expr)
    except Reported:
        return None
    if value.has(I):
        report.error(
            "RF304",
            "the output has no i: the last block is L",
            item.expr.span,
            hint="output X_L",
        )
        return None
    left = present(value, unknowns)
    if left is None:
        report.error(
            "RF305",
            "nothing is left of the output: it lies before time 1",
            item.span,
        )
        return None
    return left, item.span
