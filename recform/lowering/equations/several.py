"""Equations for several blocks: ``X_<first> = ...`` and ``X_<2..5> = ...``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from recform.algebra.expr import L, State, Tensor
from recform.algebra.formula import Boundary, Equation
from recform.algebra.indices import untimed
from recform.algebra.ranged import blocks_between
from recform.algebra.symbols import FIRST
from recform.algebra.typeset import indexed, plain, plain_scalar
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, Label
from recform.outline.definitions import every_name
from recform.reading.base import MAX_INDEX
from recform.reading.sorts import Reader
from recform.syntax import nodes as n

#: What is done about two that say the same of one tensor.
_ONE = "leave one of them out"


def is_several(left: n.Reference) -> bool:
    """Whether a left side names several blocks."""
    if len(left.indices) != 1:
        return False
    (index,) = left.indices
    return isinstance(index, n.Range) or FIRST in every_name(index)


def told_twice(boundaries: Sequence[Boundary], report: Diagnostics) -> None:
    """Reports the blocks that two boundary equations are for (RF207)."""
    places: dict[Tensor, Boundary] = {}
    for boundary in boundaries:
        first = places.setdefault(boundary.left, boundary)
        if first is not boundary:
            left = boundary.left
            is_state = isinstance(left, State)
            shown = indexed(left.name, left.index) if is_state else plain(left)
            report.error(
                "RF207",
                f"{shown} has two boundary equations",
                boundary.span,
                others=[Label(first.span, "the first one")],
                hint=_apart(first, boundary, boundaries) if is_state else _ONE,
            )


def two_equations(first: Equation, second: Equation, report: Diagnostics) -> None:
    """Reports a second equation of an unknown (RF207)."""
    name = untimed(second.unknown)
    report.error(
        "RF207",
        f"{name} has two equations",
        second.span,
        others=[Label(first.span, "the first one")],
        hint=_halfway(first, second) or "give the second unknown a name of its own",
    )


def _halfway(first: Equation, second: Equation) -> str:
    """Both equations with a name for what the first makes, if the second goes on from it.

    ``X_i = X_<i-1> + A_i*X_<i-1>`` and ``X_i = X_i + M_i*X_i``, as a program does it.
    """
    own = re.compile(rf"(?<!\w){re.escape(first.unknown)}(_i(?!\w)|_[<{{]\s*i\s*[>}}])")
    before, after = (each.text.partition("=")[2].strip() for each in (first, second))
    starts = [own.match(each.text) for each in (first, second)]
    taken = first.span.source.text
    between = taken[first.span.end : second.span.start]
    if not all(starts) or not own.search(after) or own.search(before + between):
        return ""
    free = next(
        (x for x in "YZHUVST" if not re.search(rf"(?<!\w){x}(?![^\W_])", taken)), ""
    )
    return free and (
        f"write {free}_i = {before} and {first.unknown}_i = {own.sub(f'{free}_i', after)}"
    )


def _apart(first: Boundary, second: Boundary, boundaries: Sequence[Boundary]) -> str:
    """The range of one of two equations without the blocks of the other one."""
    for one, other in ((second, first), (first, second)):
        left, equals, right = one.text.partition("=")
        mine, theirs = (
            {int(b.left.index) for b in boundaries if b.span == each.span}
            for each in (one, other)
        )
        rest = sorted(mine - theirs)
        if ".." in left and rest:
            runs = " and ".join(
                f"{one.left.name}_<{start}..{end}> {equals}{right}"
                for start, end in _runs(rest)
            )
            which = "it" if one is second else "the first one"
            return f"write {which} as {runs}"
    return _ONE


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Numbers in ascending order as ranges, first and last."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


class SeveralReader:
    """Reads which blocks an equation is for.

    Args:
        reader: knows the names.
        starts: the first block of every stage.
        length: how many blocks the index counts; 0 if stages differ in that.
        report: gets RF106 and RF217.
    """

    def __init__(
        self,
        reader: Reader,
        starts: Sequence[int],
        length: int,
        report: Diagnostics,
    ) -> None:
        self._reader = reader
        self._starts = starts
        self._length = length
        self._report = report

    def blocks(
        self, left: n.Reference, right: n.Expr
    ) -> tuple[Sequence[int], tuple[Symbolic, Symbolic] | None]:
        """The numbers of the blocks; and of a range, its ends as they are written.

        Raises:
            Reported: if the left side names none, or the right side speaks of others.
        """
        (index,) = left.indices
        if isinstance(index, n.Range):
            return self._range(index, left)
        if not isinstance(index, n.Reference):
            self._report.fail(
                "RF217",
                f"the left side has the index {FIRST}",
                left.span,
                hint=f"{left.name}_<{FIRST}> = ...",
            )
        if "i" in every_name(right):
            self._report.fail(
                "RF217",
                f"an equation for the first blocks speaks of {FIRST}, and not of i",
                right.span,
                hint=f"X_<{FIRST}> = D_<{FIRST}>*X_<{FIRST}-1>",
            )
        return self._starts, None

    def _range(
        self, index: n.Range, left: n.Reference
    ) -> tuple[Sequence[int], tuple[Symbolic, Symbolic]]:
        written = [self._reader._value_of_index(e) for e in (index.first, index.last)]
        if any(end.has(L) for end in written) and not self._length:
            self._report.fail(
                "RF217",
                "L is another number in each stage, and this range is one for all",
                left.span,
                hint=f"{left.name}_i = ... is for all blocks that have no equation of "
                f"their own, such as {left.name}_1 = ...",
            )
        for end in written:
            self._check_whole(end, left)
        ends = written[0], written[1]
        # Of a short network, a range that is said in L may have no block.
        blocks = blocks_between(ends, self._length)
        if blocks is None:
            self._report.fail(
                "RF217",
                "a range on the left side goes from one block, counted from 1, "
                "to a later one",
                left.span,
                hint=f"{left.name}_<2..5> = ..., with i on the right side",
            )
        if blocks and blocks[-1] > MAX_INDEX:
            self._report.fail(
                "RF106",
                f"this equation is for block {blocks[-1]}; of blocks behind {MAX_INDEX} "
                "none has an equation of its own",
                left.span,
            )
        return blocks, ends

    def _check_whole(self, end: Symbolic, left: n.Reference) -> None:
        """Reports an end of a range that is no block: ``L/2`` of 7 blocks.

        Raises:
            Reported: RF315, if that is no whole number.
        """
        number = end.subs(L, self._length)
        if end.has(L) and number.is_Rational and not number.is_Integer:
            self._report.fail(
                "RF315",
                f"{plain_scalar(end)} is {number} here, and no block: "
                f"there are {self._length}",
                left.span,
                hint="floor(L/2) is a block for every L; "
                "or let the stages have an even number of blocks, or an odd one",
            )
