"""Weights of single members of sums over depth, as SymPy fills them in."""

from __future__ import annotations

import pytest
import sympy

from recform.algebra.expr import I, K, L, Learned
from recform.blocks.symbolic import Symbolic
from recform.linear.members import weight_of
from tests.counted import calls

A, G, H = Learned("a", I), Learned("g", I, K), Learned("h", I, K)
#: One of a member by its number, which another one may be.
THIRD = Learned("g", I, sympy.Integer(3))


def gate(value: Symbolic) -> Symbolic:
    return 1 / (1 + sympy.exp(-value))


WEIGHTS = [
    G,
    A * gate(G) * H,
    gate(2 * G - A) + gate(H) - 1,
    (G - H) / (G + H) ** 2,
    sympy.sqrt(1 + G**2) * I / L,
    G * THIRD,
    gate(G) - gate(THIRD),
    K * G,
    sympy.Max(G, A),
    sympy.tanh(G) / (K + 1),
]


@pytest.mark.parametrize("weight", WEIGHTS, ids=str)
def test_the_weight_of_a_member(weight: Symbolic) -> None:
    for number in (0, 3, 11):
        wanted = weight.xreplace({K: sympy.Integer(number)})
        assert weight_of(weight, number) == wanted
        assert str(weight_of(weight, number)) == str(wanted)


def test_nothing_is_asked_of_gates() -> None:
    """SymPy looks for whether ``exp(-g)`` is infinite: a millisecond for each."""
    weight_of(gate(G), 0)
    assert calls(lambda: [weight_of(gate(G), n) for n in range(100, 200)]) < 100 * 1_000
