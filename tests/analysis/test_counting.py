"""Numbers of paths, against the enumeration of every path of small networks.

The enumeration knows nothing of recform: the networks are written down once more, as
terms (sign, operators that a path passes, tensor that it comes from).
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recform.analysis.paths import counting, packed
from recform.analysis.paths.counting import Counter
from recform.analysis.paths.through import through
from recform.linear.model import STEM, Linear, Source
from recform.series.places import At
from tests.linear.test_linear import linear

Paths = list[tuple[int, tuple[str, ...]]]
Terms = Callable[[str, int, int], list[tuple[int, list[str], str, int]]]


def enumerated(terms: Terms, outputs: list[str], depth: int) -> Paths:
    """Every path from the input to the output: its sign and what it passes."""

    def walk(name: str, block: int) -> Paths:
        if block < 0:
            return []
        if block == 0:
            return [(1, ())]
        return [
            (sign * other, (*passed, *rest))
            for sign, passed, source, before in terms(name, block, depth)
            for other, rest in walk(source, before)
        ]

    return [path for name in outputs for path in walk(name, depth)]


def residual(name: str, i: int, depth: int) -> list[tuple[int, list[str], str, int]]:
    return [(1, [], "X", i - 1), (1, [f"W{i}"], "X", i - 1)]


def eq20(name: str, i: int, depth: int) -> list[tuple[int, list[str], str, int]]:
    older = [(-1, [f"W{i - 1}"], "X", i - 2)] if i > 1 else []
    return [*residual(name, i, depth), *older]


def a41(name: str, i: int, depth: int) -> list[tuple[int, list[str], str, int]]:
    return [(1, [f"W{i}"], "X", i - 1), (1, [], "X", i - 2)]


def a42(name: str, i: int, depth: int) -> list[tuple[int, list[str], str, int]]:
    older = [(1, [f"W{i - 1}"], "X", i - 2)] if i > 1 else []
    return [(1, [f"W{i}"], "X", i - 1), *older]


def revnet(name: str, i: int, depth: int) -> list[tuple[int, list[str], str, int]]:
    if name == "A":
        return [(1, [], "A", i - 1), (1, [f"F{i}"], "B", i - 1)]
    return [(1, [], "B", i - 1), (1, [f"G{i}"], "A", i)]


def dense(name: str, i: int, depth: int) -> list[tuple[int, list[str], str, int]]:
    if name == "output":
        return [(1, [], "X", k) for k in range(depth + 1)]
    return [(1, [f"W{i}"], "X", k) for k in range(i)]


REVNET = (
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
    "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)"
)
NETWORKS: dict[str, tuple[str, Terms, list[str]]] = {
    "ResNet": ("X_i = (1+W_i)*X_<i-1>", residual, ["X"]),
    "Eq. (20)": ("X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>", eq20, ["X"]),
    "A.4.1": ("X_i = W_i*X_<i-1> + X_<i-2>", a41, ["X"]),
    "A.4.2": ("X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>", a42, ["X"]),
    "RevNet": (REVNET, revnet, ["A", "B"]),
    "DenseNet": (
        "X_i = W_i*concat(X_<0..i-1>)\noutput concat(X_<0..L>)",
        dense,
        ["output"],
    ),
}


def tally(paths: Paths, signed: bool) -> tuple[int, ...]:
    longest = max((len(passed) for _, passed in paths), default=-1)
    counts = [0] * (longest + 1)
    for sign, passed in paths:
        counts[len(passed)] += sign if signed else 1
    while counts and not counts[-1]:
        counts.pop()
    return tuple(counts)


def of(name: str) -> Linear:
    return linear("stages 8 x 6\n" + NETWORKS[name][0], activations=False)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_path(name: str, signed: bool) -> None:
    _, terms, outputs = NETWORKS[name]
    made = of(name)
    for depth in range(1, 8):
        paths = enumerated(terms, outputs, depth)
        counter = Counter(made, depth, signed)
        assert counter.by_length() == tally(paths, signed)
        assert counter.total() == sum(tally(paths, signed))


@pytest.mark.parametrize("name", ["ResNet", "Eq. (20)", "A.4.1", "RevNet"])
def test_paths_without_a_block(name: str) -> None:
    _, terms, outputs = NETWORKS[name]
    paths = enumerated(terms, outputs, 6)
    for block in range(1, 7):
        left = [p for p in paths if not any(w[1:] == str(block) for w in p[1])]
        found = Counter(of(name), 6, True, without=(block,)).by_length()
        assert found == tally(left, True)


def test_the_papers_numbers() -> None:
    assert Counter(of("ResNet"), 40).by_length() == tuple(
        comb(40, k) for k in range(41)
    )
    assert Counter(of("Eq. (20)"), 40).by_length() == (1,) * 41


def test_from_a_block_in_the_middle() -> None:
    for start in range(6):
        origin = Source("X", At("0", start))
        found = Counter(of("ResNet"), 6).by_length(origin)
        assert found == tuple(comb(6 - start, k) for k in range(7 - start))
        assert Counter(of("Eq. (20)"), 6).by_length(origin) == (1,) * (7 - start)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_powers_are_steps(
    name: str, signed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = of(name)
    fast = Counter(made, 160, signed).by_length()
    monkeypatch.setattr(counting, "_FAR", 10**9)
    assert Counter(made, 160, signed).by_length() == fast


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_decimals_count_like_integers(
    name: str, signed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without gmpy2 large polynomials are packed at a power of ten."""
    made = of(name)
    expected = Counter(made, 300, signed).by_length()
    monkeypatch.setattr(packed, "GROUND_TYPES", "python")
    monkeypatch.setattr(packed, "_LARGE_BITS", 0)
    assert Counter(made, 300, signed).by_length() == expected


