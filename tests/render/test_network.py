"""The drawing of the whole network against the graph and the emitted module."""

from __future__ import annotations

import pytest

from recform.algebra.expr import State
from recform.diagnostics import CompileError
from recform.diagram import text
from recform.diagram.model import Diagram, Kind
from recform.render import Format, Request, View, render
from recform.render import diagram as draw
from recform.views.bundles import MAX_NODES
from tests.render.networks import SOME, drawn, example, network


def blocks(diagram: Diagram) -> int:
    return sum(node.count for node in diagram.nodes if node.kind is Kind.block)


@pytest.mark.parametrize("name", SOME)
def test_the_nodes_own_all_parameters(name: str) -> None:
    compiled, diagram = example(name), drawn(name, View.network)
    total = sum(node.parameters for node in diagram.nodes)
    assert total == compiled.graph.totals.parameters
    lengths = sum(flow.length for flow in compiled.recurrence.flows)
    assert blocks(diagram) == lengths
    assert len(diagram.clusters) == len(compiled.formula.stages)


@pytest.mark.parametrize("name", ["language/third_order.rf", "language/densenet.rf"])
def test_the_nodes_own_what_the_module_has(name: str) -> None:
    module = example(name).module()
    learned = sum(p.numel() for p in module.parameters())
    total = sum(node.parameters for node in drawn(name, View.network).nodes)
    assert total == learned


@pytest.mark.parametrize("name", SOME)
def test_every_adapter_in_front_of_a_block_is_a_node(name: str) -> None:
    compiled, diagram = example(name), drawn(name, View.network)
    wanted = 0
    for stage in compiled.graph.stages:
        for segment in stage.segments:
            step = compiled.recurrence.steps[segment.step]
            sites = segment.block.sites
            pairs = {
                (s.value, sites[s].target) for s in sites if s.value in step.inputs
            }
            wanted += len(pairs) * segment.count
    adapters = [node for node in diagram.nodes if node.kind is Kind.adapter]
    assert sum(node.count for node in adapters) == wanted
    for node in adapters:
        ways = [(e.tail == node.id, e.head == node.id) for e in diagram.edges]
        assert ways.count((True, False)) == ways.count((False, True)) == 1


@pytest.mark.parametrize("name", SOME)
def test_one_edge_a_state_tensor(name: str) -> None:
    """Between two blocks run as many edges as tensors are handed on and read."""
    compiled, diagram = example(name), drawn(name, View.network)
    kinds = {node.id: node.kind for node in diagram.nodes}
    between = [
        e
        for e in diagram.edges
        if kinds[e.tail] is Kind.block and kinds[e.head] is Kind.block
    ]
    # Next to blocks with equations of their own more may be handed on.
    recurrence = compiled.recurrence
    width = max(len(recurrence.state), *(len(s.outputs) for s in recurrence.steps))
    pairs = {(edge.tail, edge.head) for edge in between}
    assert all(
        1 <= sum((e.tail, e.head) == pair for e in between) <= width for pair in pairs
    )


def test_shapes_stand_on_the_edges() -> None:
    diagram = drawn("paper/resnet18.rf", View.network)
    labels = [edge.label[0].text for edge in diagram.edges]
    assert labels[0] == "3×32×32"
    assert labels[-1] == "10"
    assert labels.count("64×32×32") == 3
    assert labels.count("512×4×4") == 3


def test_equal_blocks_are_one_node() -> None:
    compiled = network("stages 16 x 50\nX_i = X_<i-1> + W_i*X_<i-1>")
    closed = draw(compiled.graph, Request(view=View.network))
    (node,) = [n for n in closed.nodes if n.kind is Kind.block]
    assert node.count == 50
    assert "×50" in node.label[0][0].text
    opened = draw(compiled.graph, Request(view=View.network, expand=True))
    nodes = [n for n in opened.nodes if n.kind is Kind.block]
    assert [n.label[0][0].text for n in nodes] == [f"block {k}" for k in range(1, 51)]
    assert sum(n.parameters for n in nodes) == node.parameters


