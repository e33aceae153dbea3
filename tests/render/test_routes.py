"""Routes against matrices that are put in for the operators, and against the paper."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import comb
from typing import Any

import numpy as np
import pytest

from recform.analysis.paths import routes
from recform.analysis.paths.distribution import flows, paths
from recform.analysis.paths.routes import MAX_WORDS, Routes, TooMany
from recform.diagnostics import Diagnostics
from recform.diagram.model import Kind
from recform.diagram.text import plain
from recform.linear.recurrence import linearise
from recform.render import Request, View, diagram
from recform.views.paths import histogram
from tests.render.networks import drawn, example, network

Matrix = np.ndarray
Operators = Callable[[str, int], Matrix]
SIZE = 3


def operators(seed: int = 0) -> Operators:
    made: dict[tuple[str, int], Matrix] = {}
    draw = np.random.default_rng(seed)

    def get(name: str, index: int) -> Matrix:
        if (name, index) not in made:
            made[name, index] = draw.normal(size=(SIZE, SIZE))
        return made[name, index]

    return get


# The linear recurrences by hand: f[k] is the derivative of X_k by X_0.


def eq20(w: Operators, n: int) -> Matrix:
    one = np.eye(SIZE)
    f = [one, one + w("W", 1)]
    for i in range(2, n + 1):
        f.append((one + w("W", i)) @ f[i - 1] - w("W", i - 1) @ f[i - 2])
    return f[n]


def a41(w: Operators, n: int) -> Matrix:
    f = [np.eye(SIZE), w("W", 1)]
    for i in range(2, n + 1):
        f.append(w("W", i) @ f[i - 1] + f[i - 2])
    return f[n]


def a42(w: Operators, n: int) -> Matrix:
    f = [np.eye(SIZE), w("W", 1)]
    for i in range(2, n + 1):
        f.append(w("W", i) @ f[i - 1] + w("W", i - 1) @ f[i - 2])
    return f[n]


def twice(w: Operators, n: int) -> Matrix:
    f = np.eye(SIZE)
    for i in range(1, n + 1):
        f = f + w("W", i) @ f + w("W", i) @ w("W", i) @ f
    return f


def dense(w: Operators, n: int) -> Matrix:
    f = [np.eye(SIZE)]
    for i in range(1, n + 1):
        f.append(w("W", i) @ sum(f))
    return sum(f)


def momentum(w: Operators, n: int) -> Matrix:
    x, v = np.eye(SIZE), np.zeros((SIZE, SIZE))
    for i in range(1, n + 1):
        v = 0.9 * v + 0.1 * w("F", i) @ x
        x = x + v
    return x


@pytest.mark.parametrize("blocks", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("paper/eq20.rf", eq20),
        ("paper/one_line.rf", eq20),
        ("paper/a41.rf", a41),
        ("paper/a42.rf", a42),
        ("language/twice.rf", twice),
        ("language/densenet.rf", dense),
        ("language/momentum.rf", momentum),
    ],
)
def test_routes_add_up_to_the_derivative(
    name: str, by_hand: Callable[[Operators, int], Matrix], blocks: int
) -> None:
    w = operators()
    total = np.zeros((SIZE, SIZE))
    for (_, _, word), factor in Routes(example(name).formula, blocks).routes().items():
        product = np.eye(SIZE)
        for letter, index in word:
            assert index is not None
            product = product @ w(letter, index)
        total += float(factor) * product
    np.testing.assert_allclose(total, by_hand(w, blocks), rtol=1e-9, atol=1e-9)


def lengths(name: str, blocks: int) -> dict[int, int]:
    bars, exact = histogram(Routes(example(name).formula, blocks))
    assert exact
    return {bar.length: bar.count for bar in bars}


@pytest.mark.parametrize("blocks", [1, 4, 8])
def test_counts_of_the_paper(blocks: int) -> None:
    """Section 3: one path, binomial coefficients, one path of each length."""
    assert lengths("paper/plain.rf", blocks) == {blocks: 1}
    every = range(blocks + 1)
    assert lengths("paper/resnet18.rf", blocks) == {k: comb(blocks, k) for k in every}
    assert lengths("paper/eq20.rf", blocks) == dict.fromkeys(every, 1)
    # A.4.1: Fibonacci polynomials.
    fibonacci = {blocks - 2 * k: comb(blocks - k, k) for k in range(blocks // 2 + 1)}
    assert lengths("paper/a41.rf", blocks) == dict(sorted(fibonacci.items()))


@pytest.mark.parametrize("name", ["paper/eq20.rf", "paper/a42.rf", "language/twice.rf"])
def test_counting_without_listing_agrees(name: str) -> None:
    for blocks in (1, 4, 6):
        assert Routes(example(name).formula, blocks).counts() == lengths(name, blocks)


def test_too_many_routes_are_counted_all_the_same() -> None:
    bars, exact = histogram(Routes(example("language/twice.rf").formula, 12))
    assert not exact
    assert sum(bar.count for bar in bars) == 3**12


def test_a_gate_does_not_cancel() -> None:
    """The ways through f, through t twice, and past both differ in their factors."""
    routes = Routes(example("paper/highway.rf").formula, 1).routes()
    assert {word for _, _, word in routes} == {(), (("f", 1),), (("t", 1),)}


@pytest.mark.parametrize(
    "name", ["paper/eq20.rf", "paper/a41.rf", "language/densenet.rf"]
)
def test_the_drawing_has_the_routes(name: str) -> None:
    """Ways through the picture, with their signs, are the ways that are counted."""
    made = drawn(name, View.paths, blocks=3)
    kinds = {node.id: node.kind for node in made.nodes}
    start = next(n.id for n in made.nodes if n.end == "source")
    ways: dict[str, dict[int, int]] = {start: {0: 1}}
    order = [start]
    left = list(made.edges)
    while left:
        ready = {e.head for e in left} - {e.head for e in left if e.tail not in order}
        for node in sorted(ready):
            total: dict[int, int] = {}
            for edge in [e for e in left if e.head == node]:
                sign = -1 if edge.sign else 1
                more = 1 if kinds[node] is Kind.operator else 0
                for length, number in ways[edge.tail].items():
                    total[length + more] = total.get(length + more, 0) + sign * number
            ways[node] = total
            order.append(node)
        left = [e for e in left if e.head not in ready]
    formula = example(name).formula
    outputs = {n.id for n in made.nodes if n.kind is Kind.unknown and "L" in n.meaning}
    ends = outputs if name == "language/densenet.rf" else {order[-1]}
    found: dict[int, int] = {}
    for end in sorted(ends):
        for length, number in ways[end].items():
            found[length] = found.get(length, 0) + number
    found = {length: n for length, n in sorted(found.items()) if n}
    assert found == Routes(formula, 3).counts()


def test_several_unknowns() -> None:
    """RevNet: A and B each reach A and B."""
    bars, _ = histogram(Routes(example("language/revnet.rf").formula, 1))
    assert {bar.length: bar.count for bar in bars} == {0: 2, 1: 2, 2: 1}


@pytest.mark.parametrize(
    "equations",
    [
        "X_i = X_<i-1> + Y_i\nY_i = W_i*X_<i-1>",
        "Y_i = W_i*X_<i-1>\nX_i = X_<i-1> + Y_i",
    ],
)
def test_equations_in_any_order(equations: str) -> None:
    """The unknown of a block that another one reads may stand behind it in the file."""
    text = f"stages 8 x 9\n{equations}\noutput X_L"
    bars, _ = histogram(Routes(network(text).formula, 4))
    assert {bar.length: bar.count for bar in bars} == {k: comb(4, k) for k in range(5)}
    made = diagram(network(text).graph, Request(view=View.paths, blocks=4))
    assert sum(node.kind is Kind.operator for node in made.nodes) == 4


def test_which_argument_is_the_largest_does_not_cancel() -> None:
    """A word is one route through either argument of a max, and two that differ are two."""
    text = "stages 8 x 9\nX_i = max(W_i*X_<i-1>, X_<i-1>) + W_i*X_<i-1>"
    routes = Routes(network(text).formula, 1).routes()
    assert {route.word for route in routes} == {(), (("W", 1),)}
    assert "max has no linearisation" in network(text).analyze().unlinear


def test_shared_operators_have_no_block() -> None:
    compiled = network("stages 8 x 4\nX_i = relu(W*X_<i-1>) + X_<i-1>")
    routes = Routes(compiled.formula, 2).routes()
    assert {word for _, _, word in routes} == {
        (),
        (("W", None),),
        (("W", None), ("W", None)),
    }


@pytest.mark.parametrize("blocks", [3, 7])
@pytest.mark.parametrize(
    "name", ["paper/one_line.rf", "paper/resnet18.rf", "paper/a41.rf", "paper/a42.rf"]
)
def test_the_analysis_counts_the_same(name: str, blocks: int) -> None:
    """Without boundary equations a network starts as it goes on in the middle."""
    formula = example(name).formula
    (flow,) = flows(formula, blocks)
    linear = linearise(formula, Diagnostics(), activations=False)
    counts = paths(linear, flow.stages, flow.length).net.counts
    assert {k: n for k, n in enumerate(counts) if n} == lengths(name, blocks)


def test_blocks_that_weigh_all_earlier_ones_show_what_they_read() -> None:
    """There are no routes to count; each edge is a block that another one reads."""
    text = "input 4\nstages 4 x 5\nstem none\nhead none\nscalar a_<i,k> = 0\n"
    text += "Y_i = T_i*sum(k, 0, i-2, a_<i,k>*Y_k) + 0.5*Y_<i-1>\nT = linear(c)\n"
    item = network(f"{text}output Y_L")
    made = diagram(item.graph, Request(view=View.paths, blocks=3))
    prefix = f"{item.formula.name}-paths"
    found = {(e.tail, e.head): e.tooltip for e in made.edges}
    assert found == {
        (f"{prefix}-{tail}", f"{prefix}-{head}"): weights
        for tail, head, weights in (
            (0, 1, ""),
            (0, 2, "learned weights"),
            (1, 2, ""),
            (0, 3, "learned weights"),
            (1, 3, "learned weights"),
            (2, 3, ""),
            (3, 4, ""),
        )
    }
    assert not made.bars


def test_terms_that_end_alike_say_what_each_is_multiplied_by() -> None:
    text = "input 4\nstages 4 x 6\nW = linear(c)\nU = linear(c)\n"
    compiled = network(
        f"{text}Y_i = X_<i-1> + W_i*X_<i-1>\nX_i = 2*U_i*X_<i-1> + 3*Y_i - 1/2*Y_<i-1>"
    )
    made = diagram(compiled.graph, Request(view=View.paths, blocks=2))
    names = {node.id: node.meaning for node in made.nodes}
    labels = {
        (names[e.tail], names[e.head]): (e.sign, plain(e.label)) for e in made.edges
    }
    assert labels["U_L", "X_L"] == ("", "2")
    assert labels["Y_L", "X_L"] == ("", "3")
    assert labels["Y_<L-1>", "X_L"] == ("−", "1/2")
    gated = "input 4\nstages 4 x 6\nW = linear(c)\nX_i = 3*X_<i-1> + W_i*(2*X_<i-1> + X_<i-2>)"
    made = diagram(network(gated).graph, Request(view=View.paths, blocks=3))
    names = {node.id: node.meaning for node in made.nodes}
    ends = [plain(e.label) for e in made.edges if names[e.tail] == "W_L"]
    assert ends == ["2, 1"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cait", "by the equations for block i nothing of C_<L-4> reaches C_L"),
        ("deltanet", "dot and norm put all features of a position into one number"),
        (
            "denseformer",
            "each block weighs all earlier blocks anew, which no recurrence of finite "
            "order does",
        ),
    ],
)
def test_why_no_routes_are_counted(name: str, reason: str) -> None:
    """What the blocks read is drawn, and the reason stands below and on the terminal."""
    made = drawn(f"modern/{name}.rf", View.paths)
    assert made.remarks == (f"No routes are counted: {reason}",)
    assert "No routes are counted" in " ".join(map(plain, made.caption))
    labels = {n.id: plain(n.label[0]) for n in made.nodes}
    chain = ["input", "block 1", "block 2", "block 3", "block 4", "output"]
    read = {(labels[e.tail], labels[e.head]) for e in made.edges}
    assert set(pairwise(chain)) <= read
    assert not made.bars


def test_routes_that_are_too_many_are_not_multiplied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nine ways through a block: ways of four blocks were made, and thrown away."""
    right = " + ".join(f"{name}_i*X_<i-1>" for name in "ABCDEFGHK")
    found = Routes(network(f"stages 4 x 8\nX_i = {right}").formula, 4)
    made, multiply = [], routes._Factor.__mul__

    def counted(one: Any, other: Any) -> Any:
        made.append(one)
        return multiply(one, other)

    monkeypatch.setattr(routes._Factor, "__mul__", counted)
    with pytest.raises(TooMany):
        found.routes()
    assert len(made) <= MAX_WORDS
