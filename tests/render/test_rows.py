"""Blocks that look alike, rows, widths: where things stand, read off the picture."""

from __future__ import annotations

from itertools import pairwise
from math import inf, nan
from typing import Any

import pytest

from recform.diagnostics import CompileError
from recform.diagram.model import Diagram, Kind
from recform.diagram.request import length
from recform.diagram.sizes import size_of
from recform.diagram.text import plain, width
from recform.render import Format, Request, View, request, write
from recform.render import diagram as draw
from recform.render.picture import Item, Picture, Words
from recform.render.placing.fit import ROW, fitted
from recform.render.placing.labels import sampled
from recform.render.placing.margin import below
from recform.render.placing.renderer import PINNED, find
from recform.render.placing.rows import wrapped
from recform.render.placing.tiles import arranged
from tests.render.networks import drawn, network, picture

ROWS = ["paper/eq20.rf", "zoo/gpt2.rf", "language/revnet.rf", "modern/dit.rf"]


@pytest.mark.parametrize("name", ROWS)
def test_equal_blocks_look_alike(name: str) -> None:
    """Each node stands where its like stands in the first block, further on alone."""
    diagram = drawn(name, View.unrolled, blocks=4)
    layout = arranged(diagram, find(PINNED))
    assert len(diagram.tiles) == 4
    for before, tile in pairwise(diagram.tiles):
        assert tile.inputs == before.outputs
        places = zip(
            before.nodes + before.inputs, tile.nodes + tile.inputs, strict=True
        )
        steps = {
            (round(b[0] - a[0]), round(b[1] - a[1]))
            for a, b in ((layout.nodes[x], layout.nodes[y]) for x, y in places)
        }
        assert len(steps) == 1
        ((along, aside),) = steps
        assert aside == 0 < along


@pytest.mark.parametrize("name", ["paper/resnet.rf", "zoo/gpt2.rf", "paper/highway.rf"])
def test_what_is_handed_on_runs_straight(name: str) -> None:
    """The first tensor of the state, and all that its shortest way leads through."""
    diagram = drawn(name, View.unrolled)
    layout = arranged(diagram, find(PINNED))
    column = [layout.nodes[node.id][1] for node in diagram.nodes if node.column]
    assert len(column) > 6
    assert max(column) - min(column) < 0.1


@pytest.mark.parametrize(
    ("name", "counts"),
    [("zoo/feedback.rf", (3, 2)), ("language/third_order.rf", (3, 3))],
)
def test_outputs_stand_in_the_order_of_inputs(
    name: str, counts: tuple[int, int]
) -> None:
    diagram = drawn(name)
    layout = arranged(diagram, find(PINNED))
    for end, count in zip(("source", "sink"), counts, strict=True):
        heights = [layout.nodes[n.id][1] for n in diagram.nodes if n.end == end]
        assert len(heights) == count
        assert heights == sorted(heights)


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("zoo/gpt2.rf", View.paths),
        *((name, View.unrolled) for name in ROWS),
    ],
)
def test_rows_hold_all_of_the_picture(name: str, view: View) -> None:
    diagram = drawn(name, view)
    layout = arranged(diagram, find(PINNED))
    limit = layout.width / 2 + 60
    rows, places = wrapped(diagram, layout, limit)
    again = [
        node.id.removesuffix("-again") for node in rows.nodes[len(diagram.nodes) :]
    ]
    assert again
    assert places.width <= limit
    assert len(rows.edges) == len(places.edges) == len(diagram.edges)
    # An edge is as long as it was, and begins at one of the two places of its tail.
    for edge, old, new in zip(diagram.edges, layout.edges, places.edges, strict=True):
        for axis in (0, 1):
            moved = [
                b[axis] - a[axis] for a, b in zip(old.points, new.points, strict=True)
            ]
            assert max(moved) - min(moved) < 0.1
        x, y = layout.nodes[edge.tail]
        ends = [places.nodes[edge.tail]]
        ends += [places.nodes[f"{edge.tail}-again"]] if edge.tail in again else []
        assert any(
            abs((new.points[0][0] - at[0]) - (old.points[0][0] - x)) < 0.2
            and abs((new.points[0][1] - at[1]) - (old.points[0][1] - y)) < 0.2
            for at in ends
        )


@pytest.mark.parametrize("name", ["paper/a5_printed.rf", "paper/resnet18_s.rf"])
@pytest.mark.parametrize("limit", [450, 640, ROW])
def test_no_node_is_cut_off(name: str, limit: float) -> None:
    """Where rows end, nodes of several widths stand one above the other."""
    diagram = drawn(name, View.unrolled)
    rows, places = wrapped(diagram, arranged(diagram, find(PINNED)), limit)
    assert len(rows.nodes) > len(diagram.nodes)
    for node in rows.nodes:
        x, half = places.nodes[node.id][0], size_of(node).width / 2
        assert x - half >= -1
        assert x + half <= places.width + 1


