"""A network as one list of operations, in the order in which its code runs them.

An operation reads tensors and makes one. A tensor here is what holds numbers: a name, a part
of a split or a view of a tensor is that tensor. So how long each has to be there, forward and
backward, is an interval of this list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from recform.algebra.expr import (
    Filled,
    Input,
    Part,
    Scaled,
    State,
    Tensor,
    TensorSum,
    is_list,
)
from recform.algebra.formula import Scope
from recform.algebra.tracing import Link
from recform.blocks import Amount, Layout, Shape, Work
from recform.graph.model import Block, NetworkGraph, Piece, Segment, Site
from recform.recurrence.model import Flow, Slot, Step
from recform.recurrence.stacks import Lists

#: Blocks of a row that are written out; what is behind them counts as copies of the last.
WRITTEN_OUT = 40

#: What a slot of the state holds: a tensor, those of a list, or nothing (a module).
Held: TypeAlias = "tuple[int, ...]"


@dataclass
class Buffer:
    """A tensor that holds numbers.

    Attributes:
        amount: how much it is.
        born: the operation that makes it; -1 for what comes in.
        read: the last one that reads it.
        named: the last one while code has a name for it.
        kept: the first one for whose gradient it is kept; None if for none.
        trained: whether it depends on parameters, so that it has a gradient.
        copies: how many blocks in a row have one like it.
    """

    amount: Amount
    born: int
    read: int
    named: int
    trained: bool
    kept: int | None = None
    copies: int = 1


@dataclass(frozen=True)
class Operation:
    """Something that is computed.

    Attributes:
        part: the part of the network that it is in, as the summary names it.
        inside: what autograd keeps for it beside whole tensors.
        parameters: how many of its own it has.
        works: what it computes.
        workspace: what is held while it computes.
        copies: how many blocks in a row do the same.
    """

    part: str
    inside: Amount
    parameters: int
    works: tuple[Work, ...]
    workspace: Amount
    copies: int


@dataclass
class Tape:
    """The list.

    Attributes:
        operations: in order.
        buffers: what they read and make.
        result: what the network returns.
        shared: parameters of operators that no block owns.
    """

    operations: list[Operation] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    result: Held = ()
    shared: int = 0


def record(network: NetworkGraph) -> Tape:
    """The operations of a network."""
    recorder = _Recorder(network)
    recorder.network()
    return recorder.tape


def _variable(slot: Slot) -> str:
    """The name that code would give to an unknown."""
    return slot.name.lower() if isinstance(slot, State) else ""


class _Recorder:
    """Follows the blocks as the code runs them."""

    def __init__(self, network: NetworkGraph) -> None:
        self._network = network
        self._recurrence = network.recurrence
        self._formula = network.recurrence.formula
        self.tape = Tape()
        self._part = ""
        self._copies = 1

    def network(self) -> None:
        """Writes down everything."""
        network, formula = self._network, self._formula
        self._part = "stem"
        x = self._piece(network.stem, self._incoming(formula.input))
        by_stage = formula.scope is Scope.STAGE
        for number, flow in enumerate(self._recurrence.flows):
            if number and network.transitions:
                self._part = f"transition {number + 1}"
                x = self._piece(network.transitions[number - 1], x)
            every = range(len(network.stages))
            x = self._flow(flow, number, (number,) if by_stage else every, x)
        self._part = "head"
        x = self._piece(network.head, x)
        self.tape.result = x
        shared = sum(m.totals.parameters for group in network.shared for m in group)
        counted = sum(o.parameters * o.copies for o in self.tape.operations)
        # What is left are learned scalars, and what nobody owns.
        self.tape.shared = max(shared, network.totals.parameters - counted)

    def _flow(self, flow: Flow, number: int, stages: Iterable[int], x: Held) -> Held:
        """The blocks of the network, or of a stage."""
        network = self._network
        self._part = "shared"
        carried = self._block(flow.start, network.starts[number], (), x)
        waiting = Lists[Held](flow)
        waiting.keep(0, carried)
        opened = False
        for stage in stages:
            self._part = f"stage {stage + 1}"
            entry, segments = carried, network.stages[stage].segments
            steps = (self._recurrence.steps[s.step] for s in segments)
            single = all(len(s.inputs) == len(s.outputs) == 1 for s in steps)
            for segment in segments:
                step = self._recurrence.steps[segment.step]
                for index in self._blocks(segment, flow):
                    given = waiting.given(step, index, carried)
                    carried = self._block(step, segment.block, given, ())
                    waiting.keep(index, carried)
                    if not opened:
                        self._name(x)  # as the variable of what the stem makes
                        opened = "x" in map(_variable, step.handed)
                self._copies = 1
            if single:
                # One nn.Sequential: what it gets is held to its end.
                self._name(entry[0])
        self._part = "shared"
        end = carried[: flow.end.carried]
        made = self._block(flow.end, network.ends[number], end, ())
        return made[0]

    def _blocks(self, segment: Segment, flow: Flow) -> Iterable[int]:
        """The blocks of a segment; the last one may stand for many."""
        written = min(segment.count, WRITTEN_OUT)
        if flow.stacks:
            written = segment.count
        for number in range(written):
            if number == written - 1:
                self._copies = segment.count - number
            yield segment.first + number

    # -- pipelines

    def _incoming(self, shape: Shape) -> Held:
        ids = shape.layout is Layout.IDS
        elements = shape.elements
        amount = Amount(bytes=8 * elements) if ids else Amount(elements)
        self.tape.buffers.append(Buffer(amount, -1, -1, -1, trained=False))
        return (0,)

    def _piece(self, piece: Piece, x: Held) -> Held:
        first = len(self.tape.operations)
        made = self._chain(piece.trace.links, x)
        last = len(self.tape.operations) - 1
        if piece.trace.saves_input:
            self._keep(x, first)
        if piece.trace.saves_output:
            self._keep(made, last)
        return made

    def _chain(self, links: Sequence[Link], given: Held) -> Held:
        """Operators one after the other; what comes in is held until they are through."""
        x, first = given, True
        start, depth, ends = given, 0, False
        for link in links:
            if link.cost.passes:
                continue
            # As `chain` writes it: a name is assigned where a statement ends.
            if depth > 3 or (depth > 1 and ends):
                self._name(start)
                start, depth = x, 0
            depth, ends = depth + 1, link.ends
            here = len(self.tape.operations)
            if link.cost.saves_input and not first:
                self._keep(x, here)
            made = self._operation(link, x)
            if link.cost.saves_output and link is not links[-1]:
                self._keep(made, here)
            x, first = made, False
        self._name((*start, *given))
        return x

    def _operation(self, link: Link, reads: Held) -> Held:
        tape, here = self.tape, len(self.tape.operations)
        tape.operations.append(
            Operation(
                self._part,
                link.cost.inside,
                link.cost.parameters,
                link.works,
                Amount(link.cost.workspace),
                self._copies,
            )
        )
        trained = bool(link.cost.parameters)
        for number in reads:
            buffer = tape.buffers[number]
            buffer.read = here
            buffer.named = max(buffer.named, here)
            trained = trained or buffer.trained
        tape.buffers.append(
            Buffer(
                Amount(link.made), here, here, here, trained, copies=self._copies
            )
        )
        return (len(tape.buffers) - 1,)

    def _keep(self, held: Held, by: int) -> None:
        for number in held:
            buffer = self.tape.buffers[number]
            buffer.kept = by if buffer.kept is None else min(buffer.kept, by)

    def _name(self, held: Held) -> None:
        """Notes that code has a name for tensors up to here."""
        here = len(self.tape.operations) - 1
        for number in held:
            self.tape.buffers[number].named = max(self.tape.buffers[number].named, here)

    # -- blocks

    def _block(
        self, step: Step, block: Block, given: Sequence[Held], x: Held
    ) -> list[Held]:
        """A block: what it hands on."""
        return _BlockRecorder(self, step, block, given, x).block()


class _BlockRecorder:
    """Follows one block."""

    def __init__(
        self,
        recorder: _Recorder,
        step: Step,
        block: Block,
        given: Sequence[Held],
        x: Held,
    ) -> None:
        self._recorder = recorder
        self._step = step
        self._block = block
        self._given = given
        self._held: dict[object, Held] = dict(zip(step.inputs, given, strict=True))
        self._held[Input()] = x
        #: Where the operations of a tensor, or of an adapter, begin and end.
        self._where: dict[object, tuple[int, int]] = {}
        self._adapters: Mapping[object, tuple[Link, ...]] = {
            (site.value, block.sites[site].target): links
            for site, links in block.works.items()
            if isinstance(site, Site)
        }

    def block(self) -> list[Held]:
        """What it hands on."""
        recorder = self._recorder
        reads: dict[int, int] = {}
        for tensor in self._step.body:
            if tensor not in self._held:
                parts = self._parts(tensor)
                for number in {n: None for part in parts for n in part}:
                    reads[number] = reads.get(number, 0) + 1
                self._held[tensor] = self._made(tensor, parts)
        self._keep()
        names = [self._held[t] for t in self._step.body if isinstance(t, State)]
        for held in (*self._given, *names):
            recorder._name(held)
        recorder._name(tuple(number for number, count in reads.items() if count > 1))
        return [self._held.get(slot, ()) for slot in self._step.outputs]

    def _parts(self, tensor: Tensor) -> list[Held]:
        """What a tensor is made of, behind the adapters."""
        found = []
        for part in self._step.parts(tensor):
            if isinstance(part, Filled):
                continue
            bare = self._step.bare(part)
            site = Site(bare, tensor)
            if site in self._block.sites:
                found.append(self._adapted(bare, site))
            else:
                found.append(self._held[part])
        return found

    def _adapted(self, value: Tensor, site: Site) -> Held:
        key = (value, self._block.sites[site].target)
        if key not in self._held:
            links = self._adapters[key]
            self._held[key] = self._run(links, self._held[value], (key, site))
        return self._held[key]

    def _made(self, tensor: Tensor, parts: list[Held]) -> Held:
        everything = tuple(dict.fromkeys(number for part in parts for number in part))
        sign = isinstance(tensor, Scaled) and tensor.coefficient in (1, -1)
        if isinstance(tensor, State | Part) or is_list(tensor) or sign:
            return everything
        return self._run(self._block.works[tensor], everything, (tensor,))

    def _run(self, links: Sequence[Link], x: Held, keys: tuple[object, ...]) -> Held:
        operations = self._recorder.tape.operations
        first = len(operations)
        made = self._recorder._chain(links, x)
        for key in keys:
            self._where[key] = (first, len(operations) - 1)
        return made

    def _keep(self) -> None:
        """Notes which tensors autograd keeps, and for which operation."""
        for held in self._block.held:
            for by in held.by:
                if by in self._where and held.what in self._held:
                    first, last = self._where[by]
                    self._recorder._keep(
                        self._held[held.what], last if held.what == by else first
                    )



