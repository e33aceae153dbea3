"""Expressions as functions of whole numbers: to the last digit what they are exactly."""

from __future__ import annotations

from itertools import product

import pytest
import sympy

from recform.algebra.expr import I, K, L
from recform.blocks.exact import as_float, reckoning
from recform.blocks.symbolic import Symbolic
from tests.counted import calls

VALUES = [
    (K - I) / L,
    sympy.Rational(1, 7) + (K - I) / (3 * L),
    1 / (I - 1),
    1 / (1 + 1 / (I - 1)),
    (I - 1) / (K - 3) / (L - 2),
    10**400 * I / L,
    I / (L * 3**700),
    sympy.Float("0.1", 400) * K,
    sympy.sqrt(2) * K / I,
    sympy.exp(K - I),
    sympy.floor(I / 2) + sympy.Max(I, K),
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_what_is_reckoned(value: Symbolic) -> None:
    reckoned = reckoning(value, (I, L, K))

    def exact(block: int, length: int, member: int) -> float:
        return as_float(value, {I: block, L: length, K: member})

    for at in product((1, 2, 5), (1, 2, 9), (-1, 0, 3, 5)):
        results = []
        for function in (reckoned, exact):
            try:
                results.append(function(*at).hex())
            except (OverflowError, TypeError) as error:
                results.append(type(error).__name__)
        assert results[0] == results[1]


def test_fractions_are_no_work() -> None:
    """A thousand blocks with a start for each older one are half a million of them."""
    reckoned = reckoning((K - I) / L, (I, L, K))
    assert calls(lambda: [reckoned(1000, 1000, k) for k in range(500)]) < 500 * 3