@pytest.mark.parametrize(
    "text",
    [
        "stages 16 x 1000\nX_i = X_<i-1> + W_i*X_<i-1>",
        "stages 16 x 500, 32 x 500 / 2\nX_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
        # All blocks differ: by what comes in, and by their number.
        "stages 2 x 1000\nX_i = W_i*concat(X_<0..i-1>)\noutput concat(X_<0..L>)",
        "stages 8 x 1000\nW = conv(3, c) > dropout(0.5*i/L)\nX_i = X_<i-1> + W_i*X_<i-1>",
    ],
    ids=["equal", "two-stages", "growing", "by-index"],
)
def test_a_thousand_blocks_stay_legible(text: str) -> None:
    compiled = network(text)
    request = Request(view=View.network, renderer="graphviz-pure")
    diagram = draw(compiled.graph, request)
    assert blocks(diagram) == 1000
    assert sum(1 for n in diagram.nodes if n.kind is Kind.block) <= MAX_NODES
    total = sum(node.parameters for node in diagram.nodes)
    assert total == compiled.graph.totals.parameters
    assert render(compiled.graph, request, Format.svg).startswith(b"<svg ")


def test_too_many_blocks_to_expand() -> None:
    compiled = network("stages 16 x 10000\nX_i = X_<i-1> + W_i*X_<i-1>")
    with pytest.raises(CompileError) as caught:
        draw(compiled.graph, Request(view=View.network, expand=True))
    (item,) = caught.value.diagnostics
    assert item.code == "RF661"
    assert "--expand" in item.hint


def test_an_edge_of_a_list_says_how_many_tensors_it_has() -> None:
    """A list by stages grows behind the last block of a stage, any other in each block."""

    def lists(name: str) -> list[str]:
        made = drawn(name, View.network)
        return [
            # The first one says what it is called as well.
            text.plain(e.label).rpartition(": ")[2]
            for e in made.edges
            if made.groups[e.group - 1 : e.group]
            and text.plain(made.groups[e.group - 1]).startswith(("list", "finished"))
        ]

    size = "64×64"
    assert lists("modern/attention_residuals_grouped.rf") == [
        size,
        size,
        *2 * [f"2 × ({size})"],
        *2 * [f"3 × ({size})"],
    ]
    grown = [f"{number} × ({size})" for number in range(2, 13)]
    assert lists("modern/denseformer.rf") == [size, *grown]


def test_the_first_arrow_of_each_tensor_has_its_name() -> None:
    labels = [
        text.plain(edge.label)
        for edge in drawn("language/revnet.rf", View.network).edges
        if ": " in text.plain(edge.label)
    ]
    assert labels == ["A_i: 32×32×32", "B_i: 32×32×32"]
    alone = drawn("paper/resnet18.rf", View.network)
    assert not any(":" in text.plain(edge.label) for edge in alone.edges)


def test_the_input_is_called_as_what_reads_it() -> None:
    """Every block reads W_1 of ResFormer, but none W_0: X_0 is what comes in."""
    compiled = example("modern/resformer.rf")
    (flow,) = compiled.recurrence.flows
    assert [str(slot) for slot in flow.start.outputs] == [str(State("X", 0))]


def test_further_inputs_lead_to_what_reads_them() -> None:
    item = network(
        "input 5 x 8\ninput t = 4\ninput e = 8\nstages 8 x 3\nT = linear(8)\n"
        "X_i = e*X_<i-1> + tanh(T*t)*W_i*X_<i-1>"
    )
    diagram = draw(item.graph, Request(view=View.network))
    ways = [
        (edge.tail.rpartition("network-")[2], edge.head.rpartition("network-")[2])
        for edge in diagram.edges
    ]
    assert ("input-t", "start-1") in ways
    assert ("input-e", "stage-1-block-1") in ways
    # The state, and what is made of t; the block hands on the state alone.
    assert ways.count(("start-1", "stage-1-block-1")) == 2
    assert ways.count(("stage-1-block-1", "head")) == 1
    step = draw(item.graph, Request(view=View.step))
    inputs = [node.meaning for node in step.nodes if node.kind is Kind.input]
    assert inputs == ["e", "tanh(T*t)"]


def test_blocks_are_called_as_the_file_calls_each() -> None:
    diagram = drawn("zoo/inception_v3.rf", View.network)
    labels = [text.plain(n.label[0]) for n in diagram.nodes if n.kind is Kind.block]
    assert labels[:2] == ["Mixed_5b", "Mixed_5c"]
    assert labels[5:7] == ["Mixed_6c–Mixed_6d  ×2", "Mixed_6e"]
