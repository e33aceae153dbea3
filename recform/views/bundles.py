"""Blocks that are drawn as one node, so that a deep network stays legible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recform.graph.model import Segment

#: Most nodes for blocks; with more, blocks of one step are put together although their
#: shapes differ.
MAX_NODES = 24


@dataclass(frozen=True)
class Bundle:
    """Blocks in a row that are one node.

    Attributes:
        stage: an index into the stages of the formula.
        first: the number of the first block, as the formula counts.
        count: how many blocks.
        segments: what they look like; each with how many of these blocks have that look.
    """

    stage: int
    first: int
    count: int
    segments: tuple[tuple[Segment, int], ...]

    @property
    def lead(self) -> Segment:
        """What the first of them looks like."""
        return self.segments[0][0]

    @property
    def last(self) -> Segment:
        """What the last of them looks like."""
        return self.segments[-1][0]


def bundled(segments: list[Segment], *, expand: bool) -> list[Bundle]:
    """The blocks of a network as nodes.

    Args:
        segments: of all stages, in order.
        expand: a node for each block.
    """
    if expand:
        return [
            Bundle(s.stage, s.first + number, 1, ((s, 1),))
            for s in segments
            for number in range(s.count)
        ]
    bundles = [Bundle(s.stage, s.first, s.count, ((s, s.count),)) for s in segments]
    bundles = _joined(bundles, _equal)
    return bundles if len(bundles) <= MAX_NODES else _joined(bundles, _alike)


def _joined(
    bundles: list[Bundle], fits: Callable[[Bundle, Bundle], bool]
) -> list[Bundle]:
    """Neighbours that fit become one."""
    joined: list[Bundle] = []
    for bundle in bundles:
        before = joined[-1] if joined else None
        if before is not None and fits(before, bundle):
            joined[-1] = Bundle(
                before.stage,
                before.first,
                before.count + bundle.count,
                (*before.segments, *bundle.segments),
            )
        else:
            joined.append(bundle)
    return joined


def _equal(a: Bundle, b: Bundle) -> bool:
    """Whether a picture shows the same of both (what autograd keeps may differ)."""
    one, other = a.last, b.lead
    return (
        a.stage == b.stage
        and one.step == other.step
        and one.inputs == other.inputs
        and one.block.shapes == other.block.shapes
        and one.block.sites == other.block.sites
        and one.block.totals.parameters == other.block.totals.parameters
    )


def _alike(a: Bundle, b: Bundle) -> bool:
    """Whether two neighbours can be one node: no adapter would be hidden between them."""
    return (
        a.stage == b.stage
        and a.lead.step == b.lead.step
        and not b.lead.block.sites
        and not a.lead.block.sites
    )
