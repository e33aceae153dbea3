"""Operators that are drawn with what is in them, against what the file says of them."""

from __future__ import annotations

from collections import Counter

import pytest

from recform.compiler import Compiled
from recform.diagnostics import CompileError
from recform.diagram.model import Kind
from recform.diagram.text import plain
from recform.diagram.theme import Theme
from recform.render import Diagram, Request, View, request
from recform.render import diagram as draw
from recform.render.formats import mermaid
from recform.render.placing.renderer import PINNED, find
from recform.render.placing.tiles import arranged
from tests.render.networks import drawn, network


def arrows(diagram: Diagram) -> list[tuple[str, str]]:
    """Every edge, by what its ends are called."""
    labels = {n.id: " ".join(map(plain, n.label)) for n in diagram.nodes}
    signs = {Kind.sum: "+", Kind.product: "×"}
    labels |= {n.id: signs[n.kind] for n in diagram.nodes if n.kind in signs}
    return sorted((labels[edge.tail], labels[edge.head]) for edge in diagram.edges)


def notes(diagram: Diagram) -> dict[str, str]:
    return {plain(n.label[0]): " | ".join(map(plain, n.note)) for n in diagram.nodes}


def opened(compiled: Compiled, *names: str, **options: object) -> Diagram:
    return draw(compiled.graph, request(open=names, **options))


def test_branches_of_inception() -> None:
    """Figure 7 of Szegedy et al. (2016): four branches, two of which part at the end."""
    assert arrows(drawn("zoo/inception_v3.rf", depth=2)) == sorted(
        [
            ("X_(i−1)", "conv 1×1, 320"),
            ("conv 1×1, 320", "concat"),
            ("X_(i−1)", "conv 1×1, 384"),
            ("conv 1×1, 384", "conv 1×3, 384"),
            ("conv 1×1, 384", "conv 3×1, 384"),
            ("conv 1×3, 384", "concat"),
            ("conv 3×1, 384", "concat"),
            ("X_(i−1)", "conv 1×1, 448"),
            ("conv 1×1, 448", "conv 3×3, 384"),
            ("conv 3×3, 384", "conv 1×3, 384"),
            ("conv 3×3, 384", "conv 3×1, 384"),
            ("conv 1×3, 384", "concat"),
            ("conv 3×1, 384", "concat"),
            ("X_(i−1)", "avgpool 3×3"),
            ("avgpool 3×3", "conv 1×1, 192"),
            ("conv 1×1, 192", "concat"),
            ("concat", "X_i"),
        ]
    )


def test_splits_of_res2net() -> None:
    """Figure 2 (b) of Gao et al. (2019), in whose place a box with a name stands else."""
    inside = [
        ("conv 1×1, 4·width", "S_1"),
        ("conv 1×1, 4·width", "S_2"),
        ("conv 1×1, 4·width", "S_3"),
        ("conv 1×1, 4·width", "S_4"),
        ("S_1", "conv 3×3, width"),
        ("conv 3×3, width", "concat"),
        ("S_2", "+"),
        ("conv 3×3, width", "+"),
        ("+", "conv 3×3, width"),
        ("conv 3×3, width", "concat"),
        ("S_3", "+"),
        ("conv 3×3, width", "+"),
        ("+", "conv 3×3, width"),
        ("conv 3×3, width", "concat"),
        ("S_4", "concat"),
        ("concat", "conv 1×1, c"),
    ]
    around = [
        ("X_(i−1)", "conv 1×1, 4·width"),
        ("X_(i−1)", "+"),
        ("conv 1×1, c", "+"),
        ("+", "relu"),
        ("relu", "X_i"),
    ]
    name = "zoo/res2net50_26w_4s.rf"
    assert arrows(drawn(name, open=("Res2",))) == sorted(inside + around)
    closed = [("conv 1×1, 4·width", "Res2"), ("Res2", "conv 1×1, c")]
    assert arrows(drawn(name, open=("W",))) == sorted(closed + around)


