"""What each part of a network is to keep, so that training fits into a budget.

The parts are what stands before the blocks, each block, and what stands behind them. They
are taken in rows of one form; from a row nothing is made again of another one, so that what
a row costs hangs only on what those before it keep of the tensors that it reads. All plans
for which no other is better in time and in memory are found by going through the rows from
the first to the last (dynamic programming): behind each part only those are gone on with
that keep less, need less or run less again than others which keep the same tensors.

Of n parts there are some n^2 rows, each worked out once by following its operations: of p
operations of the network together n^2*p/6. Long networks are planned in groups, so n is
:data:`MOST` at most, and :data:`STEPS` bounds n^2*p down to :data:`FEWEST` groups; the time
then grows as the number of operations.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from recform.costs.forms import under
from recform.costs.peaks import peaks
from recform.costs.tape import Buffer, Held, Operation, Tape
from recform.memory import Back, Memory

#: Networks of more parts are planned in groups of blocks; of many operations, in fewer.
MOST, FEWEST, STEPS = 32, 12, 240_000
#: Forms that a part may have, the dearest in memory first.
FORMS = (Memory.plain, Memory.lean, Memory.checkpoint, Memory.reversible)
#: Seconds that an operation takes to run once more, in whole units: sums are exact.
Again: TypeAlias = Callable[[Operation], int]


@dataclass(frozen=True)
class Row:
    """Parts of one form in a row.

    Attributes:
        kept: bytes that it keeps beside what those before it do.
        peak: the most bytes that are held in it, besides what those before it keep.
        again: what it takes to run again what its backward pass does.
        holds: the tensors that are kept behind it, of those that later rows read; those
            that only rows keep which are run backwards, by their negative (``~``).
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


def choices(
    tape: Tape, batch: int, size: int, again: Again, back: Back | None = None
) -> list[Choice]:
    """The plans for which no other is better, the fastest first.

    Args:
        tape: of the plain network, each block of it written out.
        batch: how many examples.
        size: bytes of a number.
        again: how long an operation takes.
        back: which parts may be run backwards; none, if None.
    """
    groups = _Groups(tape)
    rows = _Rows(tape, batch, size, again, groups.borders)
    borders = groups.borders

    def may(start: int, end: int) -> bool:
        return back is not None and back.may(borders[start], borders[end])

    return [
        replace(choice, forms=groups.spread(choice.forms))
        for choice in best(len(borders) - 1, rows, may)
    ]


def best(
    count: int, row: Rows, may: Callable[[int, int], bool] = lambda start, end: False
) -> list[Choice]:
    """The best ways through so many parts, the fastest first.

    Args:
        count: how many.
        row: what a row of them comes to.
        may: whether the parts from one to another may be run backwards.
    """
    #: Behind each part, by the form of its row if that could go on, and by what is held: the
    #: ways to there.
    found: list[dict[tuple[Memory | None, frozenset[int]], list[_Way]]]
    found = [{} for _ in range(count + 1)]
    found[0][None, frozenset()] = [(0, 0, 0, ())]
    for start in range(count):
        for (before, holds), every in found[start].items():
            ways = _undominated(every)
            for form, ends in _rows(start, count, before, may):
                for end in ends:
                    made = row(start, end, form, holds)
                    key = form if form in _JOINED else None, made.holds
                    behind = found[end].setdefault(key, [])
                    behind += (_longer(way, made, form, end - start) for way in ways)
    last = _undominated([way for ways in found[count].values() for way in ways])
    chosen: list[Choice] = []
    for kept, peak, again, forms in sorted(last, key=lambda way: (way[2], way[1])):
        if not chosen or peak < chosen[-1].peak:
            chosen.append(Choice(forms, kept, peak, again))
    return chosen


#: Two rows of one of these forms would be one.
_JOINED = (Memory.lean, Memory.reversible)


