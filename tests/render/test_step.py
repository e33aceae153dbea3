"""The drawing of a block against its dataflow graph: all that is there, once, no more."""

from __future__ import annotations

import re
from collections import Counter

import networkx as nx
import pytest

import recform
from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    Input,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.lists import Dealt, Listed, Members, Over, is_list
from recform.compiler import Compiled
from recform.diagram.model import Diagram, Kind, Node, View
from recform.diagram.text import plain
from recform.recurrence.build import show
from recform.recurrence.model import ModuleSlot, Step
from recform.render import Request
from recform.render import diagram as draw
from tests.compiled import EXAMPLES
from tests.render.networks import SOME, drawn, example, network


def whole(name: str) -> Compiled:
    """An example of which all that a block does is drawn."""
    if name.endswith("/feedback.rf"):
        pytest.skip("a block is drawn at one of its times: test_times.py")
    return example(name)


def meaning(node: Node) -> str:
    """What a node is, without the position that some files write: X_i for X_<i,t>."""
    said = re.sub(r"_<(\w),t>", r"_\1", node.meaning)
    return re.sub(r"_<([^<>,]*),t>", r"_<\1>", said)


def is_sum(tensor: Tensor) -> bool:
    return isinstance(tensor, TensorSum) or (
        isinstance(tensor, History) and tensor.kind == "sum"
    )


def step_graph(step: Step) -> nx.DiGraph:
    """The tensors of a step, with an edge from each part to what is made of it."""
    graph = nx.DiGraph()
    graph.add_nodes_from(tensor for tensor in step.inputs if isinstance(tensor, Tensor))
    graph.add_nodes_from(step.body)
    for tensor in step.body:
        graph.add_edges_from((p, tensor) for p in step.parts(tensor) if p in graph)
    return graph


def is_minus(graph: nx.DiGraph, tensor: Tensor, step: Step) -> bool:
    """A term that is subtracted is a sign at its sum, and no node."""
    return (
        isinstance(tensor, Scaled)
        and tensor.coefficient == -1
        and tensor not in step.outputs
        and all(is_sum(user) for user in graph.successors(tensor))
    )


def is_as_before(tensor: Tensor, step: Step) -> bool:
    """A list to which no member came is no node: it goes on as it is."""
    parts = step.parts(tensor)
    return is_list(tensor) and len(parts) == 1 and is_list(parts[0])


def contracted(step: Step) -> tuple[nx.MultiDiGraph, dict[Tensor, Tensor]]:
    """The graph without names and signs, and what each tensor is the same as."""
    graph = step_graph(step)
    same: dict[Tensor, Tensor] = {}
    for tensor in nx.topological_sort(graph):
        inside = tensor not in step.inputs
        named = isinstance(tensor, State) and tensor in step.outputs
        if inside and (
            named or is_as_before(tensor, step) or is_minus(graph, tensor, step)
        ):
            (part,) = step.parts(tensor)
            same[tensor] = same[part]
        else:
            same[tensor] = tensor
    result = nx.MultiDiGraph()
    for tensor in step.body:
        if same[tensor] is tensor:
            for part in step.parts(tensor):
                if not isinstance(part, Filled):
                    result.add_edge(same.get(part, part), tensor)
    return result, same


KINDS = [
    (Apply, Kind.operator),
    (TensorSum, Kind.sum),
    (Pointwise, Kind.product),
    (Elementwise, Kind.activation),
    (Scaled, Kind.scale),
    (Combine, Kind.combine),
    (Concat, Kind.combine),
    (Part, Kind.combine),
    (Members, Kind.combine),
    (Dealt, Kind.combine),
    (Listed, Kind.combine),
    (Across, Kind.combine),
    (State, Kind.name),
    (Input, Kind.input),
]


def kind_of(tensor: Tensor) -> Kind:
    if isinstance(tensor, History):
        return Kind.sum if tensor.kind == "sum" else Kind.combine
    if isinstance(tensor, Over):
        return Kind.combine if tensor.kind == "sum" else Kind.activation
    return next(kind for cls, kind in KINDS if isinstance(tensor, cls))