def test_a_picture_that_fits_stays_in_a_row() -> None:
    diagram = drawn("paper/eq20.rf", View.paths)
    layout = arranged(diagram, find(PINNED))
    assert wrapped(diagram, layout, layout.width) == (diagram, layout)


def sizes(made: Picture) -> list[float]:
    return [p.size for i in made.items for p in i.parts if isinstance(p, Words)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("zoo/gpt2.rf", {"view": View.paths}),
        ("zoo/gpt2.rf", {"view": View.unrolled}),
        ("zoo/seresnet50.rf", {"open": ("SE",)}),
        ("paper/resnet18.rf", {"view": View.network}),
        ("paper/eq20.rf", {}),
    ],
)
def test_a_column_of_a_page(name: str, options: dict[str, Any]) -> None:
    """In a column of a two-column page, 8.5 cm or 240.9 points, nothing is smaller than 5."""
    asked = Request(width=length("8.5cm"), legend=True, **options)
    made = fitted(drawn(name, **options), asked, find(PINNED))
    assert made.width <= 241
    assert min(sizes(made)) > 5
    for item in made.items:
        for part in item.parts:
            if isinstance(part, Words):
                half = width(part.text, part.size, part.family)
                left = {"start": 0.0, "middle": half / 2, "end": half}[part.anchor]
                assert part.at[0] - left > -0.6
                assert part.at[0] - left + half < made.width + 0.6


def test_no_room_to_read_it() -> None:
    diagram = drawn("paper/resnet18.rf", View.network)
    with pytest.raises(CompileError) as error:
        fitted(diagram, Request(view=View.network, width=20), find(PINNED))
    (said,) = error.value.diagnostics
    assert said.code == "RF614"
    before, least = said.message.split(" needs ")
    assert before == "in 0.71 cm nobody could read it: it"
    assert said.hint == "take --direction lr"
    asked = Request(view=View.network, width=length(least))
    assert fitted(diagram, asked, find(PINNED)).width <= length(least) + 0.1


@pytest.mark.parametrize("most", range(240, 480, 16))
def test_a_caption_is_no_wider_than_the_page(most: int) -> None:
    diagram = drawn("modern/mhc.rf")
    assert below(diagram, legend=True, least=0, most=most).width <= most


@pytest.mark.parametrize("points", [-3.0, nan, inf])
def test_no_widths(points: float) -> None:
    with pytest.raises(ValueError, match="is no width in points"):
        request(width=points)


@pytest.mark.parametrize(
    ("said", "points"),
    [("8.5cm", 240.94), ("3.25in", 234), ("82 mm", 232.44), ("7pt", 7)],
)
def test_lengths(said: str, points: float) -> None:
    assert length(said) == pytest.approx(points, abs=0.01)


@pytest.mark.parametrize("said", ["", "cm", "8,5cm", "-3cm", "8.5", "1e3pt", "9em"])
def test_no_lengths(said: str) -> None:
    with pytest.raises(ValueError, match="is no length"):
        length(said)


def test_a_style_is_one_font() -> None:
    diagram = drawn("zoo/gpt2.rf", View.network)
    for style, fonts in (("default", 2), ("cvpr", 1)):
        data = write(diagram, request(style=style, renderer=PINNED), Format.svg)
        assert ("Helvetica" in data.decode()) is (fonts == 2)


def label_boxes(made: Picture, kind: str) -> list[tuple[Item, Words]]:
    return [
        (item, part)
        for item in made.items
        if item.kind == kind
        for part in item.parts
        if isinstance(part, Words)
    ]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("paper/resnet18.rf", {"view": View.network}),
        ("paper/highway.rf", {"view": View.network}),
        ("modern/leapfrog.rf", {"view": View.network}),
        ("modern/dit.rf", {"view": View.network}),
        ("zoo/seresnet50.rf", {"open": ("SE",)}),
        ("zoo/inception_v3.rf", {"depth": 2}),
    ],
)
def test_no_arrow_runs_through_the_name_of_a_frame(
    name: str, options: dict[str, Any]
) -> None:
    diagram: Diagram = drawn(name, **options)
    made = picture(diagram)
    layout = arranged(diagram, find(PINNED))
    # The drawing is moved to the middle above its caption, and by a margin.
    shifts = [
        (item.parts[0].path[0][1][0], curve.points[0])
        for item, curve in zip(
            (i for i in made.items if i.kind == "edge"), layout.edges, strict=True
        )
    ]
    dx, dy = (round(shifts[0][0][k] - shifts[0][1][k], 2) for k in (0, 1))
    ways = [p for curve in layout.edges for p in sampled(curve.points, 40)]
    for _, words in label_boxes(made, "cluster"):
        x, y = words.at[0] - dx, words.at[1] - dy
        half = width(words.text, words.size, "sans") / 2
        assert not any(
            abs(px - x) < half and y - words.size * 0.7 < py < y for px, py in ways
        ), plain(words.text)


