"""Where the label of an edge stands: beside its line, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from recform.diagram import text
from recform.diagram.model import Diagram
from recform.diagram.sizes import NOTE, size_of
from recform.render.picture import Point
from recform.render.placing.layout import Frame, Layout

_GAP = 3.0
#: How wide and high the fields are in which points are looked for.
_FIELD = 32.0


class _Crowd:
    """Points by the fields that they lie in: a picture may have a hundred thousand."""

    def __init__(self, points: Iterable[Point]) -> None:
        self._fields: dict[tuple[int, int], list[Point]] = {}
        for x, y in points:
            field = int(x // _FIELD), int(y // _FIELD)
            self._fields.setdefault(field, []).append((x, y))

    def within(self, box: Frame) -> int:
        """How many lie in a box."""
        across = range(int(box.left // _FIELD), int(box.right // _FIELD) + 1)
        down = range(int(box.top // _FIELD), int(box.bottom // _FIELD) + 1)
        fields = (self._fields.get((x, y), ()) for x in across for y in down)
        return sum(
            1
            for field in fields
            for x, y in field
            if box.left <= x <= box.right and box.top <= y <= box.bottom
        )


def placed(diagram: Diagram, layout: Layout) -> dict[str, Point]:
    """The middle of the label of each edge that has one.

    Graphviz leaves room for labels, but a curved line may still run through that room:
    then the label moves along its line to where it touches least.
    """
    ways = {
        edge.id: sampled(curve.points, 48)
        for edge, curve in zip(diagram.edges, layout.edges, strict=True)
    }
    lines = [point for way in ways.values() for point in way]
    lines += [point for frame in layout.clusters.values() for point in _border(frame)]
    crowd = _Crowd(lines)
    page = Frame(0.0, 0.0, layout.width, layout.height)
    solid = []
    for node in diagram.nodes:
        size = size_of(node)
        solid.append(Frame.around(layout.nodes[node.id], size.width, size.height))
    result: dict[str, Point] = {}
    for edge, curve in zip(diagram.edges, layout.edges, strict=True):
        if not edge.label or curve.label is None:
            continue
        width, height = text.width(edge.label, NOTE, "sans") + 2, NOTE + 1

        def cost(place: Point, w: float = width, h: float = height) -> float:
            box = Frame.around(place, w, h)
            beyond = 0 if page.holds(box) else 100
            return beyond + crowd.within(box) + 20 * sum(map(box.meets, solid))

        best = curve.label
        if cost(best):
            best = min([best, *_beside(ways[edge.id], width, height)], key=cost)
        result[edge.id] = best
        solid.append(Frame.around(best, width, height))
    return result


def _beside(way: list[Point], width: float, height: float) -> Iterable[Point]:
    """Places beside a line, from its middle outwards."""
    count = len(way)
    order = sorted(range(1, count - 1), key=lambda n: abs(n - count // 2))
    # Beside a line that runs down aslant there is more room further out.
    for gap in (_GAP, 3 * _GAP):
        for number in order[: count * 2 // 3]:
            x, y = way[number]
            yield (x, y - height / 2 - gap)
            yield (x, y + height / 2 + gap)
            yield (x + width / 2 + gap, y)
            yield (x - width / 2 - gap, y)


def sampled(points: tuple[Point, ...], steps: int = 16) -> list[Point]:
    """Points along a Bezier spline."""
    result = [points[0]]
    for n in range(1, len(points) - 2, 3):
        a, b, c, d = points[n - 1 : n + 3]
        for step in range(1, steps + 1):
            t = step / steps
            u = 1 - t
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            x, y = (
                sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True))
                for axis in (0, 1)
            )
            result.append((x, y))
    return result


def _border(frame: Frame) -> list[Point]:
    left, top, right, bottom = frame.left, frame.top, frame.right, frame.bottom
    across = [left + (right - left) * n / 40 for n in range(41)]
    down = [top + (bottom - top) * n / 40 for n in range(41)]
    return [(x, y) for x in across for y in (top, bottom)] + [
        (x, y) for y in down for x in (left, right)
    ]