def check_nodes(compiled: Compiled, diagram: Diagram) -> None:
    step = compiled.recurrence.pattern
    _, same = contracted(step)

    def said(slot: Tensor) -> str:
        return show(slot, step.at, step.absolute, compiled.formula.decimals)

    inner = [t for t in step.body if same[t] is t]
    applied = {said(t) for t in inner if isinstance(t, Apply)}

    def as_call(node: Node) -> Kind:
        # What learns is asked for below.
        unlearned = node.kind in (Kind.function, Kind.activation)
        is_call = unlearned and meaning(node) in applied
        return Kind.operator if is_call else node.kind

    wanted = Counter((kind_of(t), said(t)) for t in inner)
    for slot in (*step.inputs, *step.outputs):
        kind = Kind.module if isinstance(slot, ModuleSlot) else Kind.state
        wanted[kind, said(slot)] += 1
    # What nobody hands on and the block does not make comes from the network.
    there = {*step.inputs, *step.body}
    read = dict.fromkeys(part for t in step.body for part in step.parts(t))
    for part in read:
        if part not in there and not isinstance(part, Filled):
            wanted[Kind.input, said(part)] += 1
    drawn_nodes = Counter(
        (as_call(node), meaning(node))
        for node in diagram.nodes
        if node.kind is not Kind.constant and node.meaning
    )
    assert drawn_nodes == wanted


def check_edges(compiled: Compiled, diagram: Diagram) -> None:
    step = compiled.recurrence.pattern
    graph, same = contracted(step)

    def said(slot: Tensor) -> str:
        return show(slot, step.at, step.absolute, compiled.formula.decimals)

    wanted = Counter((said(tail), said(head), "inside") for tail, head in graph.edges())
    for slot in step.outputs:
        if isinstance(slot, Tensor):
            wanted[said(same[slot]), said(slot), "out"] += 1
    by_id = {node.id: node for node in diagram.nodes}
    found: Counter[tuple[str, str, str]] = Counter()
    for edge in diagram.edges:
        tail, head = by_id[edge.tail], by_id[edge.head]
        if tail.kind is Kind.constant or edge.module:
            continue
        side = "out" if head.kind is Kind.state else "inside"
        found[meaning(tail), meaning(head), side] += 1
    assert found == wanted


@pytest.mark.parametrize("name", SOME)
def test_everything_is_drawn_once(name: str) -> None:
    compiled, diagram = whole(name), drawn(name)
    check_nodes(compiled, diagram)
    check_edges(compiled, diagram)


@pytest.mark.parametrize("name", SOME)
def test_signs_are_those_of_the_sums(name: str) -> None:
    step = whole(name).recurrence.pattern
    subtracted = sum(
        1
        for tensor in step.body
        if is_sum(tensor)
        for part in step.parts(tensor)
        if isinstance(part, Scaled)
        and part.coefficient.is_number
        and part.coefficient < 0
    )
    assert sum(1 for edge in drawn(name).edges if edge.sign) == subtracted


def test_eq_20_is_figure_3() -> None:
    """ResNet's part, and minus what the block before computed (paper, 5.2)."""
    diagram = drawn("paper/eq20.rf")
    by_id = {node.id: node.meaning for node in diagram.nodes}
    edges = [(by_id[e.tail], by_id[e.head], e.sign) for e in diagram.edges]
    resnet = "X_<i-1> + W_i*X_<i-1>"
    total = f"({resnet}) - W_<i-1>*X_<i-2>"
    assert sorted(edges) == sorted(
        [
            ("X_<i-1>", "W_i*X_<i-1>", ""),
            ("X_<i-1>", resnet, ""),
            ("W_i*X_<i-1>", resnet, ""),
            (resnet, total, ""),
            ("W_<i-1>*X_<i-2>", total, "−"),
            (total, "X_i", ""),
            ("W_i*X_<i-1>", "W_i*X_<i-1>", ""),
        ]
    )


