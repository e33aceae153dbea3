"""Follows a network as its code runs it, and writes its tape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from recform.algebra.expr import Concat, Context, Input, State
from recform.algebra.formula import Scope
from recform.blocks import Amount, Cost, Layout, Shape, Work
from recform.blocks.acts import Link
from recform.classes.variables import Variables, variables_of
from recform.costs.blocks import follow_block
from recform.costs.gradients import follow
from recform.costs.tape import Held, Tape, but
from recform.costs.writer import Works, Writer
from recform.graph.model import NetworkGraph, Piece, Segment
from recform.recurrence.model import Flow, Slot, Step
from recform.recurrence.stacks import Lists


def record(
    network: NetworkGraph,
    written: Sequence[int] = (),
    *,
    gpu: bool = False,
    batch: int = 2,
    size: int = 4,
    variables: Variables | None = None,
    behind: int | None = None,
    gradients: bool = True,
    holds: bool = True,
) -> Tape:
    """The operations of a network.

    Args:
        network: with shapes.
        written: how many blocks each segment has; as many as it has, if nothing is said.
        gpu: whether it runs on a GPU.
        batch: how many examples there are at once.
        size: bytes of a number.
        variables: of its code, if they are known.
        behind: as in a setting.
        gradients: whether it says when there are any.
        holds: whether it says what is held, and not only what is computed.
    """
    variables = variables or variables_of(network)
    inside = variables.unnamed, variables.modules
    writer = (Writer if holds else Works)(*inside, gpu=gpu, batch=batch, size=size)
    tape = _Recorder(network, iter(written), variables, writer, behind).network()
    if gradients and holds:
        follow(tape)
    return tape


def _variable(slot: Slot) -> str:
    """The name that code would give to an unknown."""
    return slot.name.lower() if isinstance(slot, State) else ""


def _is_input(slot: object, step: Step) -> bool:
    """Whether an unknown is what comes into the flow, for which code has no other name."""
    while isinstance(slot, State) and slot in step.computed:
        (slot,) = step.parts(slot)
    return isinstance(slot, Input)


class _Recorder:
    """Follows the blocks as the code runs them."""

    def __init__(
        self,
        network: NetworkGraph,
        written: Iterator[int],
        variables: Variables,
        writer: Writer,
        behind: int | None,
    ) -> None:
        self._variables = variables
        self._behind = behind
        #: What comes into stages that a container has, and the last of these.
        self._entered: list[tuple[int, Held]] = []
        #: The level of features that whoever goes through them still has.
        self._level: Held = ()
        #: What the variables of the state hold, those of earlier blocks, too.
        self._state: dict[str, Held] = {}
        #: What the last flow hands on, and the first tensor of its last state.
        self._through: tuple[Held, ...] = ()
        self._network = network
        self._written = written
        #: How many blocks of this flow are left out so far.
        self._left_out = 0
        self._recurrence = network.recurrence
        self._formula = network.recurrence.formula
        self._writer = writer
        #: What each block has: further inputs, and what the start makes of them alone.
        self._contexts: dict[object, Held] = {}

    def network(self) -> Tape:
        """Writes down everything."""
        writer = self._writer
        network, formula = self._network, self._formula
        writer.part = "stem"
        for name, shape in formula.contexts.items():
            self._contexts[Context(name)] = self._incoming(shape)
        x = self._piece(network.stem, self._incoming(formula.input))
        first = writer.tape.operations[-self._behind :] if self._behind else ()
        self._level = first[0].reads if first else x
        by_stage = formula.scope is Scope.STAGE
        for number, flow in enumerate(self._recurrence.flows):
            if number and network.transitions:
                writer.part = f"transition {number + 1}"
                x = self._piece(network.transitions[number - 1], x)
                self._assign(("x",), (x,))
            every = range(len(network.stages))
            x = self._flow(flow, number, (number,) if by_stage else every, x)
            if by_stage:
                self._assign(("x",), (x,))
        writer.part = "head"
        x = self._piece(network.head, x)
        writer.name(x)
        # Arguments, and what is made of them alone; and the rest of the last state.
        for held in (*self._contexts.values(), *self._state.values()):
            writer.name(held if held not in self._through else ())
        tape = writer.finish()
        tape.result = x
        for made in x:  # As a loss makes the gradient of it.
            tape.buffers[made].apart = network.head.output.layout is Layout.IMAGE
        tape.units = writer.unit + 1
        owned = dict(learned for op in tape.operations for learned in op.learns)
        tape.scalars = network.totals.parameters - sum(owned.values())
        return tape

    def _flow(self, flow: Flow, number: int, stages: Sequence[int], x: Held) -> Held:
        """The blocks of the network, or of a stage."""
        network = self._network
        writer = self._writer
        writer.part = "shared"
        block = partial(follow_block, writer, self._contexts, number)
        first = self._variables.starts[number]
        begun: list[Held] = []
        started = carried = block(
            flow.start, first, network.starts[number], 0, (), x, named=begun
        )
        names = self._variables.started[number] if self._variables.started else ()
        # What blocks take the place of has the name of that from the start on.
        first_step = self._recurrence.steps[network.stages[stages[0]].segments[0].step]
        loops = first_step.carried == len(first_step.handed)
        own = self._variables.names(number, 1) if loops else ()
        replaced = dict(zip(started, own, strict=False))
        for name, held in zip(names, begun, strict=False):
            if name != "x":  # which is told apart
                self._assign((replaced.get(held, name),), (held,))
        waiting = Lists[Held](flow)
        waiting.keep(0, carried)
        # What comes into the flow is there while a variable has it: its own, or that of
        # the state if it is one, and blocks hand on as many as they take.
        opening, opened = {"x"}, False
        if loops:
            pairs = zip(flow.start.outputs, first_step.handed, strict=False)
            same = {_variable(to) for slot, to in pairs if _is_input(slot, flow.start)}
            opening = same if len(same) == 1 else opening
        self._left_out = 0
        for stage in stages:
            writer.part = f"stage {stage + 1}"
            until = self._variables.held[stage]
            if self._behind is not None:
                # Whoever goes through levels of features runs the parts of containers,
                # and rows of blocks by a function.
                until = stage if self._variables.in_row else min(until, stage)
            self._entered.append((until, carried[0]))
            for segment in network.stages[stage].segments:
                writer.apart = segment.step in self._variables.flat
                step = self._recurrence.steps[segment.step]
                named = self._variables.steps[segment.step]
                between = self._variables.between[segment.step]
                blocks = self._blocks(segment)
                for index in blocks:
                    writer.unit, writer.between = writer.unit + 1, False
                    given = waiting.given(step, index, carried)
                    carried = block(
                        step, named, segment.block, index, given, (), between
                    )
                    writer.leave(carried)
                    waiting.keep(index, carried)
                    # The last one stands for the last of those that are left out.
                    at = segment.first + index - blocks[0]
                    if index == blocks[-1]:
                        at = segment.first + segment.count - 1
                    names = self._variables.names(number, at)
                    self._assign(names, carried[: len(step.handed)])
                    if not opened:
                        writer.name(x)  # as the variable of what the stem makes
                        opened = opening <= {*map(_variable, step.handed)}
            writer.apart = False
            for until, entry in self._entered:
                if until >= stage:  # What an nn.Sequential gets is held to its end.
                    writer.name(entry)
            if stage != stages[-1]:
                self._show(self._put_together(flow, carried))
        writer.part = "shared"
        if number == len(self._recurrence.flows) - 1:
            writer.unit, writer.between = writer.unit + 1, False
        for slot, held in zip(flow.start.outputs, started, strict=True):
            name = replaced.get(held, _variable(slot))
            if name == "x" and held != x:
                writer.name(held)  # a variable that no block takes the place of
        end = carried[: flow.end.carried]
        behind = flow.length - self._left_out + 1
        last = self._variables.ends[number]
        made = block(flow.end, last, network.ends[number], behind, end, ())
        self._show(made[0])
        self._through = (carried[0], made[0])
        return made[0]

    def _assign(self, names: Sequence[str], values: Sequence[Held]) -> None:
        """Has variables hold tensors; those that they held had a name until now.

        Where they are not known, each has the place of a tensor in the state.
        """
        for place, held in enumerate(values):
            name = names[place] if place < len(names) else str(place)
            if held != self._state.get(name, held) and not self._writer.apart:
                self._writer.name(self._state[name])
            self._state[name] = held

    def _put_together(self, flow: Flow, state: Sequence[Held]) -> Held:
        """The level of features behind a stage: of a state of several what the end makes.

        Nobody but those who look at levels has it, so that it has no gradient.
        """
        if self._behind is None or flow.output in flow.end.inputs:
            return state[0]
        buffers, output = self._writer.tape.buffers, flow.output
        parts = [n for held in state[: flow.end.carried] for n in held]
        sizes = [buffers[number].amount.numbers for number in parts]
        size = sum(sizes) if isinstance(output, Concat) else max(sizes)
        link = Link(size, Cost(cheap=True), (Work(sum(sizes), size),))
        made = self._writer.chain((link,), tuple(dict.fromkeys(parts)), None)
        buffers[made[0]] = but(buffers[made[0]], trained=False)
        return made

    def _show(self, level: Held) -> None:
        """Notes that a level is there: the one before it has had a name until now."""
        if self._behind is not None:
            self._writer.name(self._level)
            self._level = level

    def _blocks(self, segment: Segment) -> range:
        """The blocks of a segment; those that are left out are as if they were not there."""
        count = next(self._written, segment.count)
        first = segment.first - self._left_out
        self._left_out += segment.count - count
        return range(first, first + count)

    def _incoming(self, shape: Shape) -> Held:
        ids = shape.layout is Layout.IDS
        elements = shape.elements
        amount = Amount(bytes=8 * elements) if ids else Amount(elements)
        return self._writer.comes_in(amount, apart=shape.layout is Layout.IMAGE)

    def _piece(self, piece: Piece, x: Held) -> Held:
        writer, first = self._writer, self._writer.here
        made = writer.chain(piece.trace.links, x, writer.part)
        if piece.trace.saves_input:
            writer.keep(x, first)
        if piece.trace.saves_output:
            writer.keep(made, writer.here - 1)
        for number in made if piece.trace.dealt else ():
            writer.deal(number, piece.trace.dealt)
        return made
