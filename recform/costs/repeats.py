"""Long rows of equal blocks: a few of them, some of which stand for many.

What a form keeps of equal blocks repeats itself: in a plain pass block by block, in a lean one
after as many blocks as lead to a tensor that is kept because so much leads to it. So of a row
the blocks at its ends have to be seen, and one period between. What is kept, what is run again
and what is held grow evenly with the number of periods that are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from recform.costs.forms import steps
from recform.costs.record import record
from recform.costs.tape import Tape
from recform.graph.model import NetworkGraph, Segment
from recform.memory import Memory

#: Blocks of a row that are looked at for its period; twice as many, if they show none.
LOOKED_AT = 16


@dataclass(frozen=True)
class Repeat:
    """Units of a tape that stand for more.

    Attributes:
        first, last: the first one, and the one behind the last.
        more: how often they are left out.
    """

    first: int
    last: int
    more: int


@dataclass(frozen=True)
class Pattern:
    """How equal blocks repeat themselves, in a lean row.

    Attributes:
        edge: how many at both ends read other tensors than those between, or have other
            readers.
        lead: how many it takes until what is kept repeats itself.
        period: after how many it does.
    """

    edge: int
    lead: int
    period: int

    def of(self, form: Memory) -> Pattern:
        """Likewise in a row of another form, where each block is as the one before."""
        return self if form is Memory.lean else Pattern(self.edge, self.edge, 1)

    @property
    def least(self) -> int:
        """How many blocks a row has at least that stands for longer ones.

        Those before the first period, one in front of that which stands for many, it, and
        one behind.
        """
        return self.lead + 3 * self.period + self.edge

    def written(self, count: int) -> int:
        """How many blocks a tape needs, so that each row of so many can be seen on it."""
        most = 2 * self.edge + self.least + self.period - 1
        return count if count < most else most + (count - most) % self.period


@dataclass(frozen=True)
class Run:
    """Equal blocks, of which a tape may have fewer than there are.

    Attributes:
        first: the unit of the first one.
        count: how many there are.
        at: its unit on the tape.
        written: how many the tape has.
        pattern: how they repeat themselves.
    """

    first: int
    count: int
    at: int
    written: int
    pattern: Pattern

    @property
    def end(self) -> int:
        """The unit behind the last one."""
        return self.first + self.count

    @property
    def left_out(self) -> int:
        """How many the tape does not have."""
        return self.count - self.written

    def placed(
        self, start: int, end: int, form: Memory
    ) -> tuple[int, int, list[Repeat]]:
        """Some of them, as they are on the tape.

        Args:
            start: the unit of the first.
            end: the unit behind the last.
            form: of all of them.
        """
        pattern = self.pattern.of(form)
        edge, period = pattern.edge, pattern.period
        least, count = pattern.least, end - start
        front, back = min(start - self.first, edge), min(self.end - end, edge)
        if front < edge and back < edge:
            short = self.written - front - back
        elif count < least + period:
            short = count
        else:
            short = least + (count - least) % period
        first = self.at + (front if back == edge else self.written - back - short)
        last = first + short
        more = (count - short) // period
        behind = last - edge - period
        return first, last, [Repeat(behind - period, behind, more)] if more else []

    def unit(self, number: int) -> int:
        """The unit of the tape that is as one of the network's."""
        before, behind = number - self.first, self.end - number
        half = self.written // 2
        return self.at + (min(before, half) if behind > half else self.written - behind)


@dataclass(frozen=True)
class Short:
    """The tape of a network some of whose blocks stand for many.

    Attributes:
        tape: with fewer blocks.
        runs: its long rows of equal blocks.
    """

    tape: Tape
    runs: tuple[Run, ...] = ()

    @property
    def units(self) -> int:
        """How many units the network has."""
        return self.tape.units + sum(run.left_out for run in self.runs)

    @cached_property
    def learned(self) -> list[int]:
        """The numbers that are learned behind each border of units, each counted once."""
        of_unit, seen = [0] * self.tape.units, set[object]()
        for op in reversed(self.tape.operations):
            if op.parameters and op.owner not in seen:
                of_unit[op.unit] += op.parameters
                seen.add(op.owner)
        units = map(self.unit, reversed(range(self.units)))
        return [0, *accumulate(of_unit[unit] for unit in units)][::-1]

    @property
    def period(self) -> int:
        """Rows are alike that differ by as many blocks, but for how many are left out."""
        return max((run.pattern.period for run in self.runs), default=1)

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


def shortened(network: NetworkGraph) -> Short:
    """The tape of a network, with as few blocks of long rows as show what all do.

    Args:
        network: with shapes.
    """
    segments = [s for stage in network.stages for s in stage.segments]
    counts = [segment.count for segment in segments]
    # Blocks that take something off a stack are as many as those that put it there.
    stacks = any(flow.stacks for flow in network.recurrence.flows)
    if stacks or max(counts) <= LOOKED_AT:
        return Short(record(network, whole=True))
    written = [min(count, LOOKED_AT) for count in counts]
    while True:
        tape = record(network, whole=True, written=written)
        found = list(_patterns(network, segments, tape, written))
        seen = zip(found, written, counts, strict=True)
        if all(pattern or some == count for pattern, some, count in seen):
            break
        pairs = zip(written, counts, strict=True)
        written = [min(2 * some, count) for some, count in pairs]
    rows = list(zip(found, counts, strict=True))
    short = [pattern.written(count) if pattern else count for pattern, count in rows]
    if short != written:
        tape = record(network, whole=True, written=short)
    runs: list[Run] = []
    first = at = 1
    for (pattern, count), some in zip(rows, short, strict=True):
        if pattern:
            runs.append(Run(first, count, at, some, pattern))
        first, at = first + count, at + some
    made = Short(tape, tuple(runs))
    # What blocks learn that are left out is in no operation, but is no learned scalar.
    scalars = network.totals.parameters - made.learned[0]
    return Short(replace(tape, scalars=scalars), made.runs)


def _patterns(
    network: NetworkGraph,
    segments: Sequence[Segment],
    tape: Tape,
    written: Sequence[int],
) -> Iterator[Pattern | None]:
    """How the blocks of each segment repeat themselves, as far as that is to be seen."""
    looks: list[list[object]] = [[] for _ in range(tape.units)]
    for op, known in zip(tape.operations, steps(tape), strict=True):
        looks[op.unit].append(known)
    at = 1
    for segment, count in zip(segments, written, strict=True):
        step = network.recurrence.steps[segment.step]
        # So far a tensor can be handed on from block to block.
        edge = max(len(step.inputs), len(step.outputs)) + 1
        yield _pattern(looks[at : max(at, at + count - edge)], edge)
        at += count


def _pattern(looks: Sequence[object], edge: int) -> Pattern | None:
    """How blocks repeat themselves, by what each looks like; None if they do not.

    As many rows of steps as tensors are handed on may grow in turn: so long two blocks may
    look alike that are not.
    """
    for period in range(1, len(looks) // 2 + 1):
        lead = len(looks) - period
        while lead and looks[lead - 1] == looks[lead - 1 + period]:
            lead -= 1
        if len(looks) - lead >= 2 * (period + edge):
            return Pattern(edge, max(lead, edge), period)
    return None
