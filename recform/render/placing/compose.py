"""A diagram and its layout become a picture: forms, arrows, caption, legend, bars."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain

from recform.diagram import text
from recform.diagram.model import Cluster, Diagram, Edge, Kind, Node
from recform.diagram.sizes import CLUSTER, LABEL, NOTE, SIGN, size_of
from recform.diagram.theme import FORMS
from recform.render.formats.dot import colours_of, edge_line
from recform.render.picture import (
    Item,
    Picture,
    Point,
    Segment,
    Shape,
    Words,
    box,
    hexagon,
    line,
    polygon,
    rounded,
)
from recform.render.placing.labels import placed, sampled
from recform.render.placing.layout import Curve, Frame, Layout
from recform.render.placing.margin import below

MARGIN = 8.0
_LEADING = 1.18
_ARROW = (6.5, 2.6)
#: How far the base line is below the middle of a line of text, of its size.
_BASE = 0.32


def compose(
    diagram: Diagram,
    layout: Layout,
    *,
    legend: bool = False,
    most: float | None = None,
) -> Picture:
    """The picture of a diagram.

    What stands below is no wider than ``most``, if the drawing is not.
    """
    if most is not None:
        most = max(most - 2 * MARGIN, layout.width)
    foot = below(diagram, legend=legend, least=layout.width, most=most)
    width = max(layout.width, foot.width)
    shift = (MARGIN + (width - layout.width) / 2, MARGIN)
    ways = [sampled(curve.points) for curve in layout.edges]
    labels = placed(diagram, layout)
    crowd = [point for way in ways for point in way]
    for node in diagram.nodes:
        size = size_of(node)
        crowd += _sides(layout.nodes[node.id], size.width, size.height)
    for edge in diagram.edges:
        if edge.id in labels:
            crowd += _sides(labels[edge.id], text.width(edge.label, NOTE, "sans"), NOTE)
    places = _label_places(diagram, layout, crowd)
    items = [_cluster(c, layout, places[c.id], shift) for c in diagram.clusters]
    for number, (edge, curve) in enumerate(
        zip(diagram.edges, layout.edges, strict=True)
    ):
        others = [p for n, way in enumerate(ways) if n != number for p in way]
        items.append(_edge(edge, curve, labels.get(edge.id), others, shift))
    items += [_node(node, layout.nodes[node.id], shift) for node in diagram.nodes]
    items += foot.placed(MARGIN + width / 2, MARGIN + layout.height)
    height = layout.height + foot.height + 2 * MARGIN
    total = width + 2 * MARGIN
    paper = Shape(box(total / 2, height / 2, total, height), fill="paper")
    back = Item(f"{diagram.id}-paper", "paper", "", "", (paper,))
    return Picture(
        diagram.id,
        diagram.title,
        diagram.description,
        round(total, 1),
        round(height, 1),
        (back, *items),
    )


def _moved(point: Point, shift: Point) -> Point:
    return (point[0] + shift[0], point[1] + shift[1])


# --------------------------------------------------------------------------------- nodes


def _node(node: Node, at: Point, shift: Point) -> Item:
    x, y = _moved(at, shift)
    return Item(node.id, "node", node.kind.value, node.tooltip, form(node, x, y))


def form(node: Node, x: float, y: float) -> tuple[Shape | Words, ...]:
    """The form of a node and its text, around a point."""
    size, outline = size_of(node), FORMS[node.kind].outline
    w, h = size.width, size.height
    fill, stroke, dashed = colours_of(node)
    width = 2.0 if node.wrong else 1.1
    parts: list[Shape | Words] = []
    if node.count > 1:
        for offset in (5.0, 2.5):
            path = box(x + offset, y + offset, w, h)
            parts.append(Shape(path, fill, stroke, 0.7))
    path = _outline(outline, x, y, w, h)
    if path:
        parts.append(Shape(path, fill, stroke, width, dashed))
    if node.shared:
        parts.append(Shape(box(x, y, w - 5, h - 5), "", stroke, 0.8))
    if outline == "bars":
        for side in (x - w / 2 + 5, x + w / 2 - 5):
            path = line((side, y - h / 2), (side, y + h / 2))
            parts.append(Shape(path, "", stroke, 0.8))
    if node.kind in (Kind.sum, Kind.product):
        parts += _sign(node.kind, x, y, "wrong" if node.wrong else "ink")
    else:
        parts += _lines(node, x, y)
    return tuple(parts)


def _outline(
    outline: str, x: float, y: float, w: float, h: float
) -> tuple[Segment, ...]:
    if outline in ("box", "bars"):
        return box(x, y, w, h)
    if outline == "hexagon":
        return hexagon(x, y, w, h)
    if outline == "none":
        return ()
    radius = {"round": 6.0, "pill": h / 2, "circle": w / 2}[outline]
    return rounded(x, y, w, h, radius)


def _sign(kind: Kind, x: float, y: float, role: str) -> list[Shape | Words]:
    """A plus or a cross, drawn: letters sit in a circle unevenly."""
    a = 4.2 if kind is Kind.sum else 3.2
    b = 0.0 if kind is Kind.sum else 3.2
    return [
        Shape(line((x - a, y - b), (x + a, y + b)), "", role, 1.3),
        Shape(line((x - b, y + a), (x + b, y - a)), "", role, 1.3),
    ]


def _lines(node: Node, x: float, y: float) -> list[Shape | Words]:
    ink = FORMS[node.kind].ink
    label, note = LABEL * _LEADING, NOTE * _LEADING
    top = y - (label * len(node.label) + note * len(node.note)) / 2
    words: list[Shape | Words] = []
    for row in node.label:
        words.append(Words(row, (x, top + label / 2 + LABEL * _BASE), LABEL, ink))
        top += label
    for row in node.note:
        at = (x, top + note / 2 + NOTE * _BASE)
        small = "muted" if ink == "ink" else ink
        words.append(Words(row, at, NOTE, small, family="sans"))
        top += note
    return words


# --------------------------------------------------------------------------------- edges


def _edge(
    edge: Edge, curve: Curve, label: Point | None, others: list[Point], shift: Point
) -> Item:
    role, dashed, width = edge_line(edge)
    curve = curve.moved(lambda at: _moved(at, shift))
    points, tip = list(curve.points), curve.tip
    path: list[Segment] = [("M", (points[0],))]
    for n in range(1, len(points) - 2, 3):
        path.append(("C", (points[n], points[n + 1], points[n + 2])))
    arrow, along = _arrow(points, tip)
    parts: list[Shape | Words] = [
        Shape(tuple(path), "", role, width, dashed),
        Shape(arrow, fill=role),
    ]
    if edge.sign:
        crowd = [_moved(point, shift) for point in others]
        parts.append(_minus(tip, along, role, crowd))
    if label is not None:
        x, y = _moved(label, shift)
        ink = "wrong" if edge.wrong else "muted"
        at = (x, y + NOTE * _BASE)
        parts.append(Words(edge.label, at, NOTE, ink, family="sans"))
    tooltip = edge.tooltip or text.plain(edge.label)
    return Item(
        edge.id, "edge", "module" if edge.module else "tensor", tooltip, tuple(parts)
    )


def _arrow(points: list[Point], tip: Point) -> tuple[tuple[Segment, ...], Point]:
    """The triangle at the end of an edge, and the direction in which it points."""
    length, half = _ARROW
    end = points[-1]
    if math.dist(end, tip) < 0.5:
        end = points[-2]
    dx, dy = tip[0] - end[0], tip[1] - end[1]
    norm = math.hypot(dx, dy) or 1.0
    dx, dy = dx / norm, dy / norm
    base = (tip[0] - dx * length, tip[1] - dy * length)
    left = (base[0] - dy * half, base[1] + dx * half)
    right = (base[0] + dy * half, base[1] - dx * half)
    return polygon(tip, left, right), (dx, dy)


def _minus(tip: Point, along: Point, role: str, crowd: list[Point]) -> Shape:
    """A minus sign beside the arrow that enters a sum, where there is more room."""
    dx, dy = along
    places = [
        (tip[0] - dx * 6 + dy * side * 8, tip[1] - dy * 6 - dx * side * 8)
        for side in (1, -1)
    ]
    x, y = max(places, key=lambda place: round(_room(place, crowd), 1))
    half = SIGN * 0.3
    return Shape(line((x - half, y), (x + half, y)), "", role, 1.5)


def _room(place: Point, crowd: list[Point]) -> float:
    return min((math.dist(place, point) for point in crowd), default=0.0)


# ------------------------------------------------------------------------------ clusters


def _cluster(cluster: Cluster, layout: Layout, label: Point, shift: Point) -> Item:
    frame = layout.clusters[cluster.id]
    middle = ((frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2)
    width, height = frame.right - frame.left, frame.bottom - frame.top
    path = rounded(*_moved(middle, shift), width, height, 7)
    role = "wrong" if cluster.wrong else "cluster-line"
    x, y = label
    words = Words(
        cluster.label,
        _moved((x, y + CLUSTER * _BASE), shift),
        CLUSTER,
        "wrong" if cluster.wrong else "muted",
        family="sans",
    )
    return Item(
        cluster.id,
        "cluster",
        "",
        cluster.tooltip,
        (Shape(path, "cluster-fill", role, 0.9), words),
    )


def _sides(at: Point, width: float, height: float) -> list[Point]:
    """Points along the upper and the lower side of what stands somewhere."""
    (x, y), steps = at, max(2, int(width / 8))
    across = [x - width / 2 + width * n / steps for n in range(steps + 1)]
    return [(px, y + side * height / 2) for px in across for side in (-1, 1)]


def _label_places(
    diagram: Diagram, layout: Layout, crowd: list[Point]
) -> dict[str, Point]:
    """The middles of the labels of frames: those that are like each other in one corner."""
    rows = [*zip(*(tile.clusters for tile in diagram.tiles), strict=True)]
    known = {name for row in rows for name in row}
    rows += [(c.id,) for c in diagram.clusters if c.id not in known]
    halves = {c.id: text.width(c.label, CLUSTER, "sans") / 2 for c in diagram.clusters}
    taken = [
        Frame.around(layout.nodes[n.id], size_of(n).width, size_of(n).height)
        for n in diagram.nodes
    ]
    taken += layout.clusters.values()
    places: dict[str, Point] = {}
    for like in rows:
        frames = [layout.clusters[name] for name in like]
        half = max(halves[name] for name in like)
        (x, y), left = _label_place(frames, half, crowd, taken)
        for name, frame in zip(like, frames, strict=True):
            aside = halves[name] - half if left else half - halves[name]
            places[name] = (frame.left + x + aside, frame.top + y)
    return places


def _label_place(
    frames: list[Frame], half: float, crowd: list[Point], taken: list[Frame]
) -> tuple[Point, bool]:
    """Where a label stands in each of these frames, and whether that is on their left.

    In a corner if nothing is there in any of them, or near it, or else above or below the
    frame, where nothing of what is taken is, or else where it touches least; as from the
    corner of a frame, and with room for a label of twice ``half``.
    """
    first = frames[0]
    left, right = 7 + half, first.right - first.left - 7 - half
    count = max(1, int((right - left) / 6))
    across = [left + (right - left) * n / count for n in range(count + 1)]
    height, room = first.bottom - first.top, CLUSTER * 0.9
    order = sorted(across, key=lambda x: min(x - left, (right - x) * 1.01))
    places = [(x, y) for y in (room, height - room) for x in order]
    outside = [(x, y) for y in (-room, height + room) for x in order]

    def touched(place: Point) -> Iterator[Point]:
        return (
            (px, py)
            for frame in frames
            for px, py in crowd
            if abs(px - frame.left - place[0]) < half + 3
            and abs(py - frame.top - place[1]) < CLUSTER * 0.9
        )

    def clear(place: Point) -> bool:
        return next(touched(place), None) is None

    def alone(place: Point) -> bool:
        labels = [
            Frame.around((f.left + place[0], f.top + place[1]), 2 * half + 6, CLUSTER)
            for f in frames
        ]
        return not any(
            one.meets(label) and not one.holds(label)
            for one in taken
            for label in labels
        )

    free = chain(filter(clear, places), filter(alone, filter(clear, outside)))
    place = next(free, None) or min(places, key=lambda at: sum(1 for _ in touched(at)))
    return place, place[0] - left <= right - place[0]
