"""What a network reads of earlier positions, of which there are too few."""

from __future__ import annotations

from recform.algebra.definitions.cell import cell_of
from recform.algebra.expr import Apply, Elementwise, Tensor
from recform.algebra.formula import Formula
from recform.blocks import Layout
from recform.diagnostics import Diagnostics
from recform.graph.model import StageGraph
from recform.graph.places import find
from recform.recurrence.build import relative
from recform.recurrence.model import Recurrence
from recform.source import Span


def warn_of_positions(
    recurrence: Recurrence, stages: tuple[StageGraph, ...], report: Diagnostics
) -> None:
    """Warns of what lies before the first position at every position.

    Args:
        recurrence: the steps.
        stages: which blocks take them.
        report: gets RF319 (``X_<i-1,t-1>`` where tokens have one position).
    """
    formula = recurrence.formula
    told: set[Span] = set()
    for segment in (segment for stage in stages for segment in stage.segments):
        step = recurrence.steps[segment.step]
        shapes = segment.block.shapes
        moved = {
            t.argument
            for t in shapes
            if isinstance(t, Elementwise) and _back(t, formula)
        }
        for tensor, shape in shapes.items():
            back = 0 if tensor in moved else _back(tensor, formula)
            if not back or shape.layout is not Layout.TOKENS or shape.grid[0] > back:
                continue
            found = find(formula, relative(tensor, step.at, step.absolute))
            place = found or formula.equations[0].span
            if place in told:
                continue
            told.add(place)
            count = int(shape.grid[0])
            report.warning(
                "RF319",
                f"there {'is' if count == 1 else 'are'} {_counted(count)} here, so what is "
                f"{_counted(back)} back is zeros: what stands in front of it learns nothing",
                place,
                hint="the input says how many there are: input 64 x 32 has 64",
            )


def _back(tensor: Tensor, formula: Formula) -> int:
    """How many positions back a tensor reads at most, where zeros may stand; 0 for none."""
    if isinstance(tensor, Elementwise):
        back = 0
        while isinstance(tensor, Elementwise) and tensor.function.moves:
            back += tensor.function.moves
            tensor = tensor.argument
        return back
    cell = cell_of(formula, tensor.operator) if isinstance(tensor, Apply) else None
    if cell is None:
        return 0
    # What a recurrence begins with is one position back at the first.
    return max(lag - (name in cell.starts) for name, lag in cell.lags.items())


def _counted(count: int) -> str:
    return "one position" if count == 1 else f"{count} positions"
