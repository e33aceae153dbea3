"""Where things stand: nothing on top of something else, nothing outside its frame."""

from __future__ import annotations

from itertools import combinations
from random import Random
from typing import Any

import pytest

from recform.diagram.model import Diagram, Direction, Kind, Node
from recform.diagram.sizes import LABEL, NOTE, size_of
from recform.diagram.text import width
from recform.diagram.theme import FORMS
from recform.render import View
from recform.render.picture import Picture, Words
from recform.render.placing.labels import _Crowd, placed, sampled
from recform.render.placing.layout import Frame
from recform.render.placing.renderer import PINNED, find
from recform.render.placing.tiles import arranged
from tests.render.networks import drawn, picture

CASES = [
    (name, view)
    for name in (
        "paper/eq20.rf",
        "paper/resnet18_s.rf",
        "paper/a41.rf",
        "paper/highway.rf",
        "language/revnet.rf",
        "language/densenet.rf",
        "language/third_order.rf",
    )
    for view in View
]


@pytest.mark.parametrize(("name", "view"), CASES)
def test_nothing_overlaps(name: str, view: View) -> None:
    diagram = drawn(name, view)
    layout = arranged(diagram, find(PINNED))
    boxes = {}
    for node in diagram.nodes:
        (x, y), size = layout.nodes[node.id], size_of(node)
        w, h = size.width / 2, size.height / 2
        boxes[node.id] = (x - w, y - h, x + w, y + h)
        assert x - w >= -1 and x + w <= layout.width + 1
        assert y - h >= -1 and y + h <= layout.height + 1
    for a, b in combinations(boxes.values(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart
    for node in diagram.nodes:
        frame = layout.clusters.get(node.cluster)
        if frame is not None:
            left, top, right, bottom = boxes[node.id]
            assert frame.left <= left and right <= frame.right
            assert frame.top <= top and bottom <= frame.bottom


@pytest.mark.parametrize(("name", "view"), CASES)
def test_edges_lead_from_node_to_node(name: str, view: View) -> None:
    """They end at the border of their nodes, and cross no other node's middle."""
    diagram = drawn(name, view)
    layout = arranged(diagram, find(PINNED))
    sizes = {node.id: size_of(node) for node in diagram.nodes}
    for edge, curve in zip(diagram.edges, layout.edges, strict=True):
        for node, point in ((edge.tail, curve.points[0]), (edge.head, curve.tip)):
            (x, y), size = layout.nodes[node], sizes[node]
            assert abs(point[0] - x) <= size.width / 2 + 2
            assert abs(point[1] - y) <= size.height / 2 + 2
        for node, (x, y) in layout.nodes.items():
            if node in (edge.tail, edge.head):
                continue
            w, h = sizes[node].width / 4, sizes[node].height / 4
            assert not any(
                abs(px - x) < w and abs(py - y) < h for px, py in sampled(curve.points)
            )


def labels(node: Node) -> list[float]:
    return [
        *(width(line, LABEL, "serif") for line in node.label),
        *(width(line, NOTE, "sans") for line in node.note),
    ]


@pytest.mark.parametrize(("name", "view"), CASES)
def test_labels_fit_into_their_nodes(name: str, view: View) -> None:
    for node in drawn(name, view).nodes:
        if FORMS[node.kind].outline != "circle":
            assert max(labels(node)) <= size_of(node).width
        else:
            assert node.kind in (Kind.sum, Kind.product)


def extent(made: Picture) -> list[tuple[float, float]]:
    points = []
    for item in made.items:
        for part in item.parts:
            if isinstance(part, Words):
                total = width(part.text, part.size, part.family)
                left = {"start": 0.0, "middle": total / 2, "end": total}[part.anchor]
                x, y = part.at
                points += [(x - left, y), (x - left + total, y)]
            else:
                points += [point for _, corners in part.path for point in corners]
    return points


@pytest.mark.parametrize(("name", "view"), CASES)
def test_all_of_it_is_on_the_page(name: str, view: View) -> None:
    diagram: Diagram = drawn(name, view)
    made = picture(diagram)
    for x, y in extent(made):
        assert -0.5 <= x <= made.width + 0.5
        assert -0.5 <= y <= made.height + 0.5


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("paper/eq20.rf", {"view": View.network}),
        ("paper/resnet18.rf", {"view": View.network}),
        ("paper/eq20.rf", {"block": 1}),
        ("paper/resnet18_s.rf", {"block": 3}),
        ("paper/resnet18_s.rf", {"block": 3, "direction": Direction.down}),
    ],
)
def test_labels_of_edges_stand_apart(name: str, options: dict[str, Any]) -> None:
    """From each other, from nodes, and from their own line."""
    diagram = drawn(name, **options)
    layout = arranged(diagram, find(PINNED))
    places = placed(diagram, layout)
    boxes = []
    for edge, curve in zip(diagram.edges, layout.edges, strict=True):
        if edge.label:
            (x, y), w = places[edge.id], width(edge.label, NOTE, "sans")
            box = (x - w / 2, y - NOTE / 2, x + w / 2, y + NOTE / 2)
            boxes.append(box)
            assert not any(
                box[0] < px < box[2] and box[1] < py < box[3]
                for px, py in sampled(curve.points, 60)
            )
    for node in diagram.nodes:
        (x, y), size = layout.nodes[node.id], size_of(node)
        w, h = size.width / 2, size.height / 2
        boxes.append((x - w, y - h, x + w, y + h))
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_points_are_counted_as_if_all_were_looked_at() -> None:
    draws = Random(7)
    points = [(draws.uniform(-90, 400), draws.uniform(-90, 400)) for _ in range(400)]
    points += [(32.0 * n, 64.0) for n in range(5)]
    crowd = _Crowd(points)
    for size in ((3, 3), (40, 10), (64, 32), (200, 90)):
        for x, y in [*points[:20], (32.0, 64.0), (1000.0, 0.0)]:
            box = Frame.around((x, y), *size)
            assert crowd.within(box) == sum(box.holds(Frame(*p, *p)) for p in points)


@pytest.mark.parametrize(
    "name", ["modern/mamba.rf", "modern/dit.rf", "modern/looped.rf"]
)
def test_names_of_stages_stand_beside_the_shapes_on_arrows(name: str) -> None:
    made = picture(drawn(name, View.network, expand=True), legend=False)
    boxes = []
    for item in made.items:
        for words in item.parts if item.kind in ("edge", "cluster") else ():
            if isinstance(words, Words):
                (x, y), half = words.at, width(words.text, words.size, words.family) / 2
                boxes.append((x - half, y - words.size * 0.7, x + half, y))
    assert len(boxes) > 2
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_labels_stay_on_the_page() -> None:
    """Beside an arrow at the edge of the picture as well."""
    made = picture(drawn("language/shared.rf", View.network, depth=2), legend=False)
    xs = [x for x, _ in extent(made)]
    assert min(xs) >= 0 and max(xs) <= made.width


def test_what_is_handed_on_goes_to_its_height_without_a_spike() -> None:
    """Where outputs stood lower than the inputs of the next block."""
    diagram = drawn("language/weighted_sum.rf", View.unrolled)
    layout = arranged(diagram, find(PINNED))
    tails = {node.id for node in diagram.nodes if node.kind is Kind.operator}
    found = 0
    for edge, curve in zip(diagram.edges, layout.edges, strict=True):
        if edge.tail in tails and edge.group:
            found += 1
            ys = [y for _, y in sampled(curve.points)]
            lowest = max(curve.points[0][1], curve.tip[1])
            assert max(ys) <= lowest + 1
    assert found == 3
