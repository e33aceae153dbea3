"""Pipelines in which what is nothing in evaluation is gone, and what is linear is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from recform.algebra.definitions.body import Body
from recform.algebra.definitions.cell import Cell
from recform.algebra.pipeline import Folded, Pipeline, Step
from recform.blocks import Arguments
from recform.blocks.operator import declares
from recform.inference.labels import relabelled
from recform.operators.activation import Identity, overwriting

_IDENTITY = Identity()


def bears(step: Step) -> bool:
    """Whether an affine map of its features can be part of a step."""
    return declares(step.operator, "bears")


def with_bias(step: Step) -> Step:
    """The step with a bias."""
    return replace(step, arguments=Arguments({**step.arguments, "bias": True}))


def fold_pipeline(pipeline: Pipeline, inner: Callable[[Body], Body]) -> Pipeline:
    """A pipeline for inference.

    Args:
        pipeline: as it is trained.
        inner: makes a definition by equations one for inference.
    """
    kept: list[Step] = []
    for number, step in enumerate(pipeline.steps):
        operator = step.operator
        if declares(operator, "absent"):
            continue
        if isinstance(operator, Body) and not isinstance(operator, Cell):
            step = replace(step, operator=inner(operator))
        step = replace(step, folded=(Folded("", (number,)),))
        before = kept[-1] if kept else None
        if before is not None and declares(operator, "folds") and bears(before):
            kept[-1] = with_bias(_joined(before, step, before))
        elif (
            before is not None
            and declares(before.operator, "folds")
            and bears(step)
            and operator.unpadded(step.arguments)
        ):
            kept[-1] = with_bias(_joined(before, step, step))
        else:
            kept.append(step)
    kept = [*kept[:1], *map(_overwriting, kept, kept[1:])]
    kept = relabelled(pipeline.steps, kept)
    if not kept and pipeline.steps:
        kept = [Step(_IDENTITY, Arguments({}), "", pipeline.steps[0].span)]
    return replace(pipeline, steps=tuple(kept))


def makes_new(step: Step) -> bool:
    """Whether what a step makes is a tensor of its own."""
    return bears(step) or declares(step.operator, "folds")


def _overwriting(before: Step, step: Step) -> Step:
    """A step that writes over what the one before it makes: nobody else reads that."""
    if not makes_new(before):
        return step
    return replace(step, operator=overwriting(step.operator))


def _joined(first: Step, second: Step, stays: Step) -> Step:
    """Two steps as one, that is written like one of them."""
    places = _places((first, second))
    return replace(stays, folded=(Folded("", places),))


def _places(steps: Sequence[Step]) -> tuple[int, ...]:
    return tuple(
        place for step in steps for item in step.folded for place in item.steps
    )
