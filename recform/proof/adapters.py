"""Shapes of the plan: terms that meet have one shape, and adapters stand where they must.

The shapes were worked out by the graph stage; here they are only held against each other,
from block to block. An adapter that is missing, superfluous, on the wrong term or for the
wrong shape leaves two shapes that do not meet.
"""

from __future__ import annotations

from collections.abc import Iterable

from recform.algebra.expr import Apply, Context, Scaled, Tensor
from recform.blocks import Shape
from recform.blocks.shape import Size
from recform.diagnostics.refuted import Refuted
from recform.graph.model import Block, NetworkGraph, Site
from recform.proof.meeting import Meeting
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
    shapes = _Inside(flow.start, network.starts[number], "the start").hands_on()
    lists.keep(0, shapes)
    for segment in (
        segment for stage in network.stages_of(number) for segment in stage.segments
    ):
        step = network.recurrence.steps[segment.step]
        made = _Inside(step, segment.block, f"block {segment.first}").hands_on(
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
    _Inside(flow.end, network.ends[number], "the output").hands_on(shapes)


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


class _Inside(Meeting):
    """The shapes inside of a block."""

    def __init__(self, step: Step, block: Block, where: str) -> None:
        super().__init__(where)
        self._step, self._block = step, block
        self._used: set[Site] = set()

    def hands_on(
        self, inputs: tuple[Shape | None, ...] | None = None
    ) -> tuple[Shape | None, ...]:
        """The shapes that the block hands on.

        Raises:
            Refuted: if some in it do not meet.
        """
        if inputs is not None:
            here = tuple(map(self._slot, self._step.inputs))
            _agree(here, inputs, self.where)
        for tensor in self._step.body:
            self.check(tensor)
        if superfluous := [s for s in self._block.sites if s not in self._used]:
            raise self.refuted(f"an adapter stands nowhere: {superfluous[0].value}")
        made = tuple(map(self._slot, self._step.outputs))
        if made != self._block.outputs:
            raise self.refuted("what it hands on has another shape than it says")
        return made

    def _slot(self, slot: Slot) -> Shape | None:
        return self.shape(slot) if isinstance(slot, Tensor) else None

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is made from in this step."""
        return self._step.parts(tensor)

    def shape(self, tensor: Tensor) -> Shape:
        """The shape that a tensor of the block has."""
        if tensor not in self._block.shapes:
            raise self.refuted(f"{tensor} has no shape")
        return self._block.shapes[tensor]

    def check_call(self, call: Apply) -> None:
        """Holds an operator that the block owns against what it gets."""
        given = [self.arrives(inner, call) for inner in call.arguments]
        module = self._block.calls.get(call.operator)
        if module is None or not module.inputs or call.index != self._step.at:
            return
        if _features(module.inputs) != _features(given):
            wanted, gets = (" and ".join(map(str, xs)) for xs in (module.inputs, given))
            raise self.refuted(f"{call} is made for {wanted}, gets {gets}")

    def arrives(self, part: Tensor, parent: Tensor) -> Shape:
        """The shape of a part, behind its adapter if it has one."""
        value = self._step.bare(part)
        arrives = self.shape(value)
        site = Site(value, parent)
        if site in self._block.sites:
            self._used.add(site)
            if isinstance(value, Scaled):
                raise self.refuted(
                    f"an adapter stands in front of the number of {value}"
                )
            bridge = self._block.sites[site]
            source, target = bridge.source, bridge.target
            if source != arrives or source == target:
                raise self.refuted(
                    f"an adapter from {source} to {target} stands in front of {value}, "
                    f"which is {arrives}"
                )
            arrives = target
        return arrives


def _features(inputs: Iterable[Shape]) -> list[Size]:
    return [x.features for x in inputs]
