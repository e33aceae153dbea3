"""The analysis as LaTeX: formulas that go into a paper as they are."""

from __future__ import annotations

from recform.analysis.model import Analysis


def latex(analysis: Analysis) -> str:
    """All formulas of an analysis, a line each, with comments between them."""
    lines = [f"% {analysis.name}"]
    for item in analysis.jacobians:
        lines += ["% Jacobian", item.recurrence.latex]
        lines += [row.latex for row in item.written]
        if item.closed is not None:
            lines += ["% general formula", item.closed.latex]
    if analysis.start:
        lines += ["% by the input", *(row.latex for row in analysis.start)]
    if analysis.stability.latex:
        lines += ["% characteristic polynomial", analysis.stability.latex]
    for invariant in analysis.invariants:
        lines += ["% invariant", invariant.latex()]
    if analysis.inverse.exists:
        lines += ["% inverse", *(step.latex() for step in analysis.inverse.steps)]
    return "\n".join(lines) + "\n"