def test_a_module_that_is_handed_on_is_drawn_with_its_calls() -> None:
    compiled = network("stages 8 x 6\nX_i = W_i*X_<i-1> + W_<i-2>*X_<i-1>")
    slots = [s for s in compiled.recurrence.pattern.inputs if not isinstance(s, Tensor)]
    assert slots
    diagram = draw(compiled.graph, Request())
    check_nodes(compiled, diagram)
    check_edges(compiled, diagram)
    modules = {n.id: n.meaning for n in diagram.nodes if n.kind is Kind.module}
    calls = {n.id: n.meaning for n in diagram.nodes if n.kind is Kind.operator}
    edges = [
        (modules[e.tail], calls.get(e.head, modules.get(e.head)))
        for e in diagram.edges
        if e.module and e.tail in modules
    ]
    # Block i runs the module of block i-1 as soon as X_i is there, and hands on its own.
    assert edges == [("W_<i-1>", "W_<i-1>*X_i")]
    (handed_on,) = [e for e in diagram.edges if modules.get(e.head) == "W_i"]
    assert calls[handed_on.tail] == "W_i*X_<i-1>"


def test_each_tensor_of_an_operator_of_several_has_its_name() -> None:
    text = "input 6\nstages 6 x 4\nW = linear(c)\nB = bilinear(c)\n"
    compiled = network(f"{text}X_i = X_<i-1> + B_i(X_<i-2>, W_i*X_<i-1>)")
    diagram = draw(compiled.graph, Request())
    by_id = {node.id: node.meaning for node in diagram.nodes}
    labels = {
        by_id[edge.tail]: "".join(run.text for run in edge.label)
        for edge in diagram.edges
        if by_id[edge.head].startswith("B_i(")
    }
    assert labels == {"X_<i-2>": "x", "W_i*X_<i-1>": "y"}


def test_an_operator_without_an_index_is_marked() -> None:
    diagram = drawn("language/shared.rf")
    shared = {n.meaning: n.shared for n in diagram.nodes if n.kind is Kind.operator}
    assert shared == {"W*X_<i-1>": True}
    assert not any(n.shared for n in drawn("paper/eq20.rf").nodes)


@pytest.mark.parametrize("name", SOME)
def test_every_block_is_drawn_with_its_adapters_and_parameters(name: str) -> None:
    """What the nodes of a block own adds up to what the graph counts for it."""
    compiled = example(name)
    number = 0
    for stage in compiled.graph.stages:
        for segment in stage.segments:
            diagram = drawn(name, block=number + 1)
            number += segment.count
            owned = sum(node.parameters for node in diagram.nodes)
            scalars = [
                segment.block.scalars.get(label, (1,))[0]
                for label, scalar in compiled.formula.scalars.items()
                if scalar.indexed
            ]
            total = segment.block.totals.parameters
            assert total - sum(scalars) <= owned <= total


def test_indices_are_those_of_the_block() -> None:
    diagram = drawn("paper/eq20.rf", block=3)
    states = [node.meaning for node in diagram.nodes if node.kind is Kind.state]
    assert states == ["X_2", "W_2*X_1", "X_3", "W_3*X_2"]
    adapters = [node for node in diagram.nodes if node.kind is Kind.adapter]
    assert len(adapters) == 2


@pytest.mark.parametrize("name", SOME)
def test_ids_are_unique_and_those_of_the_file_alone(name: str) -> None:
    # A sum over depth has no paths that could be drawn, and neither has a dot.
    equations = example(name).formula.equations
    pathless = any(equation.right.has(Over, Across) for equation in equations)
    views = (view for view in View if not (pathless and view is View.paths))
    made = [drawn(name, view) for view in views]
    made.append(drawn(name, depth=9))
    for diagram in made:
        ids = [n.id for n in diagram.nodes] + [e.id for e in diagram.edges]
        ids += [c.id for c in diagram.clusters]
        assert len(ids) == len(set(ids))
        assert all(i.startswith(f"{diagram.id}-") for i in ids)
        known = {node.id for node in diagram.nodes}
        assert all({e.tail, e.head} <= known for e in diagram.edges)


@pytest.mark.parametrize("name", ["paper/eq20.rf", "language/revnet.rf"])
@pytest.mark.parametrize("blocks", [1, 3, 7])
def test_blocks_side_by_side_are_the_block_again_and_again(
    name: str, blocks: int
) -> None:
    one, several = drawn(name), drawn(name, View.unrolled, blocks=blocks)
    for kind in (Kind.operator, Kind.sum):
        once = sum(1 for node in one.nodes if node.kind is kind)
        assert sum(1 for n in several.nodes if n.kind is kind) == blocks * once
    state = len(example(name).recurrence.state)
    states = [node for node in several.nodes if node.kind is Kind.state]
    assert len(states) == (blocks + 1) * state
    # The state of a block is read by the next one: the last alone goes nowhere.
    tails = {edge.tail for edge in several.edges}
    dead = [node for node in states if node.id not in tails]
    assert len(dead) == state


