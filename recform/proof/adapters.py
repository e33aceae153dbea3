"""Shapes of the plan: terms that meet have one shape, and adapters stand where they must.

The shapes were worked out by the graph stage; here they are only held against each other,
from block to block. An adapter that is missing, superfluous, on the wrong term or for the
wrong shape leaves two shapes that do not meet.
"""

from __future__ import annotations

from collections.abc import Iterable

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Context,
    Elementwise,
    Filled,
    History,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.lists import Dealt, Members, Over, is_list
from recform.blocks import Shape
from recform.blocks.shape import Size
from recform.diagnostics.refuted import Refuted
from recform.graph.model import Block, NetworkGraph, Site
from recform.recurrence.model import Flow, Slot, Step, contexts_of
from recform.recurrence.stacks import Lists


def check_shapes(network: NetworkGraph, flow: Flow, number: int) -> None:
    """Holds the shapes of a flow's blocks against each other.

    Args:
        network: with all shapes.
        flow: how its blocks follow each other.
        number: of the flow.

    Raises:
        Refuted: if two do not meet.
    """
    lists = Lists[Shape | None](flow)
    shapes = _Inside(flow.start, network.starts[number], "the start").check()
    lists.keep(0, shapes)
    for segment in (
        segment for stage in network.stages_of(number) for segment in stage.segments
    ):
        step = network.recurrence.steps[segment.step]
        made = _Inside(step, segment.block, f"block {segment.first}").check(
            segment.inputs
        )
        # Of blocks that are alike without a stack, two show what all of them get.
        count = segment.count if flow.stacks else min(segment.count, 2)
        for block in range(segment.first, segment.first + count):
            given = tuple(lists.given(step, block, shapes))
            _agree(segment.inputs, given, f"block {block}")
            _agree_on_constants(network, number, step, segment.block)
            shapes = made
            lists.keep(block, shapes)
    shapes = tuple(lists.given(flow.end, flow.length + 1, shapes))
    _Inside(flow.end, network.ends[number], "the output").check(shapes)


def _agree(
    wanted: tuple[Shape | None, ...], got: tuple[Shape | None, ...], where: str
) -> None:
    if wanted != got:
        shown = ["; ".join(map(str, shapes)) for shapes in (wanted, got)]
        raise Refuted(f"{where} is made for {shown[0]}, and gets {shown[1]}")


def _agree_on_constants(
    network: NetworkGraph, number: int, step: Step, block: Block
) -> None:
    """What each block has is of one shape in all of them: that of an input, or as made."""
    for tensor in contexts_of(step):
        shapes = network.starts[number].shapes
        if isinstance(tensor, Context):
            shapes = {tensor: network.recurrence.formula.contexts[tensor.name]}
        if block.shapes[tensor] != shapes.get(tensor):
            raise Refuted(f"{tensor} is {block.shapes[tensor]}, and was made otherwise")


class _Inside:
    """The shapes inside of a block."""

    def __init__(self, step: Step, block: Block, where: str) -> None:
        self._step, self._block, self._where = step, block, where
        self._used: set[Site] = set()

    def check(
        self, inputs: tuple[Shape | None, ...] | None = None
    ) -> tuple[Shape | None, ...]:
        """The shapes that the block hands on."""
        if inputs is not None:
            here = tuple(map(self._slot, self._step.inputs))
            _agree(here, inputs, self._where)
        for tensor in self._step.body:
            self._check(tensor)
        if superfluous := [s for s in self._block.sites if s not in self._used]:
            raise self._refuted(f"an adapter stands nowhere: {superfluous[0].value}")
        made = tuple(map(self._slot, self._step.outputs))
        if made != self._block.outputs:
            raise self._refuted("what it hands on has another shape than it says")
        return made

    def _slot(self, slot: Slot) -> Shape | None:
        return self._shape(slot) if isinstance(slot, Tensor) else None

    def _shape(self, tensor: Tensor) -> Shape:
        if tensor not in self._block.shapes:
            raise self._refuted(f"{tensor} has no shape")
        return self._block.shapes[tensor]

    def _refuted(self, what: str) -> Refuted:
        return Refuted(f"{self._where}: {what}")

    def _check(self, tensor: Tensor) -> None:
        shape = self._shape(tensor)
        parts = [p for p in self._step.parts(tensor) if not isinstance(p, Filled)]
        if is_list(tensor):
            if any(self._arrives(part, tensor) != shape for part in parts):
                raise self._refuted(f"the members of {tensor} have different shapes")
        elif isinstance(tensor, Across | Dealt):
            if shape != self._shape(parts[0]).with_features(1):
                raise self._refuted(f"{tensor} is {shape}, and no number a position")
        elif isinstance(tensor, Concat) or (
            isinstance(tensor, History) and tensor.kind == "concat"
        ):
            shapes = list(map(self._shape, parts))
            features = sum(int(part.features) for part in shapes)
            if any(part.with_features(features) != shape for part in shapes):
                raise self._refuted(f"{tensor} is {shape}, which its parts are not")
        elif isinstance(tensor, TensorSum | Pointwise | Combine | History | State):
            terms = [self._meets(part, tensor, shape) for part in parts]
            if terms and not shape.is_made_of(terms):
                raise self._refuted(f"{tensor} is {shape}, which none of its terms is")
        elif isinstance(
            tensor, Scaled | Elementwise | Members | Over
        ) and shape != self._shape(parts[0]):
            raise self._refuted(f"{tensor} is {shape}, and what it is of is not")
        elif isinstance(tensor, Part):
            whole = self._shape(parts[0])
            if shape.with_features(int(shape.features) * tensor.parts) != whole:
                raise self._refuted(f"{tensor} is {shape}, a part of {whole}")
        elif isinstance(tensor, Apply) and tensor.operator in self._block.calls:
            made_for = self._block.calls[tensor.operator].inputs
            own = tensor.index == self._step.at
            given = [self._arrives(inner, tensor) for inner in tensor.arguments]
            if own and made_for and _features(made_for) != _features(given):
                wanted, gets = (" and ".join(map(str, xs)) for xs in (made_for, given))
                raise self._refuted(f"{tensor} is made for {wanted}, gets {gets}")

    def _meets(self, part: Tensor, parent: Tensor, shape: Shape) -> Shape:
        """The shape of a term, behind its adapter: that of its sum, or a gate for it."""
        arrives = self._arrives(part, parent)
        product = isinstance(parent, Pointwise)
        spread = not isinstance(parent, State) and arrives.spreads_over(
            shape, product=product
        )
        if arrives != shape and not spread:
            raise self._refuted(
                f"{self._step.bare(part)} is {arrives}, and {parent} is {shape}"
            )
        return arrives

    def _arrives(self, part: Tensor, parent: Tensor) -> Shape:
        """The shape of a part, behind its adapter if it has one."""
        value = self._step.bare(part)
        arrives = self._shape(value)
        site = Site(value, parent)
        if site in self._block.sites:
            self._used.add(site)
            if isinstance(value, Scaled):
                raise self._refuted(
                    f"an adapter stands in front of the number of {value}"
                )
            bridge = self._block.sites[site]
            source, target = bridge.source, bridge.target
            if source != arrives or source == target:
                raise self._refuted(
                    f"an adapter from {source} to {target} stands in front of {value}, "
                    f"which is {arrives}"
                )
            arrives = target
        return arrives


def _features(inputs: Iterable[Shape]) -> list[Size]:
    return [x.features for x in inputs]
