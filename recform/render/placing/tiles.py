"""Blocks side by side: one is laid out, and stands there again and again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from recform.diagram.model import Diagram, Direction
from recform.diagram.request import Renderer
from recform.diagram.sizes import size_of
from recform.render.picture import Point
from recform.render.placing.frames import balanced, enclosing
from recform.render.placing.labels import sampled
from recform.render.placing.layout import Curve, Frame, Layout, place
from recform.render.placing.sides import both_sides


def arranged(diagram: Diagram, found: Renderer) -> Layout:
    """The layout of a diagram; equal blocks have equal places in it.

    Raises:
        CompileError: if the renderer fails.
    """
    if not diagram.tiles:
        placed = balanced(diagram, both_sides(diagram, place(diagram, found)))
        return enclosing(diagram, placed)
    one = _one(diagram)
    return _Row(diagram, enclosing(one, balanced(one, place(one, found)))).layout()


def _one(diagram: Diagram) -> Diagram:
    """The first block alone; its nodes are as large as the largest of their like."""
    first = diagram.tiles[0]
    ends = dict.fromkeys(first.inputs, "source") | dict.fromkeys(first.outputs, "sink")
    there = {*first.inputs, *first.nodes, *first.outputs}
    edges, clusters = set(first.edges), set(first.clusters)
    # What a block has beside itself stands beside what it gets, or hands on.
    made = {e.head for e in diagram.edges if e.id in edges}
    outside = (n.id for n in diagram.nodes if n.id in first.nodes and not n.cluster)
    ends |= {name: "sink" if name in made else "source" for name in outside}
    return replace(
        diagram,
        nodes=tuple(
            replace(n, end=ends.get(n.id, n.end))
            for n in diagram.nodes
            if n.id in there
        ),
        edges=tuple(e for e in diagram.edges if e.id in edges),
        clusters=tuple(c for c in diagram.clusters if c.id in clusters),
        tiles=(),
    )


#: Between the frames of two blocks.
_GAP = 24.0
#: How far aside the end of a line moves at most while the rest of it stays.
_STEEP = 20.0


class _Row:
    """Puts the places of one block beside each other.

    What a block hands on stands where the next one gets it, so that the state stays at
    its height; the edges to it bend there.
    """

    def __init__(self, diagram: Diagram, one: Layout) -> None:
        self._diagram, self._one = diagram, one
        self._along = 0 if diagram.direction is Direction.right else 1
        first = diagram.tiles[0]
        start, end = (one.nodes[row[0]] for row in (first.inputs, first.outputs))
        frames = [self._extent(one.clusters[name]) for name in first.clusters]
        wide = max((high - low for low, high in frames), default=0.0) + _GAP
        self._pace = max(end[self._along] - start[self._along] + self._beside(), wide)
        edges = [e.id for e in diagram.edges if e.id in set(first.edges)]
        self._curves = dict(zip(edges, one.edges, strict=True))
        self._heads = {e.id: e.head for e in diagram.edges}
        self._tails = {e.id: e.tail for e in diagram.edges}

    def _beside(self) -> float:
        """How much room what a block keeps for itself takes, in front of the next one."""
        first = self._diagram.tiles[0]
        heads = {e.head for e in self._diagram.edges if e.id in set(first.edges)}
        inside = (
            n for n in self._diagram.nodes if n.id in first.nodes and not n.cluster
        )
        sizes = [size_of(node) for node in inside if node.id in heads]
        rooms = [size.height if self._along else size.width for size in sizes]
        return max(rooms) + _GAP if rooms else 0.0

    def layout(self) -> Layout:
        first = self._diagram.tiles[0]
        nodes = {name: self._one.nodes[name] for name in first.inputs}
        curves: dict[str, Curve] = {}
        frames: dict[str, Frame] = {}
        for number, tile in enumerate(self._diagram.tiles):
            for name, like in zip(tile.nodes, first.nodes, strict=True):
                nodes[name] = self._moved(self._one.nodes[like], number)
            for name, like in zip(tile.outputs, first.inputs, strict=True):
                nodes[name] = self._moved(self._one.nodes[like], number + 1)
            for name, like in zip(tile.clusters, first.clusters, strict=True):
                moved = partial(self._moved, number=number)
                frames[name] = self._one.clusters[like].moved(moved)
            for name, like in zip(tile.edges, first.edges, strict=True):
                curves[name] = self._curve(like, number)
        size = [self._one.width, self._one.height]
        last = self._moved(self._one.nodes[first.inputs[0]], len(self._diagram.tiles))
        size[self._along] += (len(self._diagram.tiles) - 1) * self._pace
        size[self._along] = max(size[self._along], last[self._along] + _GAP)
        edges = tuple(curves[edge.id] for edge in self._diagram.edges)
        return Layout(size[0], size[1], nodes, edges, frames)

    def _extent(self, frame: Frame) -> tuple[float, float]:
        """From where to where a frame goes, along the row."""
        if self._along:
            return frame.top, frame.bottom
        return frame.left, frame.right

    def _moved(self, at: Point, number: int, more: Point = (0.0, 0.0)) -> Point:
        shift = list(more)
        shift[self._along] += number * self._pace
        return (round(at[0] + shift[0], 2), round(at[1] + shift[1], 2))

    def _curve(self, name: str, number: int) -> Curve:
        curve, more = self._curves[name], self._further(self._heads[name])
        points = self._bent(curve, more, whole=False)
        if abs(more[1 - self._along]) > _STEEP:
            # Where the end alone would make a spike, all of the line is bent.
            whole = self._bent(curve, more, whole=True)
            if not self._meets_parts(whole, self._tails[name]):
                points = whole
        points = tuple(self._moved(point, number) for point in points)
        label = None if curve.label is None else self._moved(curve.label, number)
        return Curve(points, self._moved(curve.tip, number, more), label)

    def _bent(self, curve: Curve, more: Point, *, whole: bool) -> tuple[Point, ...]:
        """A line whose end moves with its head, and the way there with it."""
        last = len(curve.points) - 2
        start, end = curve.points[0][self._along], curve.points[-1][self._along]
        points = []
        for n, (x, y) in enumerate(curve.points):
            share = 1.0 if n >= last else 0.0
            if whole and n < last:
                share = ((x, y)[self._along] - start) / ((end - start) or 1.0)
                share = min(max(share, 0.0), 1.0)
            points.append((x + share * more[0], y + share * more[1]))
        return tuple(points)

    def _meets_parts(self, points: tuple[Point, ...], tail: str) -> bool:
        """Whether a line runs over a part of its block, beside the one it begins at."""
        parts, way = {*self._diagram.tiles[0].nodes} - {tail}, sampled(points)
        sizes = ((n.id, size_of(n)) for n in self._diagram.nodes if n.id in parts)
        boxes = [
            Frame.around(self._one.nodes[name], size.width, size.height)
            for name, size in sizes
        ]
        return any(box.holds(Frame(x, y, x, y)) for box in boxes for x, y in way)

    def _further(self, head: str) -> Point:
        """How far a tensor that is handed on stands from where its block has it."""
        first = self._diagram.tiles[0]
        if head not in first.outputs:
            return (0.0, 0.0)
        taken = first.inputs[first.outputs.index(head)]
        next_one = self._moved(self._one.nodes[taken], 1)
        here = self._one.nodes[head]
        return (next_one[0] - here[0], next_one[1] - here[1])
