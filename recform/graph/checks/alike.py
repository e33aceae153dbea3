"""Blocks of several stages that have one class, and get tensors of other layouts."""

from __future__ import annotations

from recform.blocks import Shape
from recform.graph.model import NetworkGraph, Segment


def layouts_apart(network: NetworkGraph) -> tuple[Segment, Segment] | None:
    """Blocks of two stages that get other layouts: with `scope stage`, by a transition.

    Returns:
        The first blocks of the first stage, and of another; None if there are none.
    """
    first, *others = (stage.segments[0] for stage in network.stages)
    for other in others:
        if _layouts(first) != _layouts(other):
            return first, other
    return None


def _layouts(segment: Segment) -> set[object]:
    return {x.layout for x in segment.inputs if isinstance(x, Shape)}
