"""Blocks of several stages that have one class, and get tensors of other layouts."""

from __future__ import annotations

from recform.blocks import Shape
from recform.graph.model import NetworkGraph, Segment


def layouts_apart(network: NetworkGraph) -> tuple[Segment, Segment] | None:
    """Blocks that take one step on other layouts: with `scope stage`, by a transition.

    Returns:
        A run of blocks of the first stage, and one of another; None if there are none.
    """
    first: dict[int, Segment] = {}
    for stage in network.stages:
        for segment in stage.segments:
            before = first.setdefault(segment.step, segment)
            if _layouts(before) != _layouts(segment):
                return before, segment
    return None


def _layouts(segment: Segment) -> list[object]:
    return [x.layout if isinstance(x, Shape) else None for x in segment.inputs]
