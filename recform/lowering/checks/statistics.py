"""Batch normalisation in a module that all blocks share: its statistics fit none."""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from recform.algebra.definitions.body import every_step
from recform.algebra.expr import Apply
from recform.algebra.formula import Formula
from recform.algebra.indices import untimed
from recform.diagnostics import Diagnostics


def warn_of_shared_statistics(formulas: Iterable[Formula], report: Diagnostics) -> None:
    """Warns of running statistics that gather what several blocks compute.

    In training each call is normalised by its own batch, in evaluation all are by one mean
    and variance, which lie between those of the blocks.

    Args:
        formulas: the networks.
        report: gets RF312.
    """
    for formula in formulas:
        _warn(formula, report)


def _warn(formula: Formula, report: Diagnostics) -> None:
    if max(formula.lengths) < 2:
        return
    applied: dict[str, Apply] = {}
    for equation in formula.equations:
        for call in sorted(equation.right.atoms(Apply), key=str):
            if call.index is sympy.nan:
                applied.setdefault(call.operator, call)
    for name, call in applied.items():
        steps = every_step(formula.operators[name])
        norm = next((s for s in steps if s.operator.gathers), None)
        if norm is None:
            continue
        shown = untimed(name)
        report.warning(
            "RF312",
            f"all blocks share {shown}, and the running statistics of its "
            f"{norm.operator.name}, which fit none of them in evaluation",
            formula.name_spans.get(shown) or formula.span_of(call),
            hint=f"ln and gn have none; {shown}_i is a module for each block",
        )
