"""Equations with a second index: ``X_<i,t> = ...`` is written out, one for each time."""

from __future__ import annotations

from dataclasses import dataclass

from recform.algebra.expr import I, T
from recform.algebra.indices import at_time, offset
from recform.algebra.scalars import scalar_of
from recform.algebra.symbols import FIRST
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.lowering.equations.left_side import shift_of
from recform.outline.definitions import every_name
from recform.outline.sections import Section
from recform.outline.survey import references
from recform.reading.sorts import Reader
from recform.syntax import nodes as n


@dataclass(frozen=True)
class Copy:
    """An equation at one time.

    Attributes:
        unknown: the name on its left side, with the time in it.
        letter: what stands for the time in the equation; empty if it names one time.
        time: what the letter is.
    """

    unknown: str
    letter: str
    time: int


class TimeReader:
    """Finds the times for which an equation of two indices is.

    Args:
        section: the statements.
        reader: knows the names.
        starts: the first block of every stage.
        report: gets RF217 and RF304.
    """

    def __init__(
        self,
        section: Section,
        reader: Reader,
        starts: tuple[int, ...],
        report: Diagnostics,
    ) -> None:
        self._section = section
        self._reader = reader
        self._starts = starts
        self._report = report

    def copies(self, left: n.Reference) -> list[Copy]:
        """One for each time; none after a diagnostic."""
        first, second = left.indices
        if FIRST in every_name(first):
            number = next(iter(self._starts), 1)
            self._report.error(
                "RF217",
                f"an equation for the {FIRST} block of every stage has one index",
                left.span,
                hint="with a second index there is one for each block: "
                f"{left.name}_<{number},t> = ...",
            )
            return []
        if isinstance(first, n.Range) or isinstance(second, n.Range):
            self._report.error(
                "RF217",
                "an equation for several blocks has one index, the block's",
                left.span,
                hint="write it for each block, or without the second index",
            )
            return []
        letter = self.letter(left)
        if not letter:
            time = int(self._reader._time_at(second))
            return [Copy(at_time(left.name, time), "", time)]
        shift = self._shift(letter, second)
        if shift is None:
            self._report.error(
                "RF304", "the second index on the left is t, or a number", second.span
            )
            return []
        times = range(1 - shift, self._reader.names.times + 1 - shift)
        copies = [
            Copy(at_time(left.name, time + shift), letter, time) for time in times
        ]
        if shift_of(first) is None:
            return copies
        # An equation for one time stands for that time.
        single = self._single_times()
        return [copy for copy in copies if copy.unknown not in single]

    def is_start(self, left: n.Reference) -> bool:
        """Whether this is an unknown of all blocks at position 0: ``H_<i,0>``."""
        first, second = left.indices
        return (
            isinstance(second, n.Number)
            and float(second.value) == 0
            and not isinstance(first, n.Range)
            and shift_of(first) == 0
        )

    def position(self, left: n.Reference) -> Symbolic | None:
        """What the letter of a second index is, if that is a position; None after RF229.

        On the left of ``H_<i,t+1> = ...`` the position is t+1, so t is the one before.
        """
        _, second = left.indices
        letter = self.letter(left)
        shift = None
        if letter and not isinstance(second, n.Range):
            shift = self._shift(letter, second)
        if shift is None:
            self._report.error(
                "RF229",
                "with `times positions` the second index on the left is t: an equation is "
                "for all positions",
                second.span,
                hint=f"what it begins with, before the first position, is said by "
                f"{left.name}_<i,0> = ...; otherwise there are zeros",
            )
            return None
        return T - shift

    def letter(self, left: n.Reference) -> str:
        """What stands for the time on a left side; empty if it names one time."""
        second = left.indices[1]
        if isinstance(second, n.Range):
            return ""
        return next((ref.name for ref in references(second)), "")

    def _shift(self, letter: str, index: n.Expr) -> int | None:
        """How far an index lies after its letter; None if that is no time."""
        value = scalar_of(index, {letter: I})
        if letter in ("i", "L") or value is None or not value.has(I):
            return None
        return offset(value) if (value - I).is_Integer else None

    def _single_times(self) -> set[str]:
        """Unknowns at a time that has an equation of its own: ``X_<i,1> = ...``."""
        names = set()
        for left in (part for item in self._section.equations for part in item.left):
            if not isinstance(left, n.Reference) or len(left.indices) != 2:
                continue
            first, second = left.indices
            if isinstance(second, n.Number) and shift_of(first) is not None:
                names.add(at_time(left.name, second.value))
        return names
