"""What stands around the equations of two networks: stem, head, stages, adapters, blocks.

Pipelines are equal if they have the same operators with the same arguments, whatever the
operators and their parameters are called in the state_dict.
"""

from __future__ import annotations

from dataclasses import dataclass

from recform.algebra.definitions.body import Body
from recform.algebra.definitions.cell import Cell
from recform.algebra.formula import Formula, LearnedScalar
from recform.algebra.pipeline import Pipeline, Step
from recform.blocks import Stride


@dataclass(frozen=True)
class FrameChange:
    """A part of the frame that differs.

    Attributes:
        what: ``stem``, ``stages``, the letter of an operator, ...
        texts: what it is in each of the networks.
    """

    what: str
    texts: tuple[str, str]

    def text(self, names: tuple[str, str]) -> str:
        """``stem: conv(3, 64) > bn in A, conv(3, 16) > bn in B``."""
        both = ", ".join(f"{t} in {n}" for t, n in zip(self.texts, names, strict=True))
        return f"{self.what}: {both}"


def frame_changes(left: Formula, right: Formula) -> tuple[FrameChange, ...]:
    """In what two networks differ besides their equations, in the order of a file.

    Operators, scalars and constants with several numbers are compared where both networks
    have them.
    """
    result = [
        FrameChange(what, (texts[0], texts[1]))
        for what, *texts in zip(
            ("input", "scope", "stages"), _sizes(left), _sizes(right), strict=True
        )
        if texts[0] != texts[1]
    ]
    parts = [
        ("stem", left.stem, right.stem),
        ("adapter", left.adapter, right.adapter),
        ("adapter up", left.rise, right.rise),
        ("transition", left.transition, right.transition),
        ("transition up", left.lift, right.lift),
        ("head", left.head, right.head),
    ]
    parts += [
        (name, left.operators[name], right.operators[name])
        for name in left.operators
        if name in right.operators
    ]
    result += [
        FrameChange(what, (_text(first), _text(second)))
        for what, first, second in parts
        if _signature(first) != _signature(second)
    ]
    result += [
        FrameChange(name, (_scalar(scalar), _scalar(right.scalars[name])))
        for name, scalar in left.scalars.items()
        if name in right.scalars and _scalar(scalar) != _scalar(right.scalars[name])
    ]
    free = {p.name: str(p.value) for p in right.params if p.free}
    result += [
        FrameChange(f"param {p.name}", (str(p.value), free[p.name]))
        for p in left.params
        if p.free and free.get(p.name, str(p.value)) != str(p.value)
    ]
    numbers = {table.name: table.text for table in right.tables}
    result += [
        FrameChange(table.name, (table.text, numbers[table.name]))
        for table in left.tables
        if numbers.get(table.name, table.text) != table.text
    ]
    return tuple(result)


def recurs_otherwise(left: Formula, right: Formula) -> tuple[str, ...]:
    """The operators that are recurrences over positions, and not the same in both."""
    return tuple(
        name
        for name, pipeline in left.operators.items()
        if (other := right.operators.get(name)) is not None
        and any(
            isinstance(step.operator, Cell) for step in (*pipeline.steps, *other.steps)
        )
        and _signature(pipeline) != _signature(other)
    )


def changes_shape(formula: Formula) -> bool:
    """Whether terms are adapted between blocks: widths differ, or there is a stride."""
    widths = {stage.width for stage in formula.stages}
    return len(widths) > 1 or any(stage.stride != 1 for stage in formula.stages)


def _sizes(formula: Formula) -> tuple[str, str, str]:
    stages = [
        f"{stage.width} x {stage.blocks}" + _divided(stage.stride)
        for stage in formula.stages
    ]
    inputs = [str(formula.input)]
    inputs += (f"{name} = {shape}" for name, shape in formula.contexts.items())
    return "; ".join(inputs), formula.scope.value, ", ".join(stages)


def _divided(stride: Stride) -> str:
    """How a stage says its stride: `` / 2``, `` / (1/2)``."""
    if stride == 1:
        return ""
    return f" / {stride}" if stride > 1 else f" / ({stride})"


def _text(pipeline: Pipeline | None) -> str:
    return (pipeline.text if pipeline else "") or "none"


def _scalar(scalar: LearnedScalar) -> str:
    owner = "one a block" if scalar.indexed else "one for all blocks"
    return owner + ", for each channel" * scalar.per_feature


def _signature(pipeline: Pipeline | None) -> list[object] | None:
    """What a pipeline computes, as far as its text says it; equal for equal ones."""
    return None if pipeline is None else [_step(step) for step in pipeline.steps]


def _step(step: Step) -> tuple[object, object]:
    operator = step.operator
    inside: object = operator
    if isinstance(operator, Body):
        letters = {name: _signature(p) for name, p in operator.operators.items()}
        scalars = {name: _scalar(s) for name, s in operator.scalars.items()}
        made = dict(operator.definitions)
        starts = dict(operator.starts) if isinstance(operator, Cell) else {}
        defaults = dict(operator.defaults)
        inside = (operator.output, made, letters, scalars, defaults, starts)
    return inside, dict(step.arguments)