TERMS = st.lists(
    st.tuples(
        st.sampled_from([-2, -1, 1, 1, 1, 3]),
        st.sampled_from(["", "W_i*", "U_i*", "W_i*U_i*", "W_<i-1>*"]),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=4,
)


@given(TERMS, st.integers(4, 6))
def test_random_recurrences(terms: list[tuple[int, str, int]], depth: int) -> None:
    """Counts against the words that are left when all is multiplied out."""
    text = " + ".join(f"({c})*{word}X_<i-{lag}>" for c, word, lag in terms)
    made = linear(f"stages 8 x 6\nX_i = W_i*X_<i-1> + {text}\nX_0 = input")

    def sums(signed: bool) -> tuple[int, ...]:
        counts = {}

        def walk(block: int, sign: int, length: int) -> None:
            if block == 0:
                counts[length] = counts.get(length, 0) + sign
            if block <= 0:
                return
            merged: dict[tuple[str, int], int] = {("W_i*", 1): 1}
            for c, word, lag in terms:
                merged[word, lag] = merged.get((word, lag), 0) + c
            for (word, lag), c in merged.items():
                if word == "W_<i-1>*" and block == 1:
                    continue
                factor = c if signed else abs(c)
                walk(block - lag, sign * factor, length + word.count("_"))

        walk(depth, 1, 0)
        longest = max((n for n, c in counts.items() if c), default=-1)
        return tuple(counts.get(n, 0) for n in range(longest + 1))

    for signed in (True, False):
        assert Counter(made, depth, signed).by_length() == sums(signed)


def test_a_weight_is_one_path() -> None:
    made = linear("stages 8 x 6\nX_i = 0.5*X_<i-1> - 0.25*W_i*X_<i-1>")
    assert Counter(made, 2).by_length() == (1, -2, 1)
    assert Counter(made, 2, signed=False).by_length() == (1, 2, 1)


def test_nothing_arrives() -> None:
    made = linear("stages 8 x 6\nX_i = W_i*X_<i-2> + 0*X_<i-1>\nX_1 = X_0")
    assert Counter(made, 5, without=(1, 2, 3, 4, 5)).by_length(STEM) == ()


@pytest.mark.parametrize("length", [6, 300])
def test_signs_that_change_from_block_to_block(length: int) -> None:
    made = linear("stages 8 x 6\nX_i = X_<i-1> + (-1)^i*W_i*X_<i-1>")
    # (1 - x)(1 + x) for every two blocks.
    half = [(-1) ** k * comb(length // 2, k) for k in range(length // 2 + 1)]
    expected = [half[k // 2] if k % 2 == 0 else 0 for k in range(length + 1)]
    assert list(Counter(made, length).by_length()) == expected
    unsigned = Counter(made, length, signed=False)
    assert list(unsigned.by_length()) == [comb(length, k) for k in range(length + 1)]
    assert Counter(made, length).subtracts


def test_numbers_that_depend_on_the_block_are_what_they_are_there() -> None:
    made = linear("stages 8 x 4\nX_i = X_<i-1> + (3 - i)*W_i*X_<i-1>")
    expected = [1]
    for weight in (2, 1, 0, -1):
        padded, moved = [*expected, 0], [0, *expected]
        expected = [n + weight * m for n, m in zip(padded, moved, strict=True)]
    assert list(Counter(made, 4).by_length()) == expected[:4]  # none passes all four
    # A weight that is no whole number is a weight on one path.
    made = linear("stages 8 x 4\nX_i = X_<i-1> + W_i*X_<i-1>/(i + 1)")
    assert Counter(made, 200).by_length() == tuple(comb(200, k) for k in range(201))


@pytest.mark.parametrize("number", [3, 7])
def test_numbers_of_paths_that_no_float_holds(number: int) -> None:
    """``3^i`` parallel paths in block i: exact where floats have too few digits."""
    made = linear(f"stages 4 x 40\nX_i = {number}^i*W_i*X_<i-1>")
    expected = number ** sum(range(1, 41))
    assert Counter(made, 40).by_length() == (0,) * 40 + (expected,)


POLYNOMIALS = st.lists(
    st.lists(st.integers(-(10**30), 10**30), max_size=7), min_size=1, max_size=4
)


@given(POLYNOMIALS, st.booleans())
def test_products_of_polynomials(factors: list[list[int]], decimals: bool) -> None:
    expected = [1]
    for factor in factors:
        made = [0] * (len(expected) + len(factor))
        for k, n in enumerate(expected):
            for m, other in enumerate(factor):
                made[k + m] += n * other
        expected = made
    while expected and not expected[-1]:
        expected.pop()
    with pytest.MonkeyPatch.context() as patch:
        if decimals:
            patch.setattr(packed, "GROUND_TYPES", "python")
            patch.setattr(packed, "_LARGE_BITS", 0)
        assert list(packed.product(factors)) == expected


@given(TERMS, TERMS, st.integers(0, 2))
def test_paths_through_a_block_are_those_that_are_not_left_without_it(
    terms: list[tuple[int, str, int]], output: list[tuple[int, str, int]], origin: int
) -> None:
    right, last = (
        " + ".join(f"({c})*{word}X_<i-{lag}>" for c, word, lag in some)
        for some in (terms, output)
    )
    made = linear(
        f"stages 8 x 6\nX_i = W_i*X_<i-1> + {right} - W_i*W_<i-1>*X_<i-2>\n"
        f"X_3 = W_3*X_2 + U_1*W_1*X_0\nY_i = W_i*X_i + {last}\noutput Y_L"
    )
    source = Source("X", At("0", origin)) if origin else STEM
    for signed in (True, False):
        counter = Counter(made, 6, signed)
        net = counter.by_length(source)
        columns = []
        for block in range(origin + 1, 7):
            left = Counter(made, 6, signed, (block,)).by_length(source)
            columns.append(
                [n - dict(enumerate(left)).get(k, 0) for k, n in enumerate(net)]
            )
        assert through(counter, source, net) == tuple(zip(*columns, strict=True))
