"""Widths and strides that a file declares and its operators do not make."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Elementwise,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.formula import Formula, Scope
from recform.algebra.indices import untimed
from recform.algebra.pipeline import Pipeline
from recform.algebra.symbols import WIDTH
from recform.blocks import symbols_in
from recform.diagnostics import Diagnostics
from recform.graph.model import Block, StageGraph


def warn_of_widths(
    formula: Formula, stages: tuple[StageGraph, ...], report: Diagnostics
) -> None:
    """Warns of a stage whose blocks make another width than it declares.

    What is put side by side or split has a width of its own. Of several unknowns nobody
    says which one has that of the stage: one of them should, or an operator that makes
    one speaks of c.

    Args:
        formula: the network.
        stages: what its blocks make.
        report: gets RF408, for the first such stage.
    """
    last = formula.equations[-1]
    several = len({untimed(equation.unknown) for equation in formula.equations}) > 1
    made_by = _operator(last.right)
    if (
        any(map(_speaks_of_width, formula.operators.values()))
        if several
        else not made_by
    ):
        return
    for spec, stage in zip(formula.stages, stages, strict=True):
        block = stage.segments[-1].block
        widths = {e.unknown: _width(e.unknown, block) for e in formula.equations}
        if several:
            said = None if spec.width in _together(formula, widths) else _shown(widths)
        else:
            width = widths[last.unknown]
            same = width in (None, spec.width)
            said = None if same else f"with {made_by} its blocks make {width}"
        if said is not None:
            report.warning(
                "RF408",
                f"this stage declares the width {spec.width}, and {said}",
                spec.span or last.span,
                hint="c is the width of the stage: an operator may end in conv(1, c), "
                "or linear(c)",
            )
            return


def warn_of_strides(
    formula: Formula, stages: tuple[StageGraph, ...], report: Diagnostics
) -> None:
    """Warns of a stage that declares a stride, and whose blocks leave the grid as it is.

    Args:
        formula: the network.
        stages: what its blocks make.
        report: gets RF411, for the first such stage.
    """
    apart = formula.scope is Scope.STAGE
    first = stages[0].segments[0]
    comes = next((x for x in first.inputs if x is not None), stages[0].shape)
    for number, (spec, stage) in enumerate(zip(formula.stages, stages, strict=True)):
        given = [x for x in stage.segments[0].inputs if x is not None]
        known = {comes.grid} if apart and number else {x.grid for x in (comes, *given)}
        made = (x for segment in stage.segments for x in segment.block.shapes.values())
        if (
            comes.downsampled(spec.stride).grid != comes.grid
            and stage.shape.grid == comes.grid
            and all(x.grid in known for x in made if x.is_divided)
        ):
            finer = spec.stride < 1
            does = "makes the grid finer by" if finer else "divides the grid by"
            report.warning(
                "RF411",
                f"this stage {does} {max(spec.stride, 1 / Fraction(spec.stride))}, and "
                f"its blocks leave it at {' x '.join(map(str, comes.grid))}",
                spec.span or formula.equations[-1].span,
                hint=_makes_stride(finer=finer, transition=bool(apart and number)),
            )
            return
        comes = stage.shape


def _makes_stride(*, finer: bool, transition: bool) -> str:
    """Where the stride of a stage belongs."""
    if transition:
        made = "up upsample(1/s)" if finer else "conv(1, c, stride=s)"
        return f"what leads into the stage makes it: transition {made}"
    made = "upsample(1/s)" if finer else "conv(3, c, stride=s)"
    return f"an operator of the block makes it: W = {made} > ..."


def _speaks_of_width(pipeline: Pipeline) -> bool:
    """Whether the width that a pipeline makes is said in that of the stage."""
    for step in reversed(pipeline.steps):
        width = step.arguments.get("width")
        if width is not None:
            return WIDTH in symbols_in(width)
    return False


def _together(formula: Formula, widths: Mapping[str, int | None]) -> set[int]:
    """The widths of the unknowns; with that of all, where some are parts of one tensor."""
    found = {width for width in widths.values() if width is not None}
    tensors = [formula.output, *(b.right for b in formula.boundaries if b.right)]
    if any(isinstance(p, Part | Concat) for t in tensors for p in subtensors(t)):
        found.add(sum(width or 0 for width in widths.values()))
    return found


def _shown(widths: Mapping[str, int | None]) -> str:
    """What the unknowns have in its place."""
    each = {untimed(name): width for name, width in widths.items() if width is not None}
    said = ", ".join(f"{name} has {width}" for name, width in each.items())
    return f"no unknown of its blocks has it: {said}"


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
