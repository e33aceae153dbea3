"""Floats with a bound of what they are off: each is what the number is to very many digits."""

from __future__ import annotations

from math import exp, isclose, sqrt

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from recform.algebra.expr import I, K, L
from recform.algebra.stable import Sigmoid, Softplus, log1p
from recform.algebra.written.starts import MemberStarts
from recform.blocks.exact import as_any_float
from recform.blocks.rounding import nearly
from recform.blocks.symbolic import Symbolic
from tests.counted import calls

PLACES = [(1, 0), (2, 1), (3, 0), (7, 4), (40, 39), (40, 2), (999, 3)]
TENTH = sympy.Float("0.1", 400)
#: What SymPy does not see.
ZERO = sympy.sin(1000 * sympy.pi * (I - K) / L)


def check(value: Symbolic, places: list[tuple[int, int]]) -> int:
    """How many numbers are known; each of them is right."""
    made, known = nearly(value, (I, L, K)), 0
    for block, member in places:
        found = made(block, 1000, member)
        if found is None:
            continue
        known += 1
        exact = as_any_float(value, {I: block, L: 1000, K: member})
        assert isclose(found, exact, rel_tol=1e-10, abs_tol=1e-290), (
            value,
            block,
            member,
        )
    return known


@pytest.mark.parametrize(
    "value",
    [
        sympy.exp((K - I) / L),
        sympy.sqrt(K + 1) / I,
        sympy.Rational(-9, 10) ** (I - K),
        (-I) ** (K - 3),
        2 ** (-TENTH * K),
        3 * sympy.exp(-1000 * I * K),
        Sigmoid(TENTH * (I - K)) + Softplus(K - I) - log1p(I),
        sympy.pi * sympy.exp(1) * sympy.tanh(K / I) + sympy.cos(I * K),
        sympy.floor(sympy.sqrt(2) * I) + sympy.ceiling(K + TENTH) + abs(K - 3),
        sympy.Max(K, TENTH, sympy.sqrt(I)) - sympy.Min(0, K - I, evaluate=False),
        I * K + 3 * L - 2**70,
    ],
    ids=str,
)
def test_what_is_known(value: Symbolic) -> None:
    assert check(value, PLACES) == len(PLACES)


@pytest.mark.parametrize(
    "value",
    [
        ZERO,  # floats leave a little
        sympy.floor(ZERO),
        sympy.floor(sympy.tanh(40 * I)),
        sympy.log(1 + ZERO) + ZERO / I,
        sympy.exp(800 + K) * sympy.exp(-I - 800),  # runs over, and comes back
        sympy.exp(-800 - K) * sympy.exp(800 + I),
        sympy.Min(2 ** (2 ** (I + 10)), 1, evaluate=False),
        sympy.sin(10**20 * I),
        sympy.sqrt(K - I),
        (-2) ** (K + TENTH),
        sympy.log(K - I),
        1 / ZERO,
        (sympy.exp(-40 * L) + sympy.sqrt(I)) ** 2 - I,
        sympy.zeta(I + 1),  # there is no rule for it
        sympy.Integer(10) ** 400 / sympy.sqrt(I),
    ],
    ids=str,
)
def test_what_is_not(value: Symbolic) -> None:
    assert check(value, PLACES) == 0


LEAVES = st.sampled_from(
    [I, K, L, sympy.pi, TENTH, *map(sympy.Rational, (2, -3, "1/3"))]
)
ONE = [sympy.exp, sympy.sin, sympy.tanh, Sigmoid, Softplus, sympy.floor, abs]
TWO = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - b,
    lambda a, b: sympy.Max(a, b, evaluate=False),
    lambda a, b: abs(a) ** (b / 100),
]
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda f, a: f(a), st.sampled_from(ONE), inner),
        st.builds(lambda f, a, b: f(a, b), st.sampled_from(TWO), inner, inner),
    ),
    max_leaves=6,
)


@given(VALUES)
@settings(max_examples=60)
def test_what_is_drawn(value: Symbolic) -> None:
    if not sympy.sympify(value).has(sympy.zoo, sympy.oo, sympy.nan, sympy.I):
        check(value, PLACES[1:5])


START = sympy.exp((K - I) / L) + sympy.sqrt(K + 1)


def start(block: int, member: int) -> float:
    return exp((member - block) / 1000) + sqrt(member + 1)


def test_starts_of_members() -> None:
    """Those that are their own are; a zero is worked out to very many digits."""
    starts = MemberStarts(START, ((I - 1, sympy.pi),), last=I - 1)
    *early, own = starts.numbers(1000, 1000, 1000)
    assert own == float(sympy.pi)
    assert all(isclose(n, start(1000, k), rel_tol=1e-10) for k, n in enumerate(early))
    zeros = MemberStarts(ZERO * sympy.sqrt(I * K), ())
    assert zeros.numbers(5, 1000, 3) == [0, 0, 0]


@pytest.mark.parametrize(
    ("value", "many"),
    [
        (START, 60),
        (sympy.exp(-((I - K) ** 2)), 600),
    ],  # of the second most are no floats
)
def test_starts_are_no_work(value: Symbolic, many: int) -> None:
    """A thousand blocks with a start for each older one are half a million of them.

    To very many digits, one is some hundred calls.
    """
    starts, blocks = MemberStarts(value, (), last=I - 1), range(100, 1000, 100)
    count = calls(lambda: [starts.numbers(block, 1000, block) for block in blocks])
    assert count < 6 * sum(blocks)
