"""Widths that a file declares and its operators do not make."""

from __future__ import annotations

from recform.algebra.expr import (
    Apply,
    Combine,
    Elementwise,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    untimed,
)
from recform.algebra.formula import Formula
from recform.diagnostics import Diagnostics
from recform.graph.model import Block, StageGraph


def warn_of_widths(
    formula: Formula, stages: tuple[StageGraph, ...], report: Diagnostics
) -> None:
    """Warns of a stage whose blocks make another width than it declares.

    What is put side by side or split has a width of its own; and of several unknowns
    nobody says which one has that of the stage.

    Args:
        formula: the network.
        stages: what its blocks make.
        report: gets RF408, for the first such stage.
    """
    if len({untimed(equation.unknown) for equation in formula.equations}) > 1:
        return
    last = formula.equations[-1]
    made_by = _operator(last.right)
    if made_by is None:
        return
    for spec, stage in zip(formula.stages, stages, strict=True):
        width = _width(last.unknown, stage.segments[-1].block)
        if width not in (None, spec.width):
            report.warning(
                "RF408",
                f"this stage declares the width {spec.width}, "
                f"and with {made_by} its blocks make {width}",
                spec.span or last.span,
                hint="c is the width of the stage: an operator may end in conv(1, c), "
                "or linear(c)",
            )
            return


def _width(unknown: str, block: Block) -> int | None:
    """The features of an unknown in the newest block that knows it."""
    known = {
        int(tensor.index): int(shape.features)
        for tensor, shape in block.shapes.items()
        if isinstance(tensor, State) and tensor.name == unknown
    }
    return known[max(known)] if known else None


def _operator(tensor: Tensor) -> str | None:
    """An operator that makes the width of a right side; None if it is not one alone."""
    match tensor:
        case Apply():
            return untimed(tensor.operator)
        case TensorSum() | Pointwise() | Combine() | Scaled() | Elementwise():
            found = [_operator(child) for child in tensor.children]
            return next((name for name in found if name), None)
    return None
