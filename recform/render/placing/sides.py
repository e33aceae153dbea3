"""Adapters of one block on both sides of the column that blocks stand in."""

from __future__ import annotations

from dataclasses import replace

from recform.diagram import text
from recform.diagram.model import Diagram, Direction, Kind, View
from recform.diagram.sizes import NOTE, size_of
from recform.render.picture import Point
from recform.render.placing.frames import from_left
from recform.render.placing.labels import sampled
from recform.render.placing.layout import Curve, Frame, Layout

#: Around what is in a frame, and around a node.
_MARGIN = 8.0


def both_sides(diagram: Diagram, layout: Layout) -> Layout:
    """The layout of a network with half of the adapters of a block on its other side.

    Graphviz puts them all on one side of the way that needs none.
    """
    if diagram.view is not View.network or diagram.direction is not Direction.down:
        return layout
    turner = _Turner(diagram, layout)
    for block in diagram.nodes:
        if block.kind is Kind.block:
            turner.turn(block.id)
    return turner.layout()


class _Turner:
    def __init__(self, diagram: Diagram, layout: Layout) -> None:
        self._diagram, self._layout = diagram, layout
        self._nodes = dict(layout.nodes)
        self._curves = list(layout.edges)
        self._boxes = {node.id: size_of(node) for node in diagram.nodes}
        kinds = {node.id: node.kind for node in diagram.nodes}
        self._adapters: dict[str, list[str]] = {}
        for edge in diagram.edges:
            if kinds[edge.tail] is Kind.adapter:
                self._adapters.setdefault(edge.head, []).append(edge.tail)

    def turn(self, block: str) -> None:
        """Moves the adapters of a block, if there is room for them."""
        middle = self._nodes[block][0]
        ordered = sorted(
            dict.fromkeys(self._adapters.get(block, [])),
            key=lambda name: abs(self._nodes[name][0] - middle),
        )
        far = [self._nodes[name][0] - middle for name in ordered]
        half = len(ordered) // 2
        if not half or len({distance > 0 for distance in far}) > 1:
            return
        nodes, curves = dict(self._nodes), list(self._curves)
        for number, name in enumerate(ordered):
            # The nearest go to the other side, and the others come nearer.
            wanted = -far[number] if number < half else far[number - half]
            at = nodes[name]
            self._nodes[name] = (round(middle + wanted, 2), at[1])
            for place, edge in enumerate(self._diagram.edges):
                if name not in (edge.tail, edge.head):
                    continue
                curve = curves[place]
                if number < half:
                    self._curves[place] = _bent(curve, middle, -1.0)
                    continue
                # Its other end stays where it is.
                still = (curve.points[0] if name == edge.head else curve.tip)[0]
                factor = (middle + wanted - still) / ((at[0] - still) or 1.0)
                self._curves[place] = _bent(curve, still, factor)
        if not self._is_free(ordered):
            self._nodes, self._curves = nodes, curves

    def _is_free(self, moved: list[str]) -> bool:
        """Whether nodes that were moved, and their edges, meet nothing else."""
        touching = {
            place: sampled(self._curves[place].points)
            for place, edge in enumerate(self._diagram.edges)
            if edge.tail in moved or edge.head in moved
        }
        for place, edge in enumerate(self._diagram.edges):
            way = touching.get(place) or sampled(self._curves[place].points)
            ends = {edge.tail, edge.head}
            there = self._nodes if place in touching else moved
            if any(self._holds(name, way) for name in there if name not in ends):
                return False
        return all(
            not self._holds(name, [self._nodes[other]])
            for name in moved
            for other in self._nodes
            if other != name
        )

    def _holds(self, name: str, way: list[Point]) -> bool:
        (x, y), size = self._nodes[name], self._boxes[name]
        w, h = size.width / 2 + 3, size.height / 2 + 3
        return any(abs(px - x) < w and abs(py - y) < h for px, py in way)

    def layout(self) -> Layout:
        """All of it, moved to where it begins."""
        frames = {c.id: self._frame(c.id) for c in self._diagram.clusters}
        sides = [
            (x - self._boxes[name].width / 2, x + self._boxes[name].width / 2)
            for name, (x, _) in self._nodes.items()
        ]
        sides += [(frame.left, frame.right) for frame in frames.values()]
        for edge, curve in zip(self._diagram.edges, self._curves, strict=True):
            xs = [x for x, _ in sampled(curve.points)]
            sides.append((min(xs), max(xs)))
            if curve.label is not None:
                half = text.width(edge.label, NOTE, "sans") / 2
                sides.append((curve.label[0] - half, curve.label[0] + half))
        left, right = min(a for a, _ in sides), max(b for _, b in sides)
        turned = replace(
            self._layout,
            nodes=self._nodes,
            edges=tuple(self._curves),
            clusters=frames,
        )
        return from_left(turned, left, right)

    def _frame(self, cluster: str) -> Frame:
        """A frame is as wide as it was, or as what is in it now."""
        frame = self._layout.clusters[cluster]
        inside = [n for n in self._diagram.nodes if n.cluster == cluster]
        if all(self._nodes[n.id] == self._layout.nodes[n.id] for n in inside):
            return frame
        sides = [
            self._nodes[n.id][0] + side * (self._boxes[n.id].width / 2 + _MARGIN)
            for n in inside
            for side in (-1, 1)
        ]
        return replace(frame, left=min(sides), right=max(sides))


def _bent(curve: Curve, middle: float, factor: float) -> Curve:
    """A curve that goes as far to a side, times a factor."""
    return curve.moved(lambda at: (round(middle + (at[0] - middle) * factor, 2), at[1]))
