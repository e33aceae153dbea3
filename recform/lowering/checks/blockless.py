"""The number of a block, ``i`` or ``L``, where something belongs to no block."""

from __future__ import annotations

import sympy

from recform.algebra.expr import Apply, L
from recform.algebra.formula import Formula
from recform.algebra.indices import untimed
from recform.algebra.symbols import BLOCK
from recform.diagnostics import Diagnostics, Label
from recform.reading.sorts import Reader


def check_numbers(formula: Formula, reader: Reader, report: Diagnostics) -> None:
    """Reports the number of a block where something belongs to none.

    Args:
        formula: the network.
        reader: knows where its equations use an operator.
        report: gets RF218.
    """
    for role in ("stem", "head", "transition"):
        pipeline = getattr(formula, role)
        if pipeline is not None and {BLOCK, L} & pipeline.symbols:
            report.error(
                "RF218",
                f"i and L are numbers of a block, and the {role} belongs to none",
                pipeline.span,
                hint="operators in equations, and the adapter, have them",
            )
    rights = [
        *(equation.right for equation in formula.equations),
        *(boundary.right for boundary in formula.boundaries),
    ]
    calls = {
        call.operator: None
        for right in [*rights, formula.output]
        if right is not None
        for call in sympy.preorder_traversal(right)
        if isinstance(call, Apply) and call.index is sympy.nan
    }
    for name in calls:
        place = formula.operators[name].span
        if BLOCK in formula.operators[name].symbols:
            report.error(
                "RF218",
                f"i is the number of a block, and {untimed(name)} belongs to none: "
                "all blocks share it",
                reader.used[name],
                others=[Label(place, "i stands here")] if place else [],
                hint=f"an operator of its own for each block: {untimed(name)}_i",
            )
