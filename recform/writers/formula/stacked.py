"""The members of a list in code: one tensor with an axis in front, where that will do."""

from __future__ import annotations

from collections.abc import Callable

from recform.algebra.expr import Apply, Tensor
from recform.algebra.formula import Formula
from recform.algebra.lists import is_list
from recform.algebra.pipeline import Pipeline
from recform.blocks import Layout, Shape


def stacks(formula: Formula, shape: Callable[[Tensor], Shape], tensor: Apply) -> bool:
    """Whether an operator takes all members of a list as one tensor."""
    layout = next(shape(part).layout for part in tensor.arguments if part.is_many)
    return takes_stack(formula.operators[tensor.operator], layout)


def takes_stack(pipeline: Pipeline, layout: Layout) -> bool:
    """Whether each operator of a pipeline works on the last axis, or on single numbers."""
    last = layout in (Layout.TOKENS, Layout.VECTOR)
    return all(
        step.operator.elementwise or (last and step.operator.stacks)
        for step in pipeline.steps
    )


def slot_type(tensor: Tensor) -> str:
    """The type of what a block hands on."""
    return "list[Tensor]" if is_list(tensor) else "Tensor"
