"""The analysis as LaTeX: formulas that go into a paper as they are."""

from __future__ import annotations

from recform.analysis.jacobian.closed import Jacobian, Pieces
from recform.analysis.model import Analysis
from recform.recurrence.regimes import in_blocks
from recform.series.show import LATEX


def latex(analysis: Analysis) -> str:
    """All formulas of an analysis, a line each, with comments between them."""
    lines = [f"% {analysis.name}"]
    for item in analysis.jacobians:
        if item.own is not None:
            lines += _pieces(item, item.own)
            continue
        lines += ["% Jacobian", item.recurrence.latex]
        lines += [row.latex for row in item.written]
        if item.closed is not None:
            lines += ["% general formula", item.closed.latex]
    if analysis.start:
        lines += ["% by the input", *(row.latex for row in analysis.start)]
    stability = analysis.stability
    if stability is not None and stability.latex and not analysis.own:
        lines += ["% characteristic polynomial", stability.latex]
    for regime in analysis.regimes:
        if regime.stability.latex:
            where = in_blocks(regime.blocks)
            lines.append(f"% characteristic polynomial, {where}")
            lines.append(regime.stability.latex)
    for invariant in analysis.invariants:
        behind = f", behind block {analysis.own[-1]}" if analysis.own else ""
        lines += [f"% invariant{behind}", invariant.text(LATEX)]
    if analysis.inverse.exists:
        but = f", not across {in_blocks(analysis.own)}" if analysis.own else ""
        lines += [f"% inverse{but}", *(s.text(LATEX) for s in analysis.inverse.steps)]
    return "\n".join(lines) + "\n"


def _pieces(item: Jacobian, own: Pieces) -> list[str]:
    lines = []
    for case in own.cases:
        lines += [f"% Jacobian, for {case.where()}", case.recurrence.latex]
    for length, rows in own.written.items():
        lines += [f"% with {length} blocks", *(row.latex for row in rows)]
    if item.closed is not None and own.behind is not None:
        lines += [
            f"% general formula, for L-i = {own.behind} and more",
            item.closed.latex,
        ]
    return lines
