"""Files whose shapes do not meet: a picture all the same, with the two ends in red."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from recform.diagnostics.catalogue import CATALOGUE
from recform.diagram.model import Diagram, Kind
from recform.render import Format, Request, View, render
from recform.render import diagram as draw
from tests.render.networks import partial

WRONG = [
    CATALOGUE[code].wrong for code in ("RF401", "RF402", "RF404", "RF406", "RF407")
]


def red(diagram: Diagram) -> set[str]:
    return {node.meaning for node in diagram.nodes if node.wrong}


def test_no_adapter() -> None:
    """The term that would need one, and the sum that it cannot enter."""
    found = partial("adapter none\nX_i = relu(X_<i-1> + W_i*X_<i-1>)")
    diagram = draw(found, Request())
    assert red(diagram) == {"X_2", "X_2 + W_3*X_2"}
    by_id = {node.id: node.meaning for node in diagram.nodes}
    wrong = [(by_id[e.tail], by_id[e.head]) for e in diagram.edges if e.wrong]
    assert wrong == [("X_2", "X_2 + W_3*X_2")]
    shapes = {by_id[e.tail]: e.label[0].text for e in diagram.edges if e.label}
    assert shapes["X_2"] == "64×32×32"
    assert shapes["W_3*X_2"] == "128×16×16"


def test_two_operators_that_disagree() -> None:
    found = partial(
        "W = conv(3, 32)\nU = conv(3, 48)\nX_i = W_i*X_<i-1> + U_i*X_<i-1> + X_<i-1>"
    )
    assert {"W_1*X_0", "U_1*X_0"} <= red(draw(found, Request()))


def test_a_module_on_two_shapes() -> None:
    found = partial(CATALOGUE["RF406"].wrong)
    assert "W*X_3" in red(draw(found, Request()))


def test_the_network_is_drawn_up_to_the_block() -> None:
    found = partial("adapter none\nX_i = X_<i-1> + W_i*X_<i-1>")
    diagram = draw(found, Request(view=View.network))
    labels = [n.label[0][0].text for n in diagram.nodes if n.kind is Kind.block]
    assert labels == ["blocks 1–2  ×2", "block 3"]
    (wrong,) = [node for node in diagram.nodes if node.wrong]
    assert wrong.label[0][0].text == "block 3"
    (edge,) = [edge for edge in diagram.edges if edge.wrong]
    assert edge.head == wrong.id


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("head linear(10)\nX_i = X_<i-1> + W_i*X_<i-1>", "head"),
        (
            "stem conv(3, 64) > linear(4) > flatten > conv(3, 4)\nX_i = W_i*X_<i-1>",
            "stem",
        ),
        (
            "scope stage\nstages 16 x 2, 32 x 2\ntransition flatten\nX_i = W_i*X_<i-1>",
            "",
        ),
    ],
)
def test_what_is_no_block(text: str, part: str) -> None:
    diagram = draw(partial(text), Request())
    wrong = [node for node in diagram.nodes if node.wrong]
    assert wrong
    if part:
        assert wrong[-1].label[0][0].text == part


@pytest.mark.parametrize("text", WRONG)
@pytest.mark.parametrize("view", list(View))
def test_every_view_gives_a_picture(text: str, view: View) -> None:
    data = render(partial(text), Request(view=view), Format.svg)
    root = ET.fromstring(data)
    red = [e for e in root.iter() if "#c8001e" in (e.get("stroke"), e.get("fill"))]
    assert red