def test_a_gate_with_the_numbers_of_its_block() -> None:
    diagram = drawn("zoo/seresnet50.rf", block=4, open=("SE",))
    assert notes(diagram) == {
        "X_3": "",
        "X_4": "",
        "×": "",
        "+": "",
        "relu": "",
        "sigmoid": "",
        "adapter": "132,096 parameters",
        "conv 1×1, 128": "bn, relu | 33,024 parameters",
        "conv 3×3, 128": "stride 2 | bn, relu | 147,712 parameters",
        "conv 1×1, 512": "16,896 parameters",
        "globalpool": "",
        "conv 1×1, 32": "relu | 16,416 parameters",
    }


def test_tensors_of_an_operator_of_several() -> None:
    diagram = drawn("modern/llama.rf", depth=2)
    labels = {n.id: plain(n.label[0]) for n in diagram.nodes}
    given = {
        plain(edge.label): labels[edge.tail]
        for edge in diagram.edges
        if labels[edge.head] == "attend"
    }
    assert given == {"q": "Q_i", "k": "K_i", "v": "V_i"}
    # A frame around one box would say no more than its name and a line.
    assert notes(diagram)["K_i"] == "linear, c/2"


@pytest.mark.parametrize(
    "name",
    [
        "zoo/inception_v3.rf",
        "zoo/res2net50_26w_4s.rf",
        "zoo/gpt2.rf",
        "modern/llama.rf",
    ],
)
def test_boxes_own_what_the_operators_own(name: str) -> None:
    closed, opened = drawn(name, block=1), drawn(name, block=1, depth=9)
    assert sum(n.parameters for n in opened.nodes) == sum(
        n.parameters for n in closed.nodes
    )


def test_a_module_that_runs_twice_is_opened_once() -> None:
    text = "input 8\nstages 8 x 3\nW = linear(c) > tanh > linear(c)\n"
    compiled = network(f"{text}X_i = X_<i-1> + W_i*W_i*X_<i-1>")
    assert arrows(opened(compiled, "W")) == sorted(
        [
            ("X_(i−1)", "linear, c"),
            ("linear, c", "linear, c"),
            ("linear, c", "W_i"),
            ("W_i", "+"),
            ("X_(i−1)", "+"),
            ("+", "X_i"),
        ]
    )


def test_frames_lie_in_frames() -> None:
    diagram = drawn("zoo/seresnet50.rf", View.unrolled, blocks=2, open=("SE",))
    assert Counter(plain(cluster.label) for cluster in diagram.clusters) == Counter(
        ["block i", "W_i", "SE", "block i+1", "W_(i+1)", "SE"]
    )
    layout = arranged(diagram, find(PINNED))
    for cluster in diagram.clusters:
        if cluster.parent:
            inner, outer = layout.clusters[cluster.id], layout.clusters[cluster.parent]
            assert outer.left < inner.left < inner.right < outer.right
            assert outer.top < inner.top < inner.bottom < outer.bottom
    lines = mermaid.write(diagram, Theme.light).splitlines()
    depth = most = 0
    for line in map(str.strip, lines):
        depth += line.startswith("subgraph ") - (line == "end")
        most = max(most, depth)
    assert (depth, most) == (0, 3)


def test_what_is_not_there_cannot_be_opened() -> None:
    with pytest.raises(CompileError) as error:
        drawn("zoo/seresnet50.rf", open=("V",))
    (said,) = error.value.diagnostics
    assert (said.code, said.hint) == ("RF612", "--open takes W, SE")


def test_more_than_can_be_read_is_not_opened() -> None:
    text = (
        "input 64\nstages 64 x 4\nMany(x) = concat(Y_<1..64>)\n"
        "  where S_<1..64> = split(x, 64), K = linear(cin)\n  where Y_k = K_k*S_k\n"
        "W = Many\nX_i = W_i*X_<i-1>"
    )
    compiled = network(text)
    assert len(draw(compiled.graph, Request(depth=2)).nodes) == 2 * 64 + 1 + 2
    with pytest.raises(CompileError) as error:
        opened(compiled, "Many", view="unrolled", blocks=4)
    assert [said.code for said in error.value.diagnostics] == ["RF613"]
