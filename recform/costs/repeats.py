"""Long rows of blocks that repeat themselves: a few of them, which stand for all.

Blocks may be equal one by one, or again and again after some. What a form keeps of them
repeats itself, too: in a plain pass as they do, in a lean one after as many as lead to a
tensor that is kept because so much leads to it. So of a row the blocks at its ends have to be
seen, and one period between. What is kept, what is run again and what is held grow evenly with
the number of periods that are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate

from recform.classes.variables import Variables, variables_of
from recform.costs.forms import steps
from recform.costs.record import record
from recform.costs.stretches import Signs
from recform.costs.tape import Operation, Tape
from recform.costs.turns import APART, Row, rows
from recform.graph.model import NetworkGraph
from recform.memory import Memory

#: Blocks of a segment that are looked at, and twice as many until they show how they go on.
LOOKED_AT = 16


@dataclass(frozen=True)
class Repeat:
    """Units of a tape that stand for more.

    Attributes:
        first, last: the first one, and the one behind the last.
        more: how often they are left out.
        singly: whether times are added up as if they were not.
    """

    first: int
    last: int
    more: int
    singly: bool = False


@dataclass(frozen=True)
class Pattern:
    """How blocks in a row repeat themselves.

    Attributes:
        edge: how many at both ends may read what no others do, or be read by others.
        lead: how many it takes until what is kept repeats itself.
        period: after how many it does.
    """

    edge: int
    lead: int
    period: int

    @property
    def least(self) -> int:
        """How many blocks a row has at least that stands for longer ones.

        Those before the first period, one in front of that which stands for many, it, and
        one behind.
        """
        return self.lead + 3 * self.period + self.edge

    @property
    def most(self) -> int:
        """So many show each row, as far from either end as matters."""
        return 2 * self.edge + self.least + self.period - 1


@dataclass(frozen=True)
class Run:
    """Blocks that repeat themselves, of which a tape may have fewer than there are.

    Attributes:
        first: the unit of the first one.
        count: how many there are.
        at: its unit on the tape.
        written: how many the tape has.
        plain: how they repeat themselves, and all forms but one.
        lean: how a lean row does; None, if so few do not show it.
        turns: whether blocks are left out that differ, and take turns.
    """

    first: int
    count: int
    at: int
    written: int
    plain: Pattern
    lean: Pattern | None
    turns: bool = False

    @property
    def end(self) -> int:
        """The unit behind the last one."""
        return self.first + self.count

    @property
    def left_out(self) -> int:
        """How many the tape does not have."""
        return self.count - self.written

    @property
    def fits(self) -> bool:
        """Whether the tape has enough of them."""
        if self.lean is None:
            return not self.left_out
        most = self.lean.most + self.plain.period - 1
        enough = self.written >= most or not self.left_out
        return enough and not self.left_out % self.lean.period

    def placed(
        self, start: int, end: int, form: Memory
    ) -> tuple[int, int, list[Repeat]]:
        """Some of them, as they are on the tape.

        Args:
            start: the unit of the first.
            end: the unit behind the last.
            form: of all of them.
        """
        pattern = self.lean if form is Memory.lean else self.plain
        if pattern is None:
            moved = self.at - self.first
            return start + moved, end + moved, []
        edge, period, least = pattern.edge, pattern.period, pattern.least
        count, before = end - start, start - self.first
        front, back = min(before, edge), min(self.end - end, edge)
        whole = front < edge and back < edge
        if whole:
            short = self.written - front - back
        elif count < least + period:
            short = count
        else:
            short = least + (count - least) % period
        # As far from the first block as leaves it the same one of those that are repeated.
        front += (before - front) % self.plain.period
        first = self.at + (front if back == edge else self.written - back - short)
        last = first + short
        more = (count - short) // period
        behind = last - edge - period
        singly = whole and self.turns
        repeats = [Repeat(behind - period, behind, more, singly)] if more else []
        return first, last, repeats

    def unit(self, number: int) -> int:
        """The unit of the tape that is as one of the network's."""
        place, period = number - self.first, self.plain.period
        over = max(0, place - self.written + 1)
        return self.at + place - -(-over // period) * period


@dataclass(frozen=True)
class Short:
    """The tape of a network some of whose blocks stand for many.

    Attributes:
        tape: with fewer blocks.
        runs: its blocks that repeat themselves.
        variables: those of the code of which it was written, if they are known.
        looks: what its operations look like, likewise.
    """

    tape: Tape
    runs: tuple[Run, ...] = ()
    variables: Variables | None = None
    looks: Signs | None = None

    @cached_property
    def signs(self) -> Signs:
        """What its operations look like."""
        return self.looks or Signs(self.tape)

    @property
    def left_out(self) -> int:
        """How many units the tape does not have."""
        return sum(run.left_out for run in self.runs)

    @property
    def units(self) -> int:
        """How many units the network has."""
        return self.tape.units + self.left_out

    @cached_property
    def often(self) -> list[int]:
        """How many units of the network each unit of the tape stands for."""
        found = [0] * self.tape.units
        for unit in map(self.unit, range(self.units)):
            found[unit] += 1
        return found

    @property
    def computed(self) -> list[tuple[Operation, int]]:
        """The operations of the network, and how often each of them runs.

        Those of blocks that take turns stand here once for each block, so that times add
        up to the same float as if none were left out.
        """
        of_unit: list[list[Operation]] = [[] for _ in range(self.tape.units)]
        for op in self.tape.operations:
            of_unit[op.unit].append(op)
        found: list[tuple[Operation, int]] = []
        seen: set[int] = set()
        for number in range(self.units):
            unit, often = self.unit(number), 1
            if not self._takes_turns(number):
                often = 0 if unit in seen else self.often[unit]
                seen.add(unit)
            found += [(op, often * op.runs) for op in of_unit[unit] if often]
        return found

    def _takes_turns(self, number: int) -> bool:
        return any(run.turns and run.first <= number < run.end for run in self.runs)

    @cached_property
    def learned(self) -> list[int]:
        """The numbers that are learned behind each border of units, each counted once."""
        of_unit, seen = [0] * self.tape.units, set[object]()
        for op in reversed(self.tape.operations):
            new = {owner: n for owner, n in op.learns if owner not in seen}
            of_unit[op.unit] += sum(new.values())
            seen.update(new)
        units = map(self.unit, reversed(range(self.units)))
        return [0, *accumulate(of_unit[unit] for unit in units)][::-1]

    @property
    def period(self) -> int:
        """Lean rows are alike that differ by so many blocks, but for what is left out."""
        return max((run.lean.period for run in self.runs if run.lean), default=1)

    def unit(self, number: int) -> int:
        """The unit of the tape that is as one of the network's."""
        for run in self.runs:
            if run.first <= number < run.end:
                return run.unit(number)
        return self._outside(number)

    def placed(
        self, start: int, end: int, form: Memory
    ) -> tuple[int, int, list[Repeat]]:
        """A row of units, as it is on the tape: from where to where, and what repeats."""
        first, last = self._outside(start), self._outside(end)
        repeats: list[Repeat] = []
        for run in self.runs:
            inside = max(start, run.first), min(end, run.end)
            if inside[0] < inside[1]:
                begins, ends, more = run.placed(*inside, form)
                first = begins if start >= run.first else first
                last = ends if end <= run.end else last
                repeats += more
        return first, last, repeats

    def _outside(self, border: int) -> int:
        """The border of the tape that is as one of the network's which is in no run."""
        before = (run for run in self.runs if run.end <= border)
        return border - sum(run.left_out for run in before)


def shortened(
    network: NetworkGraph,
    *,
    gpu: bool = False,
    batch: int = 2,
    size: int = 4,
    behind: int | None = None,
    gradients: bool = True,
    variables: Variables | None = None,
) -> Short:
    """The tape of a network, with as few blocks of long rows as show what all do.

    Args:
        network: with shapes.
        gpu: whether it runs on a GPU.
        batch: how many examples there are at once.
        size: bytes of a number.
        behind: as in a setting.
        gradients: as of :func:`record`.
        variables: likewise.
    """
    variables = variables or variables_of(network)
    written_out = partial(
        record,
        gpu=gpu,
        batch=batch,
        size=size,
        variables=variables,
        behind=behind,
        gradients=gradients,
    )
    every = rows(network)
    recorded = partial(_recorded, network, variables, written_out, every)
    counts = [row.count for row in every]
    written = [row.least(min(row.count, LOOKED_AT)) for row in every]
    # Blocks that take something off a stack are as many as those that put it there.
    if any(flow.stacks for flow in network.recurrence.flows):
        written = counts
    while True:
        short = recorded(written)
        found = [_around(short, middle) for middle in _middles(written)]
        seen = list(zip(found, written, every, strict=True))
        if all(pattern or some == row.count for pattern, some, row in seen):
            break
        written = [row.least(2 * some) for _, some, row in seen]
    if not all(run.fits for run in short.runs):
        short = recorded([_enough(*three) for three in seen])
    if not all(run.fits for run in short.runs):
        short = recorded(counts)
    return short


def _around(short: Short, unit: int) -> Pattern | None:
    """How lean blocks repeat themselves around a unit of the tape."""
    at = (run for run in short.runs if run.at <= unit < run.at + run.written)
    return next((run.lean for run in at), None)


def _enough(pattern: Pattern | None, written: int, row: Row) -> int:
    """How many blocks of a row are enough, with edges beside those that repeat."""
    if pattern is None or written == row.count:
        return written
    most = pattern.most + pattern.period + 2 * pattern.edge
    return row.least(most, pattern.period)


def _middles(written: Sequence[int]) -> list[int]:
    """The unit of the tape in each segment from which on some are left out."""
    ends = accumulate(written, initial=1)
    return [at + some // 2 for at, some in zip(ends, written, strict=False)]


def _recorded(
    network: NetworkGraph,
    variables: Variables,
    written_out: Callable[[NetworkGraph, Sequence[int]], Tape],
    every: Sequence[Row],
    written: Sequence[int],
) -> Short:
    """The tape with so many blocks of each row, and which of them repeat themselves."""
    pairs = list(zip(every, written, strict=True))
    tape = written_out(network, [n for row, some in pairs for n in row.spread(some)])
    signs = Signs(tape)
    used = {s.step for stage in network.stages for s in stage.segments}
    taken = [network.recurrence.steps[number] for number in sorted(used)]
    # So far a tensor can be handed on from block to block, if it is not on and on.
    edge = 1 + max(max(len(step.inputs), len(step.outputs)) for step in taken)
    looks: list[list[int]] = [[] for _ in range(tape.units)]
    firsts: dict[int, int] = {}
    for number, op in enumerate(tape.operations):
        firsts.setdefault(op.unit, number)
        since = firsts.get(op.unit - edge, 0)
        look = op.part, signs.look(number, since)
        looks[op.unit].append(signs.number(look))
    repeating = [*_repeating(looks, edge)]
    states: list[list[object]] = [[] for _ in range(tape.units)]
    for op, state in zip(
        tape.operations, steps(tape) if repeating else (), strict=False
    ):
        states[op.unit].append(state)
    left = [(row.count - some, row.turns) for row, some in pairs]
    gaps = [
        (at, *gap) for at, gap in zip(_middles(written), left, strict=True) if gap[0]
    ]
    runs: list[Run] = []
    for first, last, period in repeating:
        before = sum(gap for middle, gap, _ in gaps if middle < first)
        inside = [(gap, turns) for middle, gap, turns in gaps if first <= middle < last]
        left_out, turns = (
            sum(gap for gap, _ in inside),
            any(turns for _, turns in inside),
        )
        plain = Pattern(edge, edge, period)
        lean = _pattern(states[first : last - edge], plain)
        count = last - first
        run = Run(first + before, count + left_out, first, count, plain, lean, turns)
        runs.append(run)
    made = Short(tape, tuple(runs), variables, signs)
    # What blocks learn that are left out is in no operation, but is no learned scalar.
    tape.scalars = network.totals.parameters - made.learned[0]
    return made


def _repeating(looks: Sequence[object], edge: int) -> Iterator[tuple[int, int, int]]:
    """Rows of blocks that are equal again and again, and after how many they are."""
    first, end = 1, len(looks) - 1
    while first < end:
        longest, period = first, 1
        for apart in range(1, min(APART, (end - first) // 2) + 1):
            last = first + apart
            while last < end and looks[last] == looks[last - apart]:
                last += 1
            if last > longest and last - first >= 2 * (apart + edge):
                longest, period = last, apart
        if longest > first:
            yield first, longest, period
        first = max(longest, first + 1)


def _pattern(states: Sequence[object], plain: Pattern) -> Pattern | None:
    """How blocks repeat themselves in a lean pass, by what each knows; None if they do not.

    As many rows of steps as tensors are handed on may grow in turn: so long two blocks may
    know the same that are not equal.
    """
    edge = plain.edge
    for period in range(plain.period, len(states) // 2 + 1, plain.period):
        lead = len(states) - period
        while lead and states[lead - 1] == states[lead - 1 + period]:
            lead -= 1
        if len(states) - lead >= 2 * (period + edge):
            return Pattern(edge, max(lead, edge), period)
    return None
