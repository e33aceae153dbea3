"""Sigmoids and softpluses are written as the words that they are."""

from __future__ import annotations

import pytest
import sympy

import recform
from recform.algebra.expr import Learned, Scaled
from recform.algebra.typeset import latex_scalar, plain_scalar

FRAME = "input 4\nstages 4 x 3\nscalar d_i = 1\nX_i = X_<i-1> + {number}*W_i*X_<i-1>"
NUMBERS = [
    "sigmoid(d_i)",
    "softplus(d_i)",
    "sigmoid(-d_i)",
    "sigmoid(d_i - 2)",
    "softplus(2*d_i)",
    "softplus(i - 2)",
    "sigmoid(i - L - 1)",
    "exp(softplus(d_i))",
    "tanh(d_i)",
    "sigmoid(sigmoid(d_i))",
    "log(exp(d_i) + 2)",
    "1/(2 + exp(-d_i))",
]


def coefficient(text: str) -> sympy.Expr:
    right = recform.compile(text).formula.equations[0].right
    (found,) = (item.coefficient for item in right.atoms(Scaled))
    return found


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_written_is_read_as_the_same(number: str) -> None:
    value = coefficient(FRAME.format(number=number))
    again = plain_scalar(value)
    # A factor beside it stays what it is.
    other = coefficient(FRAME.format(number=f"({again})"))
    at = {item: sympy.Rational(1, 3) for item in value.atoms(Learned)}
    at |= {symbol: sympy.Integer(5) for symbol in value.free_symbols}
    assert abs(sympy.N((value - other).xreplace(at), 30)) < 1e-20


@pytest.mark.parametrize(
    ("number", "plain", "tex"),
    [
        ("sigmoid(d_i)", "sigmoid(d_i)", r"\operatorname{sigmoid}\left(d_{i}\right)"),
        (
            "softplus(i - 2)",
            "softplus(i - 2)",
            r"\operatorname{softplus}\left(i - 2\right)",
        ),
        (
            "sigmoid(d_i)^2",
            "sigmoid(d_i)^2",
            r"\operatorname{sigmoid}^{2}\left(d_{i}\right)",
        ),
    ],
)
def test_the_words(number: str, plain: str, tex: str) -> None:
    value = coefficient(FRAME.format(number=number))
    assert (plain_scalar(value), latex_scalar(value)) == (plain, tex)
