"""How a network calls its blocks: which of them in one loop, and with which variables.

The state is variables, as many as the block at hand takes. Blocks that take as many as they
make are called in loops, one for each container (TorchScript has none over several); one
that makes more, or less, is called by itself. What waits on a stack is in a list, to which
a value is appended behind its block and from which it is popped as an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from recform.algebra.expr import Tensor
from recform.algebra.lists import Mirror, is_list
from recform.graph.model import NetworkGraph
from recform.plan.definitions import Assign, Do, Statement
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.recurrence.model import Flow, Step, contexts_of, read_by, shared_by
from recform.writers.names import base_name, context_names, variable


@dataclass(frozen=True)
class Pass:
    """Blocks in a row of one stage that are called alike.

    Attributes:
        stage: the number of the stage.
        first: the place of the first block in it.
        count: how many blocks.
        total: how many the stage has.
        shared: what the network hands to each of them.
        takes: the variables, or at first expressions, that the blocks get; none that they
            do not read.
        makes: the variables of all that they make.
        keeps: the lists that get a value behind each of them, and that value's variable.
    """

    stage: int
    first: int
    count: int
    total: int
    shared: tuple[str, ...]
    takes: tuple[str, ...]
    makes: tuple[str, ...]
    keeps: tuple[tuple[str, str], ...] = ()

    @property
    def alone(self) -> bool:
        """Whether it is one block, apart from the others of its stage."""
        return self.count == 1 and (self.total > 1 or self.takes != self.makes)

    @property
    def one(self) -> str:
        """What picks the block out of the container of its stage, where it is alone."""
        last = self.first == self.total - 1 > 1
        return "[-1]" if last else f"[{self.first}]"

    @property
    def several(self) -> str:
        """What picks the blocks out of the container of their stage, as a row."""
        end = self.first + self.count
        start = str(self.first or "")
        stop = {self.total: "", self.total - 1: "-1"}.get(end, str(end))
        return f"[{start}:{stop}]" if start or stop else ""

    def called(self, block: str) -> tuple[Statement, ...]:
        """The call of a block, and what it puts on stacks."""
        arguments = ", ".join((*self.shared, *self.takes))
        call = Assign(", ".join(self.makes), Code(f"{block}({arguments})"))
        kept = (Do(Code(f"{name}.append({value})")) for name, value in self.keeps)
        return (call, *kept)


@dataclass(frozen=True)
class _Row:
    """Blocks of one stage that take one step, and put the same on stacks."""

    stage: int
    first: int
    count: int
    step: Step
    keeps: tuple[tuple[str, int], ...] = ()

    @property
    def steady(self) -> bool:
        """Whether a block hands on as many values as it takes, of the same types."""
        step = self.step
        taken, made = (
            [is_list(slot) for slot in slots]
            for slots in (step.inputs[: step.carried], step.handed)
        )
        return taken == made


def stack_names(flow: Flow, names: Namespace) -> tuple[str, ...]:
    """The variables of the lists that a flow has for its stacks."""
    if len(flow.stacks) == 1:
        return (names.new("skips"),)
    bases = [f"{base_name(stack.body)}_skips" for stack in flow.stacks]
    return tuple(map(names.new, bases))


def passes(
    network: NetworkGraph,
    stages: Sequence[int],
    initial: Sequence[str],
    flow: Flow,
    lists: Sequence[str] = (),
) -> tuple[tuple[str, ...], list[Pass]]:
    """The variables of the state in front of the blocks of some stages, and their calls.

    Args:
        network: the whole.
        stages: their numbers; those of one flow.
        initial: the expressions of what there is in front of the first block.
        flow: that of the blocks.
        lists: the variables of its stacks.
    """
    contexts = context_names(network.recurrence)
    rows = [
        part
        for number in stages
        for row, first in _rows(network, number)
        for part in _apart(row, first, flow, lists)
    ]
    popped = {
        (stack.body, stack.shift): f"{name}.pop()"
        for stack, name in zip(flow.stacks, lists, strict=True)
    }
    groups = [list(group) for _, group in groupby(rows, key=_together)]
    behind = [_names(network, group[-1].step) for group in groups]
    result: list[Pass] = []
    before = start = behind[0] if groups[0][0].steady else tuple(initial)
    start = start[: groups[0][0].step.carried]
    for number, group in enumerate(groups):
        after = behind[number]
        if not group[0].steady and number + 1 < len(groups):
            # A loop that follows has its variables from here.
            after = behind[number + 1] if groups[number + 1][0].steady else after
        for (stage, shared, reads, constants, keeps), part in groupby(
            group, key=_alike
        ):
            members = list(part)
            taken = [popped[key] for key in _popped(members[0].step)]
            given = map(contexts.__getitem__, constants)
            takes = (*([*before, *taken][n] for n in reads), *given)
            count = sum(row.count for row in members)
            total = sum(s.count for s in network.stages[stage].segments)
            makes = (*after, *_aside(network, members[0].step, after))
            kept = tuple((name, makes[place]) for name, place in keeps)
            first = members[0].first
            result.append(Pass(stage, first, count, total, shared, takes, makes, kept))
        before = after
    return start, result


def _rows(network: NetworkGraph, stage: int) -> Iterator[tuple[_Row, int]]:
    """The segments of a stage, and the number of the first block of each."""
    first = 0
    for segment in network.stages[stage].segments:
        step = network.recurrence.steps[segment.step]
        yield _Row(stage, first, segment.count, step), segment.first
        first += segment.count


def _apart(row: _Row, first: int, flow: Flow, lists: Sequence[str]) -> Iterator[_Row]:
    """Blocks of a row that put the same on stacks."""

    def keeps(block: int) -> tuple[tuple[str, int], ...]:
        return tuple(
            (name, stack.kept[block])
            for stack, name in zip(flow.stacks, lists, strict=True)
            if block in stack.kept
        )

    place = row.first
    for kept, blocks in groupby(range(first, first + row.count), key=keeps):
        count = len(list(blocks))
        yield replace(row, first=place, count=count, keeps=kept)
        place += count


def _popped(step: Step) -> list[tuple[Tensor, int]]:
    """The stacks that a block takes from, in the order of its inputs."""
    slots = map(step.inputs.__getitem__, step.popped)
    return [(slot.body, slot.shift) for slot in slots if isinstance(slot, Mirror)]


def _together(row: _Row) -> tuple[int, int]:
    """Rows with the same key have the same variables."""
    return (0, 0) if row.steady else (row.stage + 1, row.first)


def _alike(
    row: _Row,
) -> tuple[
    int,
    tuple[str, ...],
    tuple[int, ...],
    tuple[Tensor, ...],
    tuple[tuple[str, int], ...],
]:
    """Rows of a loop with the same key are called with the same arguments."""
    step = row.step
    return row.stage, shared_by(step), read_by(step), contexts_of(step), row.keeps


def _names(network: NetworkGraph, step: Step) -> tuple[str, ...]:
    """A variable for each value that a block hands on."""
    names, order = _scope(network), network.recurrence.order
    return tuple(names.new(variable(s, step.at, order)) for s in step.handed)


def _aside(network: NetworkGraph, step: Step, others: Sequence[str]) -> tuple[str, ...]:
    """A variable for each value that a block makes for stacks alone."""
    names, order = _scope(network, others), network.recurrence.order
    slots = step.outputs[len(step.handed) :]
    return tuple(names.new(variable(s, step.at, order)) for s in slots)


def _scope(network: NetworkGraph, taken: Iterable[str] = ()) -> Namespace:
    """The variables of a forward pass that are still free."""
    return Namespace.forward({*context_names(network.recurrence).values(), *taken})