def _rows(
    start: int, count: int, before: Memory | None, may: Callable[[int, int], bool]
) -> Iterator[tuple[Memory, Sequence[int]]]:
    """The rows that may begin here, behind one of some form."""
    yield Memory.plain, [start + 1]
    if before is not Memory.lean:
        yield Memory.lean, range(start + 1, count + 1)
    # What stands around the blocks is no block that could run again.
    if 0 < start < count - 1:
        yield Memory.checkpoint, [start + 1]
        if before is not Memory.reversible:
            yield (
                Memory.reversible,
                [end for end in range(start + 1, count) if may(start, end)],
            )


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
        held = (row.holds | holds) & part.wanted
        both = frozenset(~number for number in held if number >= 0)
        return replace(row, holds=held - both)

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
        forms = [Memory.plain] * self._tape.units
        for op in self._tape.operations[part.first : part.last]:
            forms[op.unit] = form
        tape = under(part.tape(holds), forms)
        held = peaks(tape, self._batch, self._size)
        kept = {
            ~number if buffer.alone else number
            for number, buffer in zip(part.numbers, tape.buffers, strict=True)
            if buffer.kept is not None or ~number in holds
        }
        operations = self._tape.operations
        again = sum(
            operations[part.first + n].runs * self._again(operations[part.first + n])
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
        read = [n for n in self.numbers if 0 <= buffers[n].born < self.first]
        return frozenset((*read, *(~n for n in read)))

    @cached_property
    def wanted(self) -> frozenset[int]:
        """Those from here or before that something behind may keep."""
        wanted = [
            number
            for number, buffer in enumerate(self.whole.buffers)
            if 0 <= buffer.born < self.last <= self.touched[number]
        ]
        return frozenset((*wanted, *(~number for number in wanted)))

    @property
    def _operations(self) -> list[Operation]:
        return self.whole.operations[self.first : self.last]

    def tape(self, holds: frozenset[int]) -> Tape:
        """The tape, where tensors of earlier parts are kept already."""
        buffers = list(self._buffers)
        for held in holds:
            number, alone = (~held, True) if held < 0 else (held, False)
            if (place := self._places.get(number)) is not None:
                buffers[place] = replace(buffers[place], before=True, alone=alone)
        return Tape(
            list(self._placed),
            buffers,
            self._within(self.whole.result),
            scalars=self.whole.scalars,
            learned=self._learned,
        )

    @cached_property
    def _places(self) -> dict[int, int]:
        return {number: place for place, number in enumerate(self.numbers)}

    def _within(self, held: Held) -> Held:
        return tuple(self._places[number] for number in held)

    @cached_property
    def _placed(self) -> list[Operation]:
        """The operations, with the tensors by their places among those of the part."""
        within = self._within
        return [
            replace(
                op,
                reads=within(op.reads),
                makes=self._places[op.makes],
                asks=within(op.asks),
            )
            for op in self._operations
        ]

    @cached_property
    def _learned(self) -> tuple[int, Mapping[object, int]]:
        """What is learned behind the part: its gradients are there before."""
        behind = [op for op in self.whole.operations[self.last :] if op.parameters]
        last = {op.owner: op.parameters * op.copies for op in behind}
        return sum(last.values()), Counter(op.owner for op in behind)

    @cached_property
    def _buffers(self) -> list[Buffer]:
        """The tensors, of which earlier parts keep none."""
        return list(map(self._moved, self.numbers))

    def _moved(self, number: int) -> Buffer:
        buffer, end = self.whole.buffers[number], self.last - self.first - 1

        def place(operation: int) -> int:
            return min(max(operation - self.first, 0), end)

        graded = buffer.read if buffer.graded is None else buffer.graded
        inside = graded >= self.first and buffer.born < self.last
        # What is read behind this part, or in front of it alone, is so of no operation.
        read = min(max(buffer.read - self.first, -1), end + 1)
        return replace(
            buffer,
            born=-1 if buffer.born < 0 else place(buffer.born),
            read=read,
            graded=place(graded),
            named=buffer.named - self.first if buffer.named < self.last else end,
            trained=buffer.trained and inside,
            before=buffer.born >= self.last,
            earlier=0 <= buffer.born < self.first,
        )