def test_each_form_stands_in_the_legend_once() -> None:
    made = picture(drawn("modern/dit.rf", View.network))
    said = [plain(words.text) for _, words in label_boxes(made, "legend")]
    assert "input, output" in said
    assert len(said) == len(set(said))
    lowest = max(words.at[1] for _, words in label_boxes(made, "caption"))
    assert all(words.at[1] > lowest for _, words in label_boxes(made, "legend"))


def test_names_of_numbers_stay() -> None:
    labels = [
        plain(n.label[0])
        for n in drawn("zoo/hyper_connections.rf").nodes
        if n.kind is Kind.scale
    ]
    assert labels[:2] == ["odd_i + m_i", "1 − odd_i + n_i"]
    second = drawn("zoo/hyper_connections.rf", View.unrolled, blocks=2).nodes
    assert "odd_(i+1) + m_(i+1)" in [plain(n.label[0]) for n in second]
    divided = [plain(n.label[0]) for n in drawn("modern/nfnet.rf").nodes]
    assert divided.count("1/β_i") == 1
    # A block of the network has numbers.
    third = drawn("zoo/hyper_connections.rf", block=3).nodes
    assert not any("odd" in plain(n.label[0]) for n in third)


def test_the_caption_has_the_index_of_the_picture() -> None:
    compiled = network("input 4\nstages 4 x 3\ny_<i+1> = f_<i+1>(y_i) + y_i")
    made = draw(compiled.graph, Request())
    assert [plain(row) for row in made.caption] == ["y_i = f_i·y_(i−1) + y_(i−1)"]


@pytest.mark.parametrize("name", ["paper/eq20.rf", "language/revnet.rf"])
def test_adapters_stand_on_both_sides_of_their_block(name: str) -> None:
    diagram = drawn(name, View.network)
    layout = arranged(diagram, find(PINNED))
    kinds = {node.id: node.kind for node in diagram.nodes}
    boxes = {node.id: node for node in diagram.nodes}
    sides: dict[str, list[float]] = {}
    for edge, curve in zip(diagram.edges, layout.edges, strict=True):
        if kinds[edge.tail] is Kind.adapter:
            aside = layout.nodes[edge.tail][0] - layout.nodes[edge.head][0]
            sides.setdefault(edge.head, []).append(round(aside, 1))
            # The edge came along, and its arrow still points at the block.
            assert abs(curve.points[0][0] - layout.nodes[edge.tail][0]) < 40
            at, size = layout.nodes[edge.head], size_of(boxes[edge.head])
            off = (abs(curve.tip[k] - at[k]) for k in (0, 1))
            room = (size.width / 2 + 1, size.height / 2 + 1)
            assert all(a < b for a, b in zip(off, room, strict=True))
    assert sides
    assert all(len(both) == 2 and sum(both) == 0 for both in sides.values())
    stage = layout.clusters[f"{diagram.id}-stage-2"]
    inside = [n for n in diagram.nodes if n.cluster == f"{diagram.id}-stage-2"]
    assert all(stage.left < layout.nodes[n.id][0] < stage.right for n in inside)


@pytest.mark.parametrize("name", ["zoo/seresnet50.rf", "modern/macaron.rf"])
def test_frames_that_are_alike_say_their_names_in_one_corner(name: str) -> None:
    diagram = drawn(name, View.unrolled, blocks=3, depth=3)
    made = fitted(diagram, Request(view=View.unrolled), find(PINNED))
    labels = {item.id: part for item, part in label_boxes(made, "cluster")}
    for like in zip(*(tile.clusters for tile in diagram.tiles), strict=True):
        offsets = []
        for frame in like:
            outline = next(i for i in made.items if i.id == frame).parts[0]
            xs = [x for _, points in outline.path for x, _ in points]  # type: ignore[union-attr]
            label = labels[frame]
            half = width(label.text, label.size, label.family) / 2
            left, right = label.at[0] - half - min(xs), max(xs) - label.at[0] - half
            offsets.append(left if left < right else -right)
        assert max(offsets) - min(offsets) < 0.1


@pytest.mark.parametrize("view", [View.step, View.unrolled])
def test_numbers_are_those_of_the_file(view: View) -> None:
    """The caption has them as they were written, and so have the edges."""
    text = (
        "stages 4 x 4\nX_i = 0.5*X_<i-1> - 0.25*W_i*X_<i-1> + 1/3*X_<i-2> + 1e-5*X_0\n"
    )
    made = draw(network(text).graph, Request(view=view))
    labels = [plain(node.label[0]) for node in made.nodes if node.kind is Kind.scale]
    assert {"0.5", "0.25", "1/3", "1e−5"} <= set(labels)
    assert not {"1/2", "1/4", "1/100000"} & set(labels)
