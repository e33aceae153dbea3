"""Blocks that differ and take turns: one each a segment, and the same again after some."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recform.graph.model import NetworkGraph, Segment
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
    first = 0
    while first < len(segments):
        last, period = _turns(segments, first)
        count = last - first
        yield Row(count, count, period) if count > 1 else Row(segments[first].count)
        first = last


def _turns(segments: Sequence[Segment], first: int) -> tuple[int, int]:
    """Up to where segments take turns from one on, and after how many one comes again."""
    for period in range(1, APART + 1):
        last = first + period
        while last < len(segments) and _alike(segments[last - period], segments[last]):
            last += 1
        if last - first >= 2 * period:
            return last, period
    return first + 1, 1


def _alike(one: Segment, other: Segment) -> bool:
    """Whether segments are a block each, and these are followed alike."""
    sizes = one.count, one.step, one.stride, one.inputs
    if one.count > 1 or sizes != (other.count, other.step, other.stride, other.inputs):
        return False
    block, last = without_number(one.block), without_number(other.block)
    return block == last and _insides(one) == _insides(other)


def _insides(segment: Segment) -> list[object]:
    """What the operators of a block come to, which links are not compared by."""
    links = (link for every in segment.block.works.values() for link in every)
    return [link.inside for link in links]
