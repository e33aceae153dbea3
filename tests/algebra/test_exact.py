"""Numbers to very many digits: what is 0 is 0, what is none is none, and nothing runs over."""

from __future__ import annotations

import math

import pytest
import sympy

from recform.algebra.expr import I
from recform.blocks.exact import as_any_float, is_nothing, precise, runs_over
from tests.diagnostics.mistakes import mistakes

pi, log, sin, exp = sympy.pi, sympy.log, sympy.sin, sympy.exp


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (sympy.floor(sin(2 * pi * I / 3)), [0, -1, 0]),
        (sympy.ceiling(2 * sympy.cos(pi * I / 3)), [1, -1, -2]),
        (log(I) + log(3) - log(9), [math.log(1 / 3), math.log(2 / 3), 0]),
        (1 / sin(pi * I / 2), [1, math.nan, -1]),
        (sympy.sqrt(2 - I), [1, 0, math.nan]),
        (log(I - 1), [math.nan, 0, math.log(2)]),
        (exp(1000 * I) / exp(999 * I), [math.e**n for n in (1, 2, 3)]),
        (exp(10**7 * I), [math.inf] * 3),
        (1 / (1 + exp(-(10**9) * I)), [1, 1, 1]),
        (sympy.Integer(2) ** (2 ** (10 * I)), [math.inf] * 3),
        (sympy.Max(log(I) + log(3) - log(9), 0), [0, 0, 0]),
        (sympy.erf(I / 5), [math.erf(n / 5) for n in (1, 2, 3)]),
        (I + precise(0.5), [1.5, 2.5, 3.5]),
    ],
)
def test_numbers(value: sympy.Expr, numbers: list[float]) -> None:
    found = [as_any_float(value, {I: block}) for block in (1, 2, 3)]
    assert found == pytest.approx(numbers, rel=1e-14, abs=0, nan_ok=True)


def test_what_is_small_is_something() -> None:
    assert is_nothing(log(4) + log(2) - log(8))
    assert not is_nothing(exp(-700) * exp(-700))


def test_code_would_run_over() -> None:
    """Python works `2**2**40` out to the last digit."""
    value = sympy.Min(sympy.Integer(2) ** (2**I), sympy.sqrt(I))
    assert as_any_float(value, {I: 49}) == 7
    assert runs_over(value, {I: 49})
    assert not runs_over(value, {I: 4})


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("1/(log(4) + log(2) - log(8))", "this divides by zero"),
        ("exp(700)*exp(700)", "this number is out of all reason"),
        ("(log(4) + log(2) - log(8))^(-1)", "this divides by zero"),
    ],
)
def test_numbers_of_the_whole_network(number: str, said: str) -> None:
    for place in (f"leaky_relu({number})", f"tanh\nconst k = {number}"):
        scaled = "k*" if "const" in place else ""
        found = mistakes(f"W = linear > {place}\nX_i = X_<i-1> + {scaled}W_i*X_<i-1>")
        assert said in found[0].message
