"""A long picture in rows, as text is wrapped: what is handed on begins the next one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

from recform.diagram.model import Diagram, Direction, Kind, Node
from recform.diagram.sizes import size_of
from recform.render.picture import Point
from recform.render.placing.labels import sampled
from recform.render.placing.layout import Layout

#: Between two rows.
_GAP = 18.0
#: Where a picture may be cut: at what one block hands to the next.
_SEAMS = (Kind.state, Kind.unknown, Kind.module)


def wrapped(diagram: Diagram, layout: Layout, limit: float) -> tuple[Diagram, Layout]:
    """A picture in rows that are no longer than ``limit``, as far as it can be cut.

    The nodes at which it is cut stand at the end of a row, and again in front of the next.
    """
    if diagram.direction is not Direction.right or layout.width <= limit:
        return diagram, layout
    cuts = _Cuts(diagram, layout)
    ends: list[float] = []
    start = 0.0
    for here, further in pairwise([*cuts.places, layout.width]):
        if further - start > limit and here > start:
            ends.append(here)
            start = here
    return _Rows(diagram, layout, cuts, ends).wrapped() if ends else (diagram, layout)


def _handed_on(diagram: Diagram) -> list[Node]:
    """What blocks make for others; the rest stands in the row of its block."""
    made = {edge.head for edge in diagram.edges}
    return [n for n in diagram.nodes if n.kind in _SEAMS and n.id in made]


class _Cuts:
    """Places where nothing passes but the nodes of one column.

    Attributes:
        columns: the nodes of each place.
    """

    def __init__(self, diagram: Diagram, layout: Layout) -> None:
        self._diagram, self._layout = diagram, layout
        found: dict[float, list[Node]] = {}
        for node in _handed_on(diagram):
            place = round(layout.nodes[node.id][0])
            found.setdefault(place, []).append(node)
        self.columns = {
            place: nodes
            for place, nodes in sorted(found.items())
            if self._is_free(place, {node.id for node in nodes})
        }

    @property
    def places(self) -> list[float]:
        return list(self.columns)

    def _is_free(self, place: float, column: set[str]) -> bool:
        for frame in self._layout.clusters.values():
            if frame.left <= place <= frame.right:
                return False
        for node in self._diagram.nodes:
            x, half = self._layout.nodes[node.id][0], size_of(node).width / 2
            # What a block has beside itself may stand beside what it gets.
            if node.id not in column and 2 < abs(x - place) < half:
                return False
        before = after = False
        for edge, curve in zip(self._diagram.edges, self._layout.edges, strict=True):
            ends = (edge.tail, edge.head)
            tail, head = (self._layout.nodes[end][0] for end in ends)
            if edge.tail in column:
                after, wrong = True, head <= place + 1
            elif edge.head in column:
                before, wrong = True, tail >= place - 1
            else:
                across = [x for x, _ in sampled(curve.points)]
                wrong = min(across) < place < max(across)
            if wrong:
                return False
        return before and after


class _Rows:
    def __init__(
        self, diagram: Diagram, layout: Layout, cuts: _Cuts, ends: list[float]
    ) -> None:
        self._diagram, self._layout = diagram, layout
        self._ends, self._columns = ends, cuts.columns
        self._starts = [self._left(None), *(self._left(end) for end in ends)]

    def _left(self, cut: float | None) -> float:
        """Where a row begins: at the left side of the nodes that it begins with."""
        return 0.0 if cut is None else cut - self._half(cut)

    def _half(self, cut: float) -> float:
        """Half of the width of the widest node that stands at a cut."""
        places = self._layout.nodes
        near = (n for n in self._diagram.nodes if abs(places[n.id][0] - cut) < 2)
        return max(size_of(node).width for node in near) / 2

    def wrapped(self) -> tuple[Diagram, Layout]:
        nodes, places = list(self._diagram.nodes), {}
        handed = {node.id for node in _handed_on(self._diagram)}
        for node in self._diagram.nodes:
            at = self._layout.nodes[node.id]
            before = 2 if node.id in handed else -2
            places[node.id] = self._moved(at, self._row(at[0] - before))
        for number, end in enumerate(self._ends, start=1):
            for node in self._columns[end]:
                again = replace(node, id=f"{node.id}-again")
                nodes.append(again)
                places[again.id] = self._moved(self._layout.nodes[node.id], number)
        curves = []
        for edge, curve in zip(self._diagram.edges, self._layout.edges, strict=True):
            tail, head = (self._layout.nodes[end][0] for end in (edge.tail, edge.head))
            row = self._row(min(tail, head) + 2)
            curves.append(curve.moved(partial(self._moved, row=row)))
        frames = {
            name: frame.moved(partial(self._moved, row=self._row(frame.left)))
            for name, frame in self._layout.clusters.items()
        }
        stops = [*(end + self._half(end) for end in self._ends), self._layout.width]
        wide = max(b - a for a, b in zip(self._starts, stops, strict=True))
        high = self._layout.height * len(stops) + _GAP * len(self._ends)
        return (
            replace(self._diagram, nodes=tuple(nodes)),
            Layout(wide, high, places, tuple(curves), frames),
        )

    def _row(self, x: float) -> int:
        return sum(1 for end in self._ends if x > end)

    def _moved(self, at: Point, row: int) -> Point:
        down = row * (self._layout.height + _GAP)
        return (round(at[0] - self._starts[row], 2), round(at[1] + down, 2))
