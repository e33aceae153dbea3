"""A network as one list of operations, in the order in which its code runs them.

An operation reads tensors and makes one. A tensor here is what holds numbers: a name, a part
of a split or a view of a tensor is that tensor. So how long each has to be there, forward and
backward, is an interval of this list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import sympy

from recform.algebra.expr import (
    Apply,
    Filled,
    Input,
    K,
    Part,
    Scaled,
    State,
    Tensor,
    is_list,
)
from recform.algebra.formula import Scope
from recform.algebra.tracing import Link, statements
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
        parameters: how many it has.
        owner: whose they are; other operations may have the same.
        works: what it computes.
        workspace, workspace_back: what is held while it computes, and its gradient.
        copies: how many blocks in a row do the same.
    """

    part: str
    inside: Amount
    parameters: int
    owner: object
    works: tuple[Work, ...]
    workspace: Amount
    workspace_back: Amount
    copies: int


@dataclass
class Tape:
    """The list.

    Attributes:
        operations: in order.
        buffers: what they read and make.
        result: what the network returns.
        scalars: learned scalars, which no operation has.
    """

    operations: list[Operation] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    result: Held = ()
    scalars: int = 0


def record(network: NetworkGraph) -> Tape:
    """The operations of a network."""
    recorder = _Recorder(network)
    recorder.network()
    return recorder.tape


def _folded(tensor: Tensor) -> bool:
    """Whether code multiplies where it adds: by a sign, or by a number for each member."""
    if not isinstance(tensor, Scaled):
        return False
    return tensor.coefficient in (1, -1) or tensor.coefficient.has(K)


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
        self.flow = 0

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
        owned = {o.owner: o.parameters * o.copies for o in self.tape.operations}
        self.tape.scalars = network.totals.parameters - sum(owned.values())

    def _flow(self, flow: Flow, number: int, stages: Iterable[int], x: Held) -> Held:
        """The blocks of the network, or of a stage."""
        network = self._network
        self._part, self.flow = "shared", number
        carried = self._block(flow.start, network.starts[number], 0, (), x)
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
                    carried = self._block(step, segment.block, index, given, ())
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
        made = self._block(flow.end, network.ends[number], flow.length + 1, end, ())
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
        made = self._chain(piece.trace.links, x, self._part)
        last = len(self.tape.operations) - 1
        if piece.trace.saves_input:
            self._keep(x, first)
        if piece.trace.saves_output:
            self._keep(made, last)
        return made

    def _chain(self, links: Sequence[Link], given: Held, owner: object) -> Held:
        """Operators one after the other; what comes in is held until they are through."""
        x, start = given, len(self.tape.operations)
        for statement in statements(links):
            named = x
            for link in statement:
                here = len(self.tape.operations)
                if link.cost.saves_input and here > start:
                    self._keep(x, here)
                made = self._operation(link, x, (owner, here - start))
                if link.cost.saves_output and link is not links[-1]:
                    self._keep(made, here)
                x = made
            self._name(named)
        self._name(given)
        return x

    def _operation(self, link: Link, reads: Held, owner: object) -> Held:
        tape, here = self.tape, len(self.tape.operations)
        tape.operations.append(
            Operation(
                self._part,
                link.cost.inside,
                link.cost.parameters,
                owner if link.cost.parameters else None,
                link.works,
                Amount(link.cost.workspace),
                Amount(link.cost.workspace_back),
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
            Buffer(Amount(link.made), here, here, here, trained, copies=self._copies)
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
        self, step: Step, block: Block, index: int, given: Sequence[Held], x: Held
    ) -> list[Held]:
        """A block: what it hands on."""
        return _BlockRecorder(self, step, block, index, given, x).block()


class _BlockRecorder:
    """Follows one block."""

    def __init__(
        self,
        recorder: _Recorder,
        step: Step,
        block: Block,
        index: int,
        given: Sequence[Held],
        x: Held,
    ) -> None:
        self._recorder = recorder
        self._index = index
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
            owner = (self._index, key)
            self._held[key] = self._run(links, self._held[value], owner, (key, site))
        return self._held[key]

    def _made(self, tensor: Tensor, parts: list[Held]) -> Held:
        everything = tuple(dict.fromkeys(number for part in parts for number in part))
        if isinstance(tensor, State | Part) or is_list(tensor) or _folded(tensor):
            here = len(self._recorder.tape.operations)
            self._where[tensor] = (here, here)
            return everything
        links = self._block.works[tensor]
        return self._run(links, everything, self._owner(tensor), (tensor,))

    def _owner(self, tensor: Tensor) -> object:
        """The module that makes a tensor, as other blocks know it."""
        if not isinstance(tensor, Apply):
            return None
        if tensor.index is sympy.nan:
            return (self._recorder.flow, tensor.operator)
        block = int(tensor.index) - self._step.at + self._index
        return (self._recorder.flow, tensor.operator, block)

    def _run(
        self, links: Sequence[Link], x: Held, owner: object, keys: tuple[object, ...]
    ) -> Held:
        operations = self._recorder.tape.operations
        first = len(operations)
        made = self._recorder._chain(links, x, owner)
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
