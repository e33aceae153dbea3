"""What the operators of one block are made for, and what their calls cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import sympy

from recform.algebra.expr import (
    Apply,
    Combine,
    Elementwise,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import untimed
from recform.algebra.pipeline import Pipeline
from recform.algebra.shapes import told_apart
from recform.algebra.tracing import Trace
from recform.algebra.typeset import indexed
from recform.blocks import Layout, Shape, Stride
from recform.blocks.acts import Link
from recform.blocks.shape import Size
from recform.graph.model import Module, Site, Totals
from recform.graph.partial import Stuck

if TYPE_CHECKING:
    from recform.graph.shapes import BlockShapes


class BlockCalls:
    """Follows the shapes through the operators of a block.

    Args:
        block: knows the shapes of all else.

    Attributes:
        modules: for each operator that the block owns, what it is made for.
        totals: what the calls cost together.
        works: what each computes.
        each: how many members those have that are called on one after the other.
    """

    def __init__(self, block: BlockShapes) -> None:
        self._block = block
        self.modules: dict[str, Module] = {}
        self.totals = Totals()
        self.works: dict[Tensor | Site, tuple[Link, ...]] = {}
        self.each: dict[Tensor, int] = {}

    def later(self, name: str, x: Shape) -> None:
        """An operator of the block that later blocks alone call."""
        block = self._block
        if name in self.modules or name not in block.formula.operators:
            return
        pipeline = block.formula.operators[name]
        inputs = (x,) * len(pipeline.inputs)
        module = Module(replace(block.place, stride=1), inputs)
        self.modules[name] = module
        made = block.runner.run(pipeline, inputs, module.place, None)
        self.totals += Totals(made.parameters)

    def shape(self, tensor: Apply) -> Shape:
        """The shape of what an operator makes.

        Raises:
            Stuck: after a diagnostic.
        """
        block = self._block
        given = tuple(map(block.shape, tensor.arguments))
        inputs = self._arguments(tensor, given)
        own = block.is_own(tensor)
        module, is_new = self._module(tensor, inputs, adapted=inputs != given)
        pipeline = block.formula.operators[tensor.operator]
        try:
            where = partial(block.span, tensor)
            apart = self.is_apart(tensor.arguments[0]) if inputs == given else None
            trace = block.runner.run(pipeline, inputs, module.place, where, apart)
        except Stuck:
            raise Stuck(tensor, (*tensor.arguments[:1], tensor)) from None
        count = block.counts.of(tensor)
        learned = trace.parameters if own and is_new else 0
        self.totals += Totals(learned, trace.multiply_adds * count)
        self._keep(tensor, trace, given, inputs)
        block.apart[tensor] = trace.apart
        return trace.output

    def _module(
        self, tensor: Apply, inputs: tuple[Shape, ...], *, adapted: bool
    ) -> tuple[Module, bool]:
        """The module of an operator, and whether nobody has called it before."""
        block, name = self._block, tensor.operator
        index = None if tensor.index is sympy.nan else int(tensor.index)
        own = block.is_own(tensor)
        known = self.modules.get(name) if own else block.modules.get((name, index))
        if known is None:
            # What all blocks share is of no stage, and has none of its numbers.
            table = block.place.table if index is not None else ()
            stride = 1 if adapted else self._stride(tensor.arguments)
            known = Module(replace(block.place, stride=stride, table=table), None)
        before = known.inputs
        module = Module(known.place, inputs) if before is None else known
        if own:
            self.modules[name] = module
        else:
            block.modules[name, index] = module
        if before is not None and _forms(before) != _forms(inputs):
            pipeline = block.formula.operators[name]
            both = before, inputs
            if _features(before) == _features(inputs):
                # Of most operators it is no matter where the features are.
                if block.runner.is_one(pipeline, both, known.place, learns=True):
                    return module, False
            elif index is None and block.runner.is_one(pipeline, both, known.place):
                # A function belongs to nobody, and takes whatever comes.
                return Module(known.place, inputs), False
            there, here = told_apart(before, inputs)
            called = indexed(name, sympy.nan) if index is None else untimed(name)
            block.report.error(
                "RF406",
                f"{called} is one operator, but is called on {there} and on {here}",
                block.span(tensor),
                hint=_own_or_apart(untimed(name), index),
            )
            raise Stuck(tensor, (*tensor.arguments[:1], tensor))
        return module, before is None

    def _keep(
        self,
        tensor: Apply,
        trace: Trace,
        given: tuple[Shape, ...],
        inputs: tuple[Shape, ...],
    ) -> None:
        """Notes what autograd keeps of a call, and what the call computes."""
        block = self._block
        each = zip(tensor.arguments, inputs, given, trace.saves_inputs, strict=True)
        for argument, shape, own_shape, kept in each:
            if kept:
                adapted = shape != own_shape
                block.saved.keep(argument, shape, tensor, adapted=adapted)
        if trace.saves_output:
            block.saved.keep(tensor, trace.output, tensor)
        calls = block.counts.of(tensor)
        block.saved.keep_inside(tensor, trace.kept.times(calls))
        if tensor.is_many and not stacks(block.formula, block.shape, tensor):
            self.works[tensor], self.each[tensor] = trace.links, calls
        else:
            self.works[tensor] = tuple(link.times(calls) for link in trace.links)

    def is_apart(self, tensor: Tensor) -> bool:
        """Whether the features of a position lie apart in memory, as far as it is known."""
        apart, block = self._block.apart, self._block
        if tensor not in apart:
            shape = block.shape(tensor)
            same = State | Scaled | Elementwise | Part | Pointwise | TensorSum | Combine
            mine = isinstance(tensor, same) and tensor not in block.step.taken
            parts = block.step.parts(tensor) if mine and not tensor.is_many else ()
            # A sum lies as the first of its terms that does not spread.
            alike = isinstance(tensor, Part)
            large = (x for x in parts if alike or block.known.get(x) == shape)
            first = next(large, None)
            image = shape.layout is Layout.IMAGE
            apart[tensor] = image if first is None else self.is_apart(first)
        return apart[tensor]

    def _arguments(self, tensor: Apply, given: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Rule 5: the shapes in which arguments come to their operator.

        A module that the block calls on tensors of several stages has one shape, that of
        the block; where all are of one older stage, its stride brings them here.
        """
        block = self._block
        declared = block.declared()
        if declared is None or not block.is_own(tensor):
            return given
        calls = [
            t for t in block.step.body if isinstance(t, Apply) and _alike(t, tensor)
        ]
        result = list(given)
        for place, (argument, x) in enumerate(
            zip(tensor.arguments, given, strict=True)
        ):
            stages = {block.stages.of(call.arguments[place]) for call in calls}
            if (
                len(stages) > 1
                and block.stages.of(argument) != block.stage
                and x != declared
                and not x.spreads_over(declared)
            ):
                block.adapt(tensor, argument, declared)
                result[place] = declared
        return tuple(result)

    def _stride(self, arguments: tuple[Tensor, ...]) -> Stride:
        """Rule 5: the stride ``s`` of an operator brings its argument to the stage.

        It is that of the first one, where there are several.
        """
        block = self._block
        declared = block.declared()
        if declared is not None and arguments:
            argument, *_ = arguments
            behind = block.stages.behind(argument, block.stage)
            stride = block.shape(argument).stride_to(declared, behind)
            if stride is not None:
                return stride
        return block.place.stride


def _own_or_apart(name: str, index: int | None) -> str:
    """How a module that is called on two shapes becomes several."""
    apart = "a transition brings one stage to the shape of the next: scope stage"
    if index is None:
        return f"{name}_i is one for each block; or, with one for each stage, {apart}"
    return (
        "only what a block's own operator gets from older stages is brought to the "
        f"shape of the block; where the index is counted anew in each stage, {apart}"
    )


def _features(inputs: tuple[Shape, ...]) -> list[Size]:
    """What a module is made for: its features, whatever the grid."""
    return [x.features for x in inputs]


def _forms(inputs: tuple[Shape, ...]) -> list[tuple[Layout, Size]]:
    """The same, and where they are."""
    return [(x.layout, x.features) for x in inputs]


def _alike(one: Apply, other: Apply) -> bool:
    """Whether two applications are calls of one module."""
    return (one.operator, one.index) == (other.operator, other.index)


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
