"""Blocks with times: a block at one of them, where its equations are those of all."""

from __future__ import annotations

import pytest

from recform.diagram.model import Diagram, Kind
from recform.diagram.text import plain
from recform.render import Request, View
from recform.render import diagram as draw
from recform.render.placing.labels import sampled
from recform.render.placing.renderer import PINNED, find
from recform.render.placing.tiles import arranged
from tests.render.networks import drawn, network
from tests.render.test_opened import arrows

# The cell of Zamir et al. (2017), Eqs. (1) to (5): a convolutional LSTM.
CELL = [
    ("H_(i−1,t)", "P_i"),
    ("H_(i−1,t)", "Q_i"),
    ("H_(i−1,t)", "R_i"),
    ("H_(i−1,t)", "S_i"),
    ("H_(i,t−1)", "U_i"),
    ("H_(i,t−1)", "V_i"),
    ("H_(i,t−1)", "W_i"),
    ("H_(i,t−1)", "Z_i"),
    *((letter + "_i", "+") for letter in "PQRSUVWZ"),
    *[("+", "sigmoid")] * 3,
    ("+", "tanh"),
    ("sigmoid", "I_(i,t)"),
    ("sigmoid", "F_(i,t)"),
    ("sigmoid", "O_(i,t)"),
    ("I_(i,t)", "×"),
    ("tanh", "×"),
    ("F_(i,t)", "×"),
    ("C_(i,t−1)", "×"),
    *[("×", "+")] * 2,
    ("+", "tanh"),
    ("+", "C_(i,t)"),
    ("tanh", "×"),
    ("O_(i,t)", "×"),
    ("×", "H_(i,t)"),
]


def test_a_cell_at_one_time() -> None:
    made = drawn("zoo/feedback.rf")
    assert arrows(made) == sorted(CELL)
    groups = {plain(n.label[0]): n.group for n in made.nodes if n.kind is Kind.state}
    assert groups == {
        "H_(i−1,t)": 1,
        "H_(i,t−1)": 1,
        "C_(i,t−1)": 2,
        "H_(i,t)": 1,
        "C_(i,t)": 2,
    }
    assert [plain(row) for row in made.groups] == ["H_(i,t)", "C_(i,t)"]
    assert plain(made.clusters[0].label) == "block i at time t"
    said = "Drawn at a time t: a block runs through all 4 before the next one starts"
    assert plain(made.caption[-1]) == said
    layout = arranged(made, find(PINNED))
    assert layout.width < 600


def test_a_cell_with_its_numbers() -> None:
    made = drawn("language/feedback.rf", block=3)
    shapes = [plain(edge.label) for edge in made.edges]
    assert sorted(shapes) == ["32×32×32"] + ["64×16×16"] * 5
    assert sum(n.parameters for n in made.nodes) == 9 * (32 + 64) * 64 + 4 * 64


def test_cells_side_by_side() -> None:
    """Each block gets what the one before made at this time, and itself at the last."""
    made = drawn("zoo/feedback.rf", View.unrolled)
    assert len(made.tiles) == 3
    labels = {n.id: plain(n.label[0]) for n in made.nodes}
    given = {
        labels[e.tail]
        for e in made.edges
        if labels[e.tail][0] in "HC" and labels[e.head].endswith("_(i+1)")
    }
    assert given == {"H_(i,t)", "H_(i+1,t−1)"}


def test_routes_through_the_times_of_a_block() -> None:
    made = drawn("language/feedback.rf", View.paths)
    states = sorted(plain(n.label[0]) for n in made.nodes if n.kind is Kind.unknown)
    times = range(1, 4)
    assert states == sorted(f"X_({block},{t})" for block in ("L−1", "L") for t in times)


def test_positions_stand_where_the_file_has_them() -> None:
    made = drawn("modern/gru.rf")
    labels = {plain(n.label[0]) for n in made.nodes}
    assert {"X_(i−1,t)", "X_(i,t)"} <= labels
    caption = " ".join(map(plain, made.caption))
    assert "X_(i,t)" in caption and "X_i" not in labels
    # Operators have no position.
    assert not any(
        n.kind is Kind.operator and ",t" in plain(n.label[0]) for n in made.nodes
    )


@pytest.mark.parametrize(
    "equations",
    [
        # An equation of its own at time 1, and a weight for each earlier block.
        "X_<i,t> = W_i*X_<i-1,t> + X_<i,t-1>\nX_<i,1> = U_i*X_<i-1,1>",
        "X_<i,1> = W_i*X_<i-1,1>\nX_<i,2> = U_i*X_<i-1,2> + X_<i,1>",
    ],
)
def test_times_that_differ_are_all_drawn(equations: str) -> None:
    text = "input 8\nstages 8 x 3\ntimes 2\nW = linear(c)\nU = linear(c)\n"
    made = draw(network(f"{text}{equations}\noutput X_<L,T>").graph, Request())
    assert plain(made.clusters[0].label) == "block i"
    assert {"X_(i,1)", "X_(i,2)"} <= {plain(n.label[0]) for n in made.nodes}


def outside(made: Diagram) -> list[str]:
    """Edges that run past the frame of their block, between its sides."""
    layout = arranged(made, find(PINNED))
    frame = layout.clusters[made.clusters[0].id]
    return [
        edge.id
        for edge, curve in zip(made.edges, layout.edges, strict=True)
        for x, y in sampled(curve.points)
        if frame.left < x < frame.right and not frame.top < y < frame.bottom
    ]


@pytest.mark.parametrize(
    "name",
    [
        "zoo/feedback.rf",
        "modern/mudd.rf",
        "modern/denseformer.rf",
        "paper/resnet18_s.rf",
    ],
)
def test_what_is_handed_on_runs_inside_the_frame(name: str) -> None:
    made = drawn(name)
    assert outside(made) == []
    layout = arranged(made, find(PINNED))
    for frame in layout.clusters.values():
        assert 0 <= frame.left < frame.right <= layout.width
        assert 0 <= frame.top < frame.bottom <= layout.height
