"""Frames with the same room on both sides of what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recform.diagram import text
from recform.diagram.model import Cluster, Diagram, Direction, Node, View
from recform.diagram.sizes import NOTE, size_of
from recform.render.picture import Point
from recform.render.placing.labels import sampled
from recform.render.placing.layout import Frame, Layout

#: Between a frame and what runs along it.
_ROOM = 6.0


def balanced(diagram: Diagram, layout: Layout) -> Layout:
    """The layout with frames in the middle of their nodes, where nothing else stands.

    Graphviz widens a frame for its label, to whichever side it likes.
    """
    frames = dict(layout.clusters)
    for cluster in diagram.clusters:
        if any(other.parent == cluster.id for other in diagram.clusters):
            continue
        frame = frames[cluster.id]
        inside = [
            *_within(diagram, layout, cluster),
            *_labels(diagram, layout, cluster),
        ]
        low, high = min(n.left for n in inside), max(n.right for n in inside)
        side = ((low - frame.left) + (frame.right - high)) / 2
        moved = replace(frame, left=round(low - side, 2), right=round(high + side, 2))
        around = [f for name, f in frames.items() if name != cluster.id]
        around = [f for f in around if not f.holds(frame)]
        around += _within(diagram, layout, cluster, outside=True)
        outer = frames.get(cluster.parent)
        fits = outer is None or outer.holds(moved)
        if fits and not any(map(moved.meets, around)):
            frames[cluster.id] = moved
    left = min([0.0, *(frame.left for frame in frames.values())])
    right = max([layout.width, *(frame.right for frame in frames.values())])
    return from_left(replace(layout, clusters=frames), left, right)


def enclosing(diagram: Diagram, layout: Layout) -> Layout:
    """The layout with frames of blocks around all that runs to and from their parts.

    Graphviz leads an edge that comes from outside past the frame, to where it ends.
    """
    # In a network blocks stand in stages.
    deep = 1 if diagram.view is View.network else 0
    around = {c.id: diagram.frames_around(c.parent) for c in diagram.clusters}
    blocks = [name for name, outer in around.items() if len(outer) == deep]
    stages = dict.fromkeys(outer for name in blocks for outer in around[name])
    for name in [*blocks, *stages]:
        inside = {c for c, outer in around.items() if name in (c, *outer)}
        layout = _enclosed(diagram, layout, name, inside)
    return layout


def _enclosed(diagram: Diagram, layout: Layout, name: str, within: set[str]) -> Layout:
    """The layout with one frame as wide as what runs in it, if there is room."""
    frame, down = layout.clusters[name], diagram.direction is Direction.down
    inside = {node.id for node in diagram.nodes if node.cluster in within}
    low, high = (frame.left, frame.right) if down else (frame.top, frame.bottom)
    sides = [low, high]
    for edge, curve in zip(diagram.edges, layout.edges, strict=True):
        # In a network what leaves a block may pass by others.
        ends = {edge.head} if diagram.view is View.network else {edge.tail, edge.head}
        if inside & ends:
            way = sampled(curve.points)
            if down:
                beside = [x for x, y in way if frame.top < y < frame.bottom]
            else:
                beside = [y for x, y in way if frame.left < x < frame.right]
            sides += [at - _ROOM for at in beside if at < low]
            sides += [at + _ROOM for at in beside if at > high]
    for inner in within - {name}:
        other = layout.clusters[inner]
        first, last = (other.left, other.right) if down else (other.top, other.bottom)
        sides += [first - _ROOM, last + _ROOM]
    if down:
        wide = replace(frame, left=min(sides), right=max(sides))
    else:
        wide = replace(frame, top=min(sides), bottom=max(sides))
    around = [_box(n, layout) for n in diagram.nodes if n.id not in inside]
    around += [f for c, f in layout.clusters.items() if c not in within]
    if any(wide.meets(other) for other in around if not other.holds(frame)):
        return layout
    frames = {**layout.clusters, name: wide}
    return _around(
        replace(layout, clusters=frames),
        min(0.0, wide.left),
        min(0.0, wide.top),
        max(layout.width, wide.right),
        max(layout.height, wide.bottom),
    )


def from_left(layout: Layout, left: float, right: float) -> Layout:
    """A layout that goes from ``left`` to ``right``, moved to where pictures begin."""
    return _around(layout, left, 0.0, right, layout.height)


def _around(
    layout: Layout, left: float, top: float, right: float, bottom: float
) -> Layout:
    """A layout that fills this, moved to where pictures begin."""
    if left == 0.0 == top:
        return replace(layout, width=right, height=bottom)

    def moved(at: Point) -> Point:
        return (round(at[0] - left, 2), round(at[1] - top, 2))

    return replace(layout.moved(moved), width=right - left, height=bottom - top)


def _within(
    diagram: Diagram, layout: Layout, cluster: Cluster, *, outside: bool = False
) -> Iterator[Frame]:
    """The boxes of the nodes of a frame, or of all others."""
    for node in diagram.nodes:
        if (node.cluster == cluster.id) is not outside:
            yield _box(node, layout)


def _box(node: Node, layout: Layout) -> Frame:
    size = size_of(node)
    return Frame.around(layout.nodes[node.id], size.width, size.height)


def _labels(diagram: Diagram, layout: Layout, cluster: Cluster) -> Iterator[Frame]:
    """Where the labels of the edges between nodes of a frame are about to stand."""
    inside = {node.id for node in diagram.nodes if node.cluster == cluster.id}
    for edge, curve in zip(diagram.edges, layout.edges, strict=True):
        if curve.label is not None and {edge.tail, edge.head} <= inside:
            yield Frame.around(curve.label, text.width(edge.label, NOTE, "sans"), 0)
