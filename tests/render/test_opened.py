"""Operators that are drawn with what is in them, against what the file says of them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

import recform
from recform.blocks import Arguments, Detail, Emitted, Operator, Shape
from recform.compiler import Compiled
from recform.diagnostics import CompileError
from recform.diagram.model import Kind
from recform.diagram.text import plain
from recform.diagram.theme import Theme
from recform.render import Diagram, Request, View, request
from recform.render import diagram as draw
from recform.render.formats import mermaid
from recform.render.placing.labels import sampled
from recform.render.placing.renderer import PINNED, find
from recform.render.placing.tiles import arranged
from tests.render.networks import drawn, network, partial


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


def test_an_argument_is_said_as_the_file_does() -> None:
    """0.1*(before + i - 1)/17 is no sum of three fractions."""
    said = notes(drawn("zoo/convnext_tiny.rf", open=("D",)))["D_i"]
    assert said.replace(" | ", " ") == "droppath rate (before + i − 1)/170"


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


# The scaled dot-product attention of Vaswani et al. (2017), Figure 2.
ATTENTION = [
    ("norm_i", "q"),
    ("norm_i", "k"),
    ("norm_i", "v"),
    ("q", "product"),
    ("k", "product"),
    ("product", "softmax"),
    ("softmax", "product"),
    ("v", "product"),
    ("product", "out"),
    ("out", "+"),
]


@pytest.mark.parametrize("options", [{"open": ("A",)}, {"open": ("attention",)}])
def test_attention_of_the_library(options: dict[str, Any]) -> None:
    made = drawn("zoo/gpt2.rf", **options)
    names = {end for pair in ATTENTION for end in pair} - {"+", "norm_i"}
    inside = [pair for pair in arrows(made) if names & set(pair)]
    assert inside == sorted(ATTENTION)
    products = [n for n in made.nodes if plain(n.label[0]) == "product"]
    assert [plain(n.note[0]) for n in products] == ["q·k, c/64 heads", "weights·v"]
    assert notes(made)["softmax"] == "causal, dropout 0.1"
    assert notes(made)["out"] == "linear | dropout"


def test_heads_that_talk_and_share() -> None:
    """Of what attend does, what the file asks for, in the order of its module."""
    talking = arrows(drawn("modern/cait.rf", open=("attend",)))
    row = ["product", "linear", "softmax", "linear", "product", "linear, cin"]
    assert [pair in talking for pair in pairwise(row)] == [True] * 5
    llama = arrows(drawn("modern/llama.rf", open=("A",)))
    queries, keys = ["Q_i", "rotary", "product"], ["K_i", "rotary", "repeat", "product"]
    values = ["V_i", "repeat", "product", "linear, c"]
    ways = [pair for way in (queries, keys, values) for pair in pairwise(way)]
    assert all(pair in llama for pair in ways)


def test_what_the_parts_of_attention_have() -> None:
    closed = drawn("zoo/vit_b_16.rf", block=1)
    made = drawn("zoo/vit_b_16.rf", block=1, open=("A",))
    own = {plain(n.label[0]): n.parameters for n in made.nodes if n.parameters}
    matrix = 768 * 768 + 768
    assert own == {
        **dict.fromkeys(("q", "k", "v", "out"), matrix),
        "ln": 2 * 768,
        "M_1": next(n.parameters for n in closed.nodes if plain(n.label[0]) == "M_1"),
    }


FLOWS = """input 16 x 8 x 8
stages 16 x 3
Pair(width=c) = conv(3, width) > relu > conv(1, c)
One(width=c) = conv(1, width)
W = Pair(c/4) > bn > One > Pair
X_i = X_<i-1> + W_i*X_<i-1>"""


def test_flows_with_arguments() -> None:
    compiled = network(FLOWS)
    row = ["conv 3×3, c/4", "conv 1×1, c", "bn", "conv 1×1, c", "conv 3×3, c"]
    made = opened(compiled, "Pair")
    assert [pair in arrows(made) for pair in pairwise(row)] == [True] * 4
    labels = {c.id: plain(c.label) for c in made.clusters}
    assert Counter(labels.values()) == Counter(["block i", "W_i", "Pair", "Pair"])
    inside = [
        labels[n.cluster] for n in made.nodes if n.cluster and n.kind is not Kind.sum
    ]
    assert inside == ["Pair", "Pair", "W_i", "W_i", "Pair", "Pair"]
    # Who opens the operator alone sees its row, and a norm in the box that it follows.
    whole = opened(compiled, "W")
    assert [plain(c.label) for c in whole.clusters] == ["block i", "W_i"]
    assert [plain(n.note[0]) for n in whole.nodes if n.note] == ["relu", "bn", "relu"]
    assert [plain(c.label) for c in opened(compiled, "One").clusters] == [
        "block i",
        "W_i",
    ]


class Silent(Operator):
    name = "spectral"
    about = "a product in frequencies"
    attribute = "spectral"

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{m}({x})", "nn.Identity()")


class Telling(Silent):
    name = "told"

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        return Detail("f", "fft", ("x",)), Detail("w", "weights", ("f",), "", True, 3)


class Wrong(Silent):
    name = "wrong"

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        return (Detail("f", "fft", ("y",)),)


def of_plugin(*operators: type[Operator]) -> Compiled:
    row = " > ".join(operator.name for operator in operators)
    text = f"input 8\nstages 8 x 3\nW = {row}\nX_i = W_i*X_<i-1>"
    return recform.compile(text, plugins=list(operators))


def test_operators_of_plugins() -> None:
    made = opened(of_plugin(Silent, Telling), "W")
    row = ["X_(i−1)", "spectral", "fft", "weights", "X_i"]
    assert arrows(made) == sorted(pairwise(row))
    said = "spectral stays one box, for its plugin does not say what is in it"
    assert made.remarks == (said,)
    assert plain(made.caption[-1]) == said
    assert opened(of_plugin(Telling), "W").remarks == ()
    with pytest.raises(CompileError) as error:
        opened(of_plugin(Wrong), "W")
    (wrong,) = error.value.diagnostics
    assert (wrong.code, wrong.message) == (
        "RF514",
        "wrong makes 'f' of 'y', which is not before it",
    )


# -- in the network


def test_blocks_of_a_network_in_frames() -> None:
    """A basic block of He et al. (2016) in each stage, and where the next one gets it."""
    made = drawn("paper/resnet18.rf", View.network, open=("W",))
    nested = {c.id: c.parent for c in made.clusters}
    frames = [c for c in made.clusters if plain(c.label).startswith("block")]
    assert [plain(c.label) for c in frames[:2]] == [
        "blocks 1–2  ×2, 73,984 parameters each",
        f"block 3, {9 * (64 + 128) * 128 + 64 * 128 + 3 * 256:,} parameters",
    ]
    assert [nested[c.id].rpartition("-")[2] for c in frames] == list("1223344")
    labels = {n.id: plain(n.label[0]) or "+" for n in made.nodes}
    second = frames[1].id
    inside = {c for c in nested if c == second or nested[c] == second}
    found = [
        (labels[e.tail], labels[e.head])
        for e in made.edges
        if any(n.id == e.head and n.cluster in inside for n in made.nodes)
    ]
    assert sorted(found) == [
        ("+", "relu"),
        ("adapter", "+"),
        ("conv 3×3, 128", "+"),
        ("conv 3×3, 128", "conv 3×3, 128"),
        ("relu", "adapter"),
        ("relu", "conv 3×3, 128"),
    ]
    closed = drawn("paper/resnet18.rf", View.network)
    assert sum(n.parameters for n in made.nodes) == sum(
        n.parameters for n in closed.nodes
    )


OPEN_NETWORKS = [
    ("paper/resnet18_s.rf", "W"),
    ("modern/unet.rf", "C"),
    ("modern/dit.rf", "N"),
    ("modern/cait.rf", "attend"),
    ("language/shared.rf", "W"),
]


def test_a_recurrence_is_opened_at_one_position() -> None:
    """What comes in is of a position too, where `outer` takes it beside the state."""
    closed, opened = (
        drawn("modern/deltanet.rf", View.network, depth=depth) for depth in (1, 2)
    )
    assert len(opened.nodes) > len(closed.nodes)
    text = mermaid.write(opened, Theme.light)
    assert "outer" in text and "matvec" in text


@pytest.mark.parametrize(("name", "which"), OPEN_NETWORKS)
def test_nothing_dangles_in_an_opened_network(name: str, which: str) -> None:
    made = drawn(name, View.network, open=(which,))
    ids = Counter(node.id for node in made.nodes)
    assert set(ids.values()) == {1}
    assert set(Counter(edge.id for edge in made.edges).values()) == {1}
    heads, tails = {e.head for e in made.edges}, {e.tail for e in made.edges}
    assert heads | tails == set(ids)
    # What is handed on has its colour on the whole way, and all of it arrives.
    starts = {n.id for n in made.nodes if n.kind in (Kind.input, Kind.constant)}
    starts |= {n.id for n in made.nodes if n.kind is Kind.operator and n.shared}
    ends = {n.id for n in made.nodes if n.kind is Kind.output}
    assert {n for n in ids if n not in heads} <= starts
    assert {n for n in ids if n not in tails} <= ends
    before = {c.id for c in drawn(name, View.network).clusters}
    frames = [c for c in made.clusters if c.id not in before]
    assert frames and all(c.parent for c in frames)


def test_what_is_in_no_block_that_is_drawn() -> None:
    """Blocks 1 to 9 of Inception-v3 are others."""
    for view, said in ((View.step, 1), (View.unrolled, 1), (View.network, 0)):
        remarks = drawn("zoo/inception_v3.rf", view, open=("A", "E")).remarks
        assert len(remarks) == said
        assert all(row.startswith("A is not opened") for row in remarks)


def test_skips_of_an_opened_u() -> None:
    """Each block of the way up gets what the one across has made (Ronneberger et al.)."""
    made = drawn("modern/unet.rf", View.network, open=("C",))
    at = {n.id: n for n in made.nodes}
    stage = {c.id: c.id.split("-stage-")[1].split("-")[0] for c in made.clusters}
    across = [
        (int(stage[at[e.tail].cluster]), int(stage[at[e.head].cluster]))
        for e in made.edges
        if at[e.tail].cluster in stage and at[e.head].cluster in stage
    ]
    skips = [(a, b) for a, b in across if b > a + 1]
    assert sorted(skips) == [(1, 9), (2, 8), (3, 7), (4, 6)]


def test_what_was_at_the_position_before_is_of_its_block() -> None:
    """The state of a recurrence over positions: ``H_<i,t-1>``, as the file has it."""
    wanted = {"H_(i,t−1)", "C_(i,t−1)"}
    made = drawn("modern/lstm.rf", depth=2)
    assert {plain(n.label[0]) for n in made.nodes if n.kind is Kind.name} >= wanted
    fourth = drawn("modern/lstm.rf", depth=2, block=4)
    assert {"H_(4,t−1)", "C_(4,t−1)"} <= {plain(n.label[0]) for n in fourth.nodes}


def test_operators_are_opened_where_shapes_do_not_meet() -> None:
    subject = partial("adapter none\nX_i = X_<i-1> + W_i*X_<i-1>\n")
    for view in (View.step, View.network):
        asked = request(view, open="W")
        assert {plain(c.label) for c in draw(subject, asked).clusters} & {"W_3", "W_i"}
        with pytest.raises(CompileError, match="RF612"):
            draw(subject, request(view, open="Q"))


@pytest.mark.parametrize("name", ["modern/mamba.rf", "modern/mhc.rf", "modern/lstm.rf"])
def test_states_run_within_the_frames_of_their_blocks(name: str) -> None:
    """In the network, beside a frame, as high as it is, nothing runs to a part of it."""
    made = drawn(name, View.network, depth=2)
    layout = arranged(made, find(PINNED))
    for cluster in made.clusters:
        if len(made.frames_around(cluster.id)) > 2:
            continue
        frame = layout.clusters[cluster.id]
        inside = {
            n.id for n in made.nodes if cluster.id in made.frames_around(n.cluster)
        }
        for edge, curve in zip(made.edges, layout.edges, strict=True):
            if edge.head in inside:
                for x, y in sampled(curve.points):
                    beside = frame.top < y < frame.bottom
                    assert not beside or frame.left <= x <= frame.right
        # What comes in stands above.
        outside = [n.id for n in made.nodes if n.id not in inside]
        assert all(
            not frame.top < layout.nodes[name][1] < frame.bottom for name in outside
        )
