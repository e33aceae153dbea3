"""What each part of a network is to keep, so that training fits into a budget.

The parts are what stands before the blocks, each block, and what stands behind them. They
are taken in rows of one form; from a row nothing is made again of another one, so that what
a row costs hangs only on what those before it keep of the tensors that it reads. All plans
for which no other is better in time and in memory are found by going through the rows from
the first to the last (dynamic programming): behind each part only those are gone on with
that keep less, need less or run less again than others which keep the same tensors.

Of n parts there are some n^2 rows; of those that are alike one is worked out, by following
its operations: if none are, of p operations of the network together n^2*p/6. Long networks
are planned in groups, so n is :data:`MOST` at most, and :data:`STEPS` bounds n^2*p down to
:data:`FEWEST` groups. Of a long row of equal blocks only a few are operations that are
followed (:mod:`recform.costs.repeats`); where none are equal, the time then grows as the
number of operations.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from typing import TypeAlias

from recform.costs.forms import under
from recform.costs.peaks import Held, held
from recform.costs.repeats import Short
from recform.costs.stretches import Stretch
from recform.costs.tape import Operation
from recform.memory import Back, Memory

#: Networks of more parts are planned in groups of blocks; of many operations, in fewer.
MOST, FEWEST, STEPS = 32, 6, 200_000
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
        holds: the tensors that are kept behind it, by their places among those that later
            rows touch; those that only rows keep which are run backwards, by ``~``.
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
    short: Short, batch: int, size: int, again: Again, back: Back | None = None
) -> list[Choice]:
    """The plans for which no other is better, the fastest first.

    Args:
        short: the tape of the plain network.
        batch: how many examples.
        size: bytes of a number.
        again: how long an operation takes.
        back: which parts may be run backwards; none, if None.
    """
    groups = _Groups(short)
    borders = groups.borders
    rows = _Rows(short, batch, size, again, borders)

    def may(start: int, end: int) -> bool:
        return back is not None and back.may(borders[start], borders[end])

    found = best(len(borders) - 1, rows, may)
    return [replace(choice, forms=groups.spread(choice.forms)) for choice in found]


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
    # Of those that keep less: peaks, and what runs again least with none higher.
    stairs: list[tuple[int, int]] = []
    for way in ordered:
        _, peak, again, _ = way
        place = bisect_right(stairs, peak, key=itemgetter(0))
        if place and stairs[place - 1][1] <= again:
            continue
        chosen.append(way)
        start = place - (place > 0 and stairs[place - 1][0] == peak)
        while place < len(stairs) and stairs[place][1] >= again:
            place += 1
        stairs[start:place] = [(peak, again)]
    return chosen


class _Groups:
    """The parts of a network, or of a long one groups of them.

    Attributes:
        borders: the unit with which each begins, and how many units there are.
    """

    def __init__(self, short: Short) -> None:
        count = short.units
        parts = math.isqrt(STEPS // max(1, len(short.tape.operations)))
        each = max(1, -(-(count - 2) // (max(FEWEST, min(MOST, parts)) - 2)))
        if each >= short.period:
            each = round(each / short.period) * short.period
        self.borders = [0, *range(1, count - 1, each), count - 1, count]

    def spread(self, forms: Sequence[Memory]) -> tuple[Memory, ...]:
        """For each unit the form of its group."""
        pairs = zip(self.borders, self.borders[1:], strict=False)
        sizes = [end - start for start, end in pairs]
        found: list[Memory] = []
        for form, size in zip(forms, sizes, strict=True):
            found += [form] * size
        return tuple(found)


class _Rows:
    """Rows of parts; of those that are alike one is worked out."""

    def __init__(
        self, short: Short, batch: int, size: int, again: Again, borders: Sequence[int]
    ) -> None:
        self._short = short
        self._tape = short.tape
        self._signs = short.signs
        self._batch, self._size = batch, size
        self._again = again
        self._borders = borders
        self._parts: dict[tuple[int, int], Stretch] = {}
        self._known: dict[object, _Alike] = {}

    def __call__(
        self, start: int, end: int, form: Memory, holds: frozenset[int]
    ) -> Row:
        units = self._borders[start], self._borders[end]
        first, last, repeats = self._short.placed(*units, form)
        part = self._part(first, last)
        if part.first == part.last:
            return Row(0, 0, 0, holds)
        places = [(self._firsts[r.first], self._firsts[r.last]) for r in repeats]
        borders = tuple(n - part.first for place in places for n in place)
        before = part.before(holds)
        key = (part.sign, form, before, borders)
        if key not in self._known:
            self._known[key] = self._worked_out(part, form, before, borders)
        alike = self._known[key]
        return alike.row(
            [repeat.more for repeat in repeats],
            self._short.learned[units[1]] * self._size,
            part.behind(alike.holds | before),
        )

    def _part(self, first: int, last: int) -> Stretch:
        """The units of the tape from one to another."""
        if (first, last) not in self._parts:
            between = self._firsts[first], self._firsts[last]
            self._parts[first, last] = Stretch(self._signs, *between)
        return self._parts[first, last]

    @cached_property
    def _firsts(self) -> list[int]:
        """The first operation of each unit of the tape, and how many there are."""
        units = [op.unit for op in self._tape.operations]
        return [bisect_left(units, unit) for unit in range(self._tape.units + 1)]

    @cached_property
    def _times(self) -> list[int]:
        """What it takes to run each operation again."""
        return [op.runs * self._again(op) for op in self._tape.operations]

    def _worked_out(
        self,
        part: Stretch,
        form: Memory,
        before: frozenset[int],
        borders: Sequence[int],
    ) -> _Alike:
        forms = [Memory.plain] * self._tape.units
        for op in self._tape.operations[part.first : part.last]:
            forms[op.unit] = form
        tape = under(part.tape(before), forms)
        there = {
            ~place if buffer.alone else place
            for place, buffer in enumerate(tape.buffers)
            if buffer.kept is not None or ~place in before
        }
        again = [
            sum(self._times[part.first + n] for n in op.again) for op in tape.operations
        ]
        edges = pairwise((0, *borders, len(again)))
        return _Alike(
            held(tape, self._batch, self._size, borders),
            [sum(again[start:end]) for start, end in edges],
            frozenset(there),
        )


@dataclass(frozen=True)
class _Alike:
    """What rows that are alike have in common.

    Attributes:
        held: what is held in each piece, without the gradients that are there before; every
            other piece may stand for many.
        again: what it takes to run again what the backward pass of each does.
        holds: as of a row, by their places among the tensors of the part.
    """

    held: list[Held]
    again: list[int]
    holds: frozenset[int]

    def row(self, more: Sequence[int], learned: int, holds: frozenset[int]) -> Row:
        """The row, in which pieces stand for so many more of them.

        In the forward pass the most is held in the last of these; in the backward pass in
        the last or in the first, for what is kept and what has its gradient already grow
        evenly, from one end and from the other.

        Args:
            more: of every other piece, from the second on.
            learned: bytes of the gradients that are there before.
            holds: as of the row.
        """
        often = [0] * len(self.held)
        often[1::2] = more
        behind = sum(
            n * piece.learned for n, piece in zip(often, self.held, strict=True)
        )
        kept = peak = 0
        for n, piece in zip(often, self.held, strict=True):
            behind -= n * piece.learned
            most = n * max(piece.kept, piece.learned)
            back = piece.backward + kept + most + behind + learned
            peak = max(peak, piece.forward + kept + n * piece.kept, back)
            kept += n * piece.kept
        whole = kept + sum(piece.kept for piece in self.held)
        again = sum((1 + n) * time for n, time in zip(often, self.again, strict=True))
        return Row(whole, peak, again, holds)
