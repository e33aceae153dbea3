"""What each part of a network is to keep, so that training fits into a budget.

The parts are what stands before the blocks, each block, and what stands behind them. They
are taken in rows of one form; from a row nothing is made again of another one, so that what
a row costs hangs only on what those before it keep of the tensors that it reads. All plans
for which no other is better in time and in memory are found by going through the rows from
the first to the last (dynamic programming): behind each part only those are gone on with
that keep less, need less or run less again than others which keep the same tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from recform.costs.forms import under
from recform.costs.peaks import peaks
from recform.costs.tape import Buffer, Held, Operation, Tape
from recform.memory import Memory

#: Networks of more parts are planned in groups of blocks; of many operations, in fewer.
MOST, FEWEST, STEPS = 32, 12, 240_000
#: Forms that a part may have, the dearest in memory first.
FORMS = (Memory.plain, Memory.lean, Memory.checkpoint)
#: Seconds that an operation takes to run once more, in whole units: sums are exact.
Again: TypeAlias = Callable[[Operation], int]


@dataclass(frozen=True)
class Row:
    """Parts of one form in a row.

    Attributes:
        kept: bytes that it keeps beside what those before it do.
        peak: the most bytes that are held in it, besides what those before it keep.
        again: what it takes to run again what its backward pass does.
        holds: the tensors that are kept behind it, of those that later rows read.
    """

    kept: int
    peak: int
    again: int
    holds: frozenset[int]


@dataclass(frozen=True)
class Choice:
    """A plan, and what it comes to.

    Attributes:
        forms: of each part.
        kept, peak: bytes, as of :class:`recform.costs.peaks.Peaks`.
        again: what is run again takes so long.
    """

    forms: tuple[Memory, ...]
    kept: int
    peak: int
    again: int


#: Bytes that are kept, the most that were held, what is run again, and the forms.
_Way: TypeAlias = "tuple[int, int, int, tuple[Memory, ...]]"
#: A row of the parts from one to another, in a form, behind a row that holds some tensors.
Rows: TypeAlias = Callable[[int, int, Memory, frozenset[int]], Row]


def choices(tape: Tape, batch: int, size: int, again: Again) -> list[Choice]:
    """The plans for which no other is better, the fastest first.

    Args:
        tape: of the plain network, each block of it written out.
        batch: how many examples.
        size: bytes of a number.
        again: how long an operation takes.
    """
    groups = _Groups(tape)
    rows = _Rows(tape, batch, size, again, groups.borders)
    return [
        replace(choice, forms=groups.spread(choice.forms))
        for choice in best(len(groups.borders) - 1, rows)
    ]


def best(count: int, row: Rows) -> list[Choice]:
    """The best ways through so many parts, the fastest first."""
    #: Behind each part, by whether its row was lean and by what is held: the ways to there.
    found: list[dict[tuple[bool, frozenset[int]], list[_Way]]]
    found = [{} for _ in range(count + 1)]
    found[0][False, frozenset()] = [(0, 0, 0, ())]
    for start in range(count):
        for (was_lean, holds), every in found[start].items():
            ways = _undominated(every)
            for form, ends in _rows(start, count, was_lean):
                for end in ends:
                    made = row(start, end, form, holds)
                    key = form is Memory.lean, made.holds
                    behind = found[end].setdefault(key, [])
                    behind += (_longer(way, made, form, end - start) for way in ways)
    last = _undominated([way for ways in found[count].values() for way in ways])
    chosen: list[Choice] = []
    for kept, peak, again, forms in sorted(last, key=lambda way: (way[2], way[1])):
        if not chosen or peak < chosen[-1].peak:
            chosen.append(Choice(forms, kept, peak, again))
    return chosen


def _rows(
    start: int, count: int, was_lean: bool
) -> Iterator[tuple[Memory, Sequence[int]]]:
    """The rows that may begin here. Two lean ones in a row would be one."""
    yield Memory.plain, [start + 1]
    if not was_lean:
        yield Memory.lean, range(start + 1, count + 1)
    # What stands around the blocks is no block that could run again.
    if 0 < start < count - 1:
        yield Memory.checkpoint, [start + 1]


def _longer(way: _Way, row: Row, form: Memory, count: int) -> _Way:
    kept, peak, again, forms = way
    most = max(peak, kept + row.peak)
    return kept + row.kept, most, again + row.again, (*forms, *[form] * count)


def _undominated(ways: list[_Way]) -> list[_Way]:
    """Those that no other is as good as in everything; of equal ones the first."""
    ordered = sorted(ways, key=lambda way: way[:3])
    chosen: list[_Way] = []
    for way in ordered:
        if not any(o[1] <= way[1] and o[2] <= way[2] for o in chosen):
            chosen.append(way)
    return chosen


class _Groups:
    """The parts of a network, or of a long one groups of them.

    Attributes:
        borders: the unit with which each begins, and how many units there are.
    """

    def __init__(self, tape: Tape) -> None:
        count = tape.units
        parts = math.isqrt(STEPS // max(1, len(tape.operations)))
        each = -(-(count - 2) // (max(FEWEST, min(MOST, parts)) - 2))
        self.borders = [0, *range(1, count - 1, max(each, 1)), count - 1, count]

    def spread(self, forms: Sequence[Memory]) -> tuple[Memory, ...]:
        """For each unit the form of its group."""
        pairs = zip(self.borders, self.borders[1:], strict=False)
        sizes = [end - start for start, end in pairs]
        return tuple(
            form for form, size in zip(forms, sizes, strict=True) for _ in range(size)
        )


class _Rows:
    """Rows of parts, each of which is worked out once."""

    def __init__(
        self, tape: Tape, batch: int, size: int, again: Again, borders: Sequence[int]
    ) -> None:
        self._tape = tape
        self._batch, self._size = batch, size
        self._again = again
        self._borders = borders
        self._parts: dict[tuple[int, int], _Part] = {}
        self._known: dict[tuple[int, int, Memory, frozenset[int]], Row] = {}

    def __call__(
        self, start: int, end: int, form: Memory, holds: frozenset[int]
    ) -> Row:
        part = self._part(start, end)
        if part.first == part.last:
            return Row(0, 0, 0, holds)
        key = (start, end, form, holds & part.read)
        if key not in self._known:
            self._known[key] = self._worked_out(part, form, key[-1])
        row = self._known[key]
        return replace(row, holds=(row.holds | holds) & part.wanted)

    def _part(self, start: int, end: int) -> _Part:
        if (start, end) not in self._parts:
            first, last = self._firsts[start], self._firsts[end]
            self._parts[start, end] = _Part(self._tape, self._touched, first, last)
        return self._parts[start, end]

    @cached_property
    def _touched(self) -> list[int]:
        """For each tensor the last operation that may have it kept, or has a name for it."""
        found = [buffer.named for buffer in self._tape.buffers]
        for number, op in enumerate(self._tape.operations):
            for buffer in op.asks:
                found[buffer] = max(found[buffer], number)
        return found

    @cached_property
    def _firsts(self) -> list[int]:
        """The first operation of each group, and how many there are."""
        count = len(self._tape.operations)
        firsts = {op.unit: n for n, op in reversed([*enumerate(self._tape.operations)])}
        found = [count]
        for border in reversed(self._borders[:-1]):
            inside = [n for unit, n in firsts.items() if unit >= border]
            found.append(min(inside, default=count))
        return found[::-1]

    def _worked_out(self, part: _Part, form: Memory, holds: frozenset[int]) -> Row:
        tape = under(part.tape(holds), [form] * self._tape.units)
        held = peaks(tape, self._batch, self._size)
        kept = {
            part.numbers[n] for n, b in enumerate(tape.buffers) if b.kept is not None
        }
        operations = self._tape.operations
        again = sum(
            self._again(operations[part.first + n])
            for op in tape.operations
            for n in op.again
        )
        return Row(held.kept, held.training, again, frozenset(kept))


@dataclass(frozen=True)
class _Part:
    """Some operations of a tape, as a tape.

    Attributes:
        whole: the tape.
        touched: for each tensor the last operation that has to do with it.
        first, last: the first operation, and the one behind the last.
    """

    whole: Tape
    touched: Sequence[int]
    first: int
    last: int

    @cached_property
    def numbers(self) -> list[int]:
        """The tensors that are there meanwhile, or that have a gradient then."""
        return [
            number
            for number, buffer in enumerate(self.whole.buffers)
            if (buffer.born < self.last and self.first <= self.touched[number])
            or number in self.whole.result
        ]

    @cached_property
    def read(self) -> frozenset[int]:
        """Those from before, which may be kept already."""
        buffers = self.whole.buffers
        return frozenset(n for n in self.numbers if 0 <= buffers[n].born < self.first)

    @cached_property
    def wanted(self) -> frozenset[int]:
        """Those from here or before that something behind may keep."""
        return frozenset(
            number
            for number, buffer in enumerate(self.whole.buffers)
            if 0 <= buffer.born < self.last <= self.touched[number]
        )

    @property
    def _operations(self) -> list[Operation]:
        return self.whole.operations[self.first : self.last]

    def tape(self, holds: frozenset[int]) -> Tape:
        """The tape, where tensors of earlier parts are kept already."""
        places = {number: place for place, number in enumerate(self.numbers)}

        def moved(held: Held) -> Held:
            return tuple(places[number] for number in held)

        operations = [
            replace(
                op, reads=moved(op.reads), makes=places[op.makes], asks=moved(op.asks)
            )
            for op in self._operations
        ]
        buffers = [self._moved(n, n in holds) for n in self.numbers]
        behind = self.whole.operations[self.last :]
        last = {op.owner: op for op in behind if op.parameters}
        there = sum(op.parameters * op.copies for op in last.values())
        learned = there, frozenset(last)
        return Tape(
            operations,
            buffers,
            moved(self.whole.result),
            scalars=self.whole.scalars,
            learned=learned,
        )

    def _moved(self, number: int, held: bool) -> Buffer:
        buffer, end = self.whole.buffers[number], self.last - self.first - 1

        def place(operation: int) -> int:
            return min(max(operation - self.first, 0), end)

        inside = buffer.read >= self.first and buffer.born < self.last
        return replace(
            buffer,
            born=-1 if buffer.born < 0 else place(buffer.born),
            read=place(buffer.read),
            named=buffer.named - self.first if buffer.named < self.last else end,
            trained=buffer.trained and inside,
            before=held or buffer.born >= self.last,
        )
