"""Which earlier blocks are read, and what paths weigh, against networks written out anew."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import pytest

from recform.algebra.formula import Formula
from recform.analysis.model import analyse
from recform.analysis.paths.counting import Counter
from recform.analysis.paths.weights import Weighed, weighed
from recform.analysis.reads import exact, reads
from recform.diagnostics import Diagnostics
from recform.linear.recurrence import written_out
from tests.analysis.test_stability import formula

FRAME = "input 4\nstem none\nhead none\n"
DENSEFORMER = (
    "stages 4 x {depth}\nT = linear\nscalar a_<i,k> = 0\nscalar a_<i,i> = 1\n"
    "Y_i = T_i*X_<i-1>\nX_i = sum(k, 0, i, a_<i,k>*Y_k)\noutput X_L"
)
LEARNED = (
    "stages 4 x {depth}\nT = linear\nB = linear\nscalar g_<i,k> = 1/(i+k+1)\n"
    "X_i = X_<i-1> + T_i*sum(k, 0, i-1, g_<i,k>*B_i*X_k)"
)
ATTENTION = (
    "stages 4 x {depth}\nT = linear\nN = rmsnorm\nvector q_i = 0\n"
    "Y_i = T_i*sum(k, 0, i-1, softmax(k, dot(q_i, N_i*Y_k))*Y_k)"
)
GROUPED = (
    "stages 4 x 2, 4 x 2, 4 x 2\nT = linear\nvector q_i = 0\n"
    "Y_i = T_i*sum(k, 0, i-1, softmax(k, dot(q_i, P_k))*P_k, by=stage)\n"
    "P_i = P_<i-1> + Y_i\nP_<first> = Y_<first>\noutput P_L"
)
LONG = (
    "stages 4 x {depth}\nT = linear\nX_i = T_i*X_<i-1>\n"
    "X_<L/2+1..L> = T_i*X_<i-1> + X_<L-i>"
)

#: The terms of a tensor: what each is multiplied with, operators passed, tensor, block.
Term = tuple[Fraction, int, str, int]
Terms = Callable[[str, int, int], list[Term]]
ONE = Fraction(1)


def denseformer(name: str, i: int, depth: int) -> list[Term]:
    if name == "Y":
        return [(ONE, 1, "X", i - 1)]
    return [(Fraction(k == i), 0, "Y", k) for k in range(i + 1)]


def learned(name: str, i: int, depth: int) -> list[Term]:
    members = [(Fraction(1, i + k + 1), 2, "X", k) for k in range(i)]
    return [(ONE, 0, "X", i - 1), *members]


def attention(name: str, i: int, depth: int) -> list[Term]:
    return [(Fraction(1, i), 1, "Y", k) for k in range(i)]


def grouped(name: str, i: int, depth: int) -> list[Term]:
    if name == "Y":
        members = sorted({0, *(end for end in (2, 4) if end < i), i - 1})
        return [(Fraction(1, len(members)), 1, "P", k) for k in members]
    before = [] if i in (1, 3, 5) else [(ONE, 0, "P", i - 1)]
    return [*before, (ONE, 0, "Y", i)]


def long(name: str, i: int, depth: int) -> list[Term]:
    mirror = [(ONE, 0, "X", depth - i)] if i > depth // 2 else []
    return [(ONE, 1, "X", i - 1), *mirror]


NETWORKS: dict[str, tuple[str, Terms, str, tuple[int, ...]]] = {
    "DenseFormer": (DENSEFORMER, denseformer, "X", (1, 2, 5)),
    "learned": (LEARNED, learned, "X", (1, 2, 5)),
    "attention": (ATTENTION, attention, "Y", (1, 2, 6)),
    "grouped": (GROUPED, grouped, "P", (6,)),
    "long": (LONG, long, "X", (2, 6)),
}
CASES = [(name, depth) for name in NETWORKS for depth in NETWORKS[name][3]]


def made(name: str, depth: int) -> Formula:
    return formula(FRAME + NETWORKS[name][0].format(depth=depth))


@pytest.mark.parametrize(("name", "depth"), CASES)
def test_every_path_and_its_weight(name: str, depth: int) -> None:
    """By walking every path: how many there are of each length, and what they weigh."""
    _, terms, last, _ = NETWORKS[name]
    counts: dict[int, int] = {}
    weights: dict[int, Fraction] = {}

    def walk(tensor: str, block: int, weight: Fraction, length: int) -> None:
        if block == 0:
            counts[length] = counts.get(length, 0) + 1
            weights[length] = weights.get(length, Fraction(0)) + weight
            return
        for factor, passed, source, before in terms(tensor, block, depth):
            walk(source, before, weight * factor, length + passed)

    walk(last, depth, ONE, 0)
    linear = written_out(made(name, depth), depth)
    expected = tuple(counts.get(n, 0) for n in range(max(counts) + 1))
    assert Counter(linear, depth, signed=False).by_length() == expected
    found = weighed(linear, depth)
    assert dict(enumerate(found)) == pytest.approx(
        {n: float(weights.get(n, 0)) for n in range(len(found))}
    )
    total = sum(weights.values())
    mean = sum(n * weight for n, weight in weights.items()) / total
    assert Weighed(found).mean == pytest.approx(float(mean))


def test_effective_depths_that_are_known() -> None:
    """A DenseFormer starts as a plain network; ReZero as the identity."""
    (flow,) = analyse(made("DenseFormer", 9), Diagnostics()).flows
    assert flow.paths[0].start == Weighed((0.0,) * 9 + (1.0,))
    assert flow.paths[0].net.total == 2**9  # each older member once, or not
    rezero = formula(
        FRAME + "stages 4 x 9\nscalar a_i = 0\nX_i = X_<i-1> + a_i*W_i*X_<i-1>"
    )
    (flow,) = analyse(rezero, Diagnostics()).flows
    assert flow.paths[0].net.counts == tuple(math.comb(9, k) for k in range(10))
    assert flow.paths[0].start is not None and flow.paths[0].start.mean == 0


def test_paths_run_through_weights_that_a_tensor_makes() -> None:
    """A product is linear in both: in a member, and in what its feature is made of."""
    text = (
        "stages 4 x 5\nT = linear\nA = linear(i)\n"
        "X_i = T_i*sum(k, 0, i-1, A_<i,k>(X_<i-1>)*X_k)"
    )
    numbers = [1]
    for _ in range(5):
        numbers.append(sum(numbers[-1] + older for older in numbers))
    (flow,) = analyse(formula(FRAME + text), Diagnostics()).flows
    assert numbers[-2:] == [165, 1031]
    assert flow.paths[0].net.total == numbers[-1]
    assert flow.paths[0].start is None
    found = reads(formula(FRAME + text), 5)
    assert found[0].reads[-1].text() == "0..i-1 (content weights)"


def test_the_unknown_scores_weigh_nothing() -> None:
    text = ATTENTION.replace("q_i = 0", "q_i = 1").format(depth=3)
    (flow,) = analyse(formula(FRAME + text), Diagnostics()).flows
    assert flow.paths[0].start is None
    assert flow.paths[0].unweighed == (
        "softmax(k, dot(q_1, N_1*Y_k)) is no number where the network starts"
    )
    assert flow.random is None and "softmax over depth" in flow.unfollowed


@pytest.mark.parametrize(("name", "depth"), CASES)
def test_blocks_that_are_read(name: str, depth: int) -> None:
    """By number, and by what the text says of each group of blocks."""
    _, terms, last, _ = NETWORKS[name]
    names = {"X": ["Y", "X"] if name == "DenseFormer" else ["X"], "Y": ["Y"]}
    inside = names.get(last, ["Y", "P"])
    expected = [
        tuple(
            sorted(
                {
                    before
                    for tensor in inside
                    for _, _, _, before in terms(tensor, block, depth)
                    if before < block
                }
            )
        )
        for block in range(1, depth + 1)
    ]
    found = exact(made(name, depth), depth)
    assert found == (*expected, (depth,))
    for group in reads(made(name, depth), depth):
        for block in group.blocks:
            union = set(itertools.chain(*(r.blocks(block, depth) for r in group.reads)))
            assert union == set(expected[block - 1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>", [["i-1"], ["L"]]),
        ("X_i = W_i*X_<i-1> + X_<i-3> + X_0", [["i-1", "i-3", "0"], ["L"]]),
        ("X_i = W_i*concat(X_<0..i-1>)", [["0..i-1"], ["L"]]),
        (
            "X_i = X_<i-1> + W_i*X_<i-1>\nY_i = Y_<i-1> + X_i\noutput mean(X_<1..L>)",
            [["i-1"], ["1..L"]],  # nobody reads Y
        ),
        (
            "scalar a_i = 1\nX_i = a_i*W_i*X_<i-1> + X_<i-1>\nX_1 = W_1*X_0",
            [["i-1 (fixed and learned weights)"], ["0"], ["L"]],
        ),
        (
            "X_i = sigmoid(U_i*X_<i-1>)*tanh(W_i*X_<i-1>) + X_<i-2>",
            [["i-1 (content weights)", "i-2"], ["L"]],
        ),
        (
            ATTENTION.format(depth=4) + "\noutput sum(k, 0, L, Y_k)",
            [["0..i-1 (content weights)"], ["0..L"]],
        ),
        (
            GROUPED,
            [
                ["i-1 and the ends of stages 0, 2, 4 (content weights)", "i-1"],
                ["i-1 and the ends of stages 0, 2, 4 (content weights)"],
                ["L"],
            ],
        ),
        (LONG.format(depth=4), [["i-1"], ["i-1", "L-i"], ["L"]]),
    ],
)
def test_what_is_said_of_a_group_of_blocks(
    text: str, expected: list[list[str]]
) -> None:
    stages = "" if "stages" in text else "stages 4 x 4\n"
    found = reads(formula(FRAME + stages + text), 4 + 2 * (text == GROUPED))
    assert [[read.text() for read in group.reads] for group in found] == expected


def test_what_vanishes_is_not_read() -> None:
    text = "X_i = W_i*X_<i-1> + W_<i-2>*X_<i-3> + V_<i-1>\nV_i = U_i*X_i\nV_0 = 0"
    text = f"stages 4 x 4\n{text}"
    assert exact(formula(FRAME + text), 4) == ((0,), (1,), (1, 2), (2, 3), (4,))


@pytest.mark.parametrize("score", ["dot(X_0, X_k)", "dot(X_k, X_k)", "dot(q_i, X_k)"])
def test_what_weighs_members_is_no_way_to_them(score: str) -> None:
    """What is weighed and what weighs it stand in one list, or in two."""
    text = f"X_i = sum(k, 0, i-1, softmax(k, {score})*X_k) + W_i*X_<i-1>"
    text = f"{FRAME}stages 4 x 3\nW = linear\n{text}\n"
    text += "vector q_i = 0.3" if "q_i" in score else ""
    law = written_out(formula(text), 3)
    # 1, 2 and 5 ways to the blocks, and from the last of them two.
    assert sum(Counter(law, 3).by_length()) == 1 + 2 + 5 + 5