def test_indices_of_blocks_side_by_side() -> None:
    diagram = drawn("paper/eq20.rf", View.unrolled, blocks=2)
    operators = [n.meaning for n in diagram.nodes if n.kind is Kind.operator]
    assert operators == ["W_i*X_<i-1>", "W_<i+1>*X_i"]


def test_numbers_and_constants() -> None:
    diagram = drawn("paper/highway.rf")
    constants = [n.meaning for n in diagram.nodes if n.kind is Kind.constant]
    assert constants == ["1"]
    momentum = drawn("language/momentum.rf")
    factors = [n.meaning for n in momentum.nodes if n.kind is Kind.scale]
    assert factors == ["0.9*V_<i-1>", "0.1*F_i*X_<i-1>"]


def test_states_that_read_alike_have_ids_of_their_own() -> None:
    """`X + Y + Z` and `X - Y + Z` are spelled alike in an id."""
    older = "X_<i-2> {} Y_<i-2> + Z_<i-2>"
    plus, minus = older.format("+"), older.format("-")
    compiled = network(
        f"stages 8 x 5\nX_i = W_i*X_<i-1> + U_i*({plus}) + V_i*({minus})\n"
        "Y_i = F_i*X_<i-1>\nZ_i = G_i*X_<i-1>\noutput X_L"
    )
    diagram = draw(compiled.graph, Request())
    states = {node.meaning: node.id for node in diagram.nodes if node.end == "source"}
    assert states[minus] == f"{states[plus]}-2"
    check_nodes(compiled, diagram)
    check_edges(compiled, diagram)


@pytest.mark.parametrize("view", [View.step, View.paths, View.unrolled])
def test_for_which_blocks_a_picture_is(view: View) -> None:
    compiled = example("language/ranges.rf")
    made = draw(compiled.graph, Request(view=view))
    caption = ["".join(run.text for run in line) for line in made.caption]
    assert caption[-1] == "Not for blocks 1-3, 6-8, which have equations of their own"
    assert "X_<6..8> = X_<i-2> + W_i*X_<i-1>" in made.description
    assert "Not for blocks 1-3, 6-8" in made.description


def test_a_block_of_its_own_is_drawn_as_it_is() -> None:
    made = draw(example("language/ranges.rf").graph, Request(block=6))
    assert "The block gets X_5, X_4 and hands on X_6" in made.description
    assert "Not for" not in made.description


def test_a_picture_for_all_blocks_does_not_speak_of_them() -> None:
    made = draw(network("X_i = W_i*X_<i-1>\nX_1 = X_0").graph, Request())
    assert "Not for" not in made.description


@pytest.mark.parametrize("name", ["modern/mamba.rf", "modern/mhc.rf"])
def test_blue_is_what_has_parameters(name: str) -> None:
    """Against the module that is made: its blocks keep operators under their names."""
    learned = {
        key.split(".")[2]
        for key, _ in recform.load(EXAMPLES / name).named_parameters()
        if key.startswith("blocks.0.")
    }
    nodes = drawn(name).nodes
    kinds = {plain(n.label[0]).removesuffix("_i"): n.kind for n in nodes if n.label}
    operators = [o for o in example(name).recurrence.formula.operators if o in kinds]
    for operator in operators:
        assert (kinds[operator] is Kind.operator) is (operator in learned), operator
    assert {Kind.operator, Kind.function} == {kinds[operator] for operator in operators}
    # What learns nothing is not one module for all blocks, either.
    assert not any(n.shared for n in (*nodes, *drawn(name, View.network).nodes))
    assert Kind.function in {n.kind for n in drawn(name, View.paths).nodes}


def test_drop_path_is_not_learned() -> None:
    nodes = drawn("zoo/efficientnet_b0.rf").nodes
    assert {plain(n.label[0]): n.kind for n in nodes}["D_i"] is Kind.function
