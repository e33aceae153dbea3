"""What a network keeps where it goes on by positions, and why one cannot.

A network of tokens can, if no position depends on those behind it: then what it makes of
the next positions needs of those before them what some operators keep, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    Input,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.lists import Dealt, Listed, Members, Mirror, Over
from recform.algebra.pipeline import Pipeline
from recform.blocks import Arguments, Layout, Memory, Misfit, Shape
from recform.blocks.operator import FUNCTION_INPUT
from recform.diagnostics import Diagnostics
from recform.graph.model import Block, NetworkGraph, Piece, Place
from recform.graph.partial import Stuck
from recform.graph.pipelines import PipelineRunner
from recform.graph.places import find, place_in
from recform.recurrence.model import Step

#: What works on each position by itself, but for the operators that it applies.
_BY_POSITION = (
    *(Input, State, Apply, Scaled, Filled, TensorSum, Pointwise, Elementwise),
    *(Combine, Concat, Part, History, Listed, Members, Dealt, Over, Across, Mirror),
)


@dataclass(frozen=True)
class Kept:
    """What one call of an operator keeps.

    Attributes:
        name: of the operator, ``stem``, ``head``, ``transition`` or ``adapter``.
        block: which of the blocks, counted from 1 over the whole network; 0 for what is
            outside of them.
        memory: what it is.
    """

    name: str
    block: int
    memory: Memory

    def numbers(self, positions: int) -> int:
        """How many numbers that are after so many positions."""
        most = self.memory.positions
        return self.memory.features * (positions if most is None else most)


def kept(network: NetworkGraph, report: Diagnostics) -> tuple[Kept, ...]:
    """What is kept of positions that were seen, in the order of the blocks.

    Args:
        network: the whole.
        report: gets RF227.

    Raises:
        CompileError: if the network cannot go on by positions (RF227).
    """
    x = network.stem.input
    if x.layout not in (Layout.TOKENS, Layout.IDS):
        report.error(
            "RF227",
            f"{network.recurrence.formula.name} takes no positions, one after the other, "
            f"but {x.layout.value} ({x})",
            network.recurrence.formula.stem.span,
            hint="tokens, or ids: input 64 of 256",
        )
        report.check()
    if network.contexts:
        formula = network.recurrence.formula
        more = ", ".join(network.contexts)
        report.error(
            "RF227",
            f"{formula.name} takes more than the positions that come one after the "
            f"other ({more})",
            formula.equations[0].span,
            hint="put it in front of the positions, as a part of the input",
        )
        report.check()
    try:
        return tuple(_Follower(network, report).all())
    except Stuck:
        report.check()
        raise


class _Follower:
    """Asks each operator, where it is called."""

    def __init__(self, network: NetworkGraph, report: Diagnostics) -> None:
        self._network = network
        self._formula = network.recurrence.formula
        self._report = report
        self._runner = PipelineRunner(self._formula, report)

    def all(self) -> Iterator[Kept]:
        network = self._network
        yield from self._piece("stem", network.stem)
        block = 0
        for flow, start in zip(network.recurrence.flows, network.starts, strict=True):
            yield from self._outside(flow.start, start)
        for piece in network.transitions:
            yield from self._piece("transition", piece)
        for stage in network.stages:
            for segment in stage.segments:
                step = network.recurrence.steps[segment.step]
                # Equal blocks keep the same; they differ in rates, if in anything.
                found = list(self._block(step, segment.block, segment.first))
                for _ in range(segment.count):
                    block += 1
                    yield from (replace(item, block=block) for item in found)
        for flow, end in zip(network.recurrence.flows, network.ends, strict=True):
            yield from self._outside(flow.end, end)
        yield from self._piece("head", network.head)

    def _check(self, step: Step) -> None:
        """Raises Stuck, after a diagnostic, for what may look at other positions."""
        for tensor in step.body:
            misfit = None
            if isinstance(tensor, Elementwise):
                try:
                    tensor.function.memory_of((FUNCTION_INPUT,), Arguments({}))
                except Misfit as found:
                    misfit = found
            elif not isinstance(tensor, _BY_POSITION):
                misfit = Misfit(
                    "RF227", "nobody has said how this goes on by positions"
                )
            if misfit is not None:
                name = f"{tensor.name} " if isinstance(tensor, Elementwise) else ""
                self._report.error(
                    misfit.code,
                    f"{name}{misfit.message}",
                    place_in(self._formula, step, tensor),
                    hint=misfit.hint,
                )
                raise Stuck

    def _single(self, tensor: Tensor, found: Sequence[object]) -> None:
        """Raises Stuck, after a diagnostic, where each member of a list keeps something.

        Members stand in an axis of their own, where what is kept has its positions.
        """
        if found and tensor.is_many:
            self._report.error(
                "RF227",
                "every member of a list would keep something of its positions here",
                find(self._formula, tensor) or self._formula.equations[0].span,
                hint="give it a name before it is read from a list: Z_i = ...",
            )
            raise Stuck

    def _piece(self, name: str, piece: Piece) -> Iterator[Kept]:
        place = Place(piece.width, piece.stride, table=piece.table)
        yield from self._of(name, 0, piece.pipeline, (piece.input,), place)

    def _outside(self, step: Step, block: Block) -> Iterator[Kept]:
        """What stands before the first block, or behind the last one."""
        for item in self._block(step, block, step.at):
            yield replace(item, block=0)

    def _block(self, step: Step, block: Block, number: int) -> Iterator[Kept]:
        self._check(step)
        for tensor in step.body:
            if isinstance(tensor, Elementwise):
                x = block.shapes[tensor.argument]
                memories = tensor.function.memory_of((x,), Arguments({}))
                self._single(tensor, memories)
                yield from (Kept(tensor.name, 1, memory) for memory in memories)
            if not isinstance(tensor, Apply):
                continue
            name = tensor.operator
            own = block.calls.get(name)
            stage = self._formula.stages[0]
            place = own.place if own is not None else Place(stage.width, 1, number)
            inputs = tuple(block.shapes[part] for part in tensor.arguments)
            if tensor.index is not sympy.nan:
                index = int(tensor.index) + number - step.at
                place = Place(
                    place.width, place.stride, index, place.length, place.table
                )
            pipeline = self._formula.operators[name]
            found = tuple(self._of(name, 1, pipeline, inputs, place))
            self._single(tensor, found)
            yield from found
        adapter = self._formula.adapter
        for bridge in block.sites.values():
            if adapter is not None:
                place = Place(int(bridge.target.features), bridge.stride)
                yield from self._of("adapter", 1, adapter, (bridge.source,), place)

    def _of(
        self,
        name: str,
        block: int,
        pipeline: Pipeline,
        inputs: tuple[Shape, ...],
        place: Place,
    ) -> Iterator[Kept]:
        for memory in self._runner.memories(pipeline, inputs, place):
            yield Kept(name, block, memory)
