"""What each part of a network is to keep, so that training fits into a budget.

The parts are what stands before the blocks, each block, and what stands behind them. They
are taken in rows of one form (:mod:`recform.costs.rows`). All plans for which no other is
better in time and in memory are found by going through the rows from the first to the last
(dynamic programming): behind each part only those are gone on with that keep less, need
less or run less again than others which keep the same tensors.

Of n parts there are some n^2 rows; of those that are alike one is worked out, by following
its operations: if none are, of p operations of the network together n^2*p/6. Long networks
are planned in groups, so n is :data:`MOST` at most, and :data:`STEPS` bounds n^2*p down to
:data:`FEWEST` groups. Of a long row of equal blocks only a few are operations that are
followed (:mod:`recform.costs.repeats`); where none are equal, the time then grows as the
number of operations.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TypeAlias

from recform.costs.repeats import Short
from recform.costs.rows import Alike, Row, Rows
from recform.costs.tape import Operation
from recform.memory import Back, Memory

#: Networks of more parts are planned in groups of blocks; of many operations, in fewer.
MOST, FEWEST, STEPS = 32, 6, 200_000


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
RowOf: TypeAlias = Callable[[int, int, Memory, frozenset[int]], Row]


def choices(
    short: Short,
    batch: int,
    size: int,
    again: Callable[[Operation], int],
    back: Back | None = None,
) -> list[Choice]:
    """The plans for which no other is better, the fastest first.

    Args:
        short: the tape of the plain network.
        batch: how many examples.
        size: bytes of a number.
        again: how long an operation takes, in whole units: sums are exact.
        back: which parts may be run backwards; none, if None.
    """
    groups = _Groups(short)
    borders = groups.borders
    rows = Rows(short, batch, size)
    times = [op.runs * again(op) for op in short.tape.operations]
    spent: dict[Alike, list[int]] = {}

    def row(start: int, end: int, form: Memory, holds: frozenset[int]) -> Row:
        placed = rows.placed(borders[start], borders[end], form, holds)
        alike = placed.alike
        if alike not in spent:
            pieces = alike.again
            spent[alike] = [sum(times[placed.first + n] for n in p) for p in pieces]
        return placed.row(spent[alike])

    def may(start: int, end: int) -> bool:
        return back is not None and back.may(borders[start], borders[end])

    found = best(len(borders) - 1, row, may)
    return [replace(choice, forms=groups.spread(choice.forms)) for choice in found]


def best(
    count: int, row: RowOf, may: Callable[[int, int], bool] = lambda start, end: False
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
        parts = math.isqrt(STEPS // max(1, len(short.computed)))
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
