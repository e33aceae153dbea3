"""Blocks that differ and take turns: one each a segment, and the same again after some."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from recform.graph.model import Block, NetworkGraph, Segment
from recform.graph.numbered import without_number

#: Blocks that are equal are looked for so far apart.
APART = 32


@dataclass(frozen=True)
class Row:
    """Blocks in a row of which some may be left out.

    Attributes:
        count: how many there are.
        segments: how many segments they are: one, or as many as there are blocks.
        period: after how many one comes again.
    """

    count: int
    segments: int = 1
    period: int = 1

    @property
    def turns(self) -> bool:
        """Whether they differ, and take turns."""
        return self.segments > 1

    def least(self, written: int, apart: int = 1) -> int:
        """How many are written that are at least so many.

        Args:
            written: so many.
            apart: others are left out in multiples of it, and of the period.
        """
        if written >= self.count:
            return self.count
        return written + (self.count - written) % math.lcm(self.period, apart)

    def spread(self, written: int) -> list[int]:
        """How many blocks each segment has of so many: of turns those in the middle miss."""
        if not self.turns:
            return [written]
        first = written // 2
        missing = self.count - written
        return [1] * first + [0] * missing + [1] * (written - first)


def rows(network: NetworkGraph) -> list[Row]:
    """The segments of a network, those that take turns as one row."""
    found: list[Row] = []
    for stage in network.stages:
        found += _rows(stage.segments)
    return found


def _rows(segments: Sequence[Segment]) -> Iterable[Row]:
    looks = [_Look(segment) for segment in segments]
    first = 0
    while first < len(looks):
        last, period = _turns(looks, first)
        count = last - first
        yield Row(count, count, period) if count > 1 else Row(segments[first].count)
        first = last


def _turns(looks: Sequence[_Look], first: int) -> tuple[int, int]:
    """Up to where segments take turns from one on, and after how many one comes again."""
    for period in range(1, APART + 1):
        last = first + period
        while last < len(looks) and looks[last] == looks[last - period]:
            last += 1
        if last - first >= 2 * period:
            return last, period
    return first + 1, 1


class _Look:
    """What a segment is followed by; equal are those that are a block each."""

    def __init__(self, segment: Segment) -> None:
        self._one, self._block = segment.count == 1, segment.block
        #: Most that differ do so in these.
        self._sizes = segment.step, segment.stride, segment.block.totals, segment.inputs

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Look) or self._sizes != other._sizes:
            return False
        one = self._one and other._one
        return one and self._plain == other._plain and self._insides == other._insides

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def _plain(self) -> Block:
        return without_number(self._block)

    @cached_property
    def _insides(self) -> list[object]:
        """What the operators come to, by which links are not compared."""
        return [link.inside for links in self._block.works.values() for link in links]
