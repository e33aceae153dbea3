"""The line that a picture keeps straight: the shortest way of a tensor through a block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from recform.diagram.model import Edge, Node


def straightened(
    nodes: Iterable[Node], edges: Iterable[Edge], start: str, end: str
) -> tuple[list[Node], list[Edge]]:
    """Nodes and edges, with those marked that lead from one to the other.

    Of several shortest ways it is that of the edges that were drawn first.
    """
    nodes, edges = list(nodes), list(edges)
    before: dict[str, Edge] = {}
    front = [start]
    while front and end not in before:
        reached = []
        for edge in edges:
            fresh = edge.head not in before and edge.head != start
            if edge.tail in front and fresh and not edge.module:
                before[edge.head] = edge
                reached.append(edge.head)
        front = reached
    way: dict[str, Edge] = {}
    at = end
    while at in before:
        way[before[at].id] = before[at]
        at = before[at].tail
    through = {end for edge in way.values() for end in (edge.tail, edge.head)}
    return (
        [replace(n, column=n.id in through) for n in nodes],
        [replace(e, spine=e.id in way) for e in edges],
    )
