"""Numbers are shown as the file has them, wherever a coefficient is."""

from __future__ import annotations

import json

import pytest
import sympy

import recform
from recform.algebra.typeset import latex, plain, plain_scalar
from recform.algebra.written.decimals import Decimals, decimals_in

FRAME = "input 4 x 4 x 4\nstages 4 x 3\nscalar a_i = 1\nW = conv(1, c)\n"


def written(texts: list[str]) -> dict[sympy.Expr, str]:
    return dict(decimals_in(texts).written)


def test_which_numbers_are_decimals() -> None:
    found = written(["X_i = 0.5*X_<i-1> + 1e-3*X_<i-2> + .25*W_i*X_<i-1> - 2.0*X_0"])
    exact = {sympy.Rational(1, 2): "0.5", sympy.Rational(1, 1000): "1e-3"}
    assert found == {**exact, sympy.Rational(1, 4): ".25"}
    # What stands there as a fraction, too, stays one; names and indices are no numbers.
    assert written(["X_i = 0.5*X_<i-1> + 1/2*X_<i-2>"]) == {}
    assert written(["X_12 = x0.5 + e3*f1e5 + 7"]) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1/2", "0.5"),
        ("-1/2", "-0.5"),
        ("a/2", "0.5*a"),
        ("-a/2", "-0.5*a"),
        ("a/2 + 1/4", "0.5*a + 1/4"),
        ("sqrt(a)", "sqrt(a)"),
        ("1/3", "1/3"),
        ("2", "2"),
    ],
)
def test_a_coefficient_reads_back(value: str, text: str) -> None:
    number = sympy.sympify(value, locals={"a": sympy.Symbol("a", positive=True)})
    shown = plain_scalar(number, Decimals({sympy.Rational(1, 2): "0.5"}))
    assert shown == text
    back = sympy.sympify(shown, locals={"a": sympy.Symbol("a", positive=True)})
    assert sympy.nsimplify(back - number) == 0


def test_docstrings_pictures_and_latex_have_the_numbers_of_the_file() -> None:
    text = f"{FRAME}X_i = 0.5*X_<i-1> + 0.1*a_i*W_i*X_<i-1>\nX_1 = X_0 + 0.5*W_1*X_0\n"
    compiled = recform.compile(text)
    assert "X_1 = X_0 + 0.5*W_1*X_0" in compiled.source
    second = recform.compile(f"{FRAME}X_i = X_<i-1> + 0.1*a_i*W_i*X_<i-1> + 3*X_<i-2>")
    assert "X_1 = X_0 + 0.1*a_1*W_1*X_0" in second.source
    drawn = json.loads(compiled.picture("json", view="paths"))
    assert {edge["label"] for edge in drawn["edges"]} == {"", "0.5"}
    formula = compiled.formula
    (equation,) = formula.equations
    assert (
        plain(equation.right, formula.decimals) == "0.5*X_<i-1> + 0.1*a_i*W_i*X_<i-1>"
    )
    assert latex(equation.right, formula.decimals).startswith(
        r"0.5 \cdot X_{i-1} + 0.1 a_{i}"
    )


def test_constants_and_fractions() -> None:
    text = f"{FRAME}const h = 0.25\nX_i = X_<i-1> + h*W_i*X_<i-2>\n"
    assert "X_1 = X_0\n" in recform.compile(text).source
    source = recform.compile(f"{text}X_2 = X_1 + 1/4*W_2*X_1").source
    assert "X_2 = X_1 + 1/4*W_2*X_1" in source
    source = recform.compile(f"{text}X_2 = X_1 + h*W_2*X_1").source
    assert "X_2 = X_1 + 0.25*W_2*X_1" in source


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ("0.9*X_<i-1> + (1 - 0.9)*W_i*X_<i-1>", "0.1"),
        ("X_<i-1> + 0.3*0.3*W_i*X_<i-1>", "0.09"),
        ("X_<i-1> + 2.5*0.3*W_i*X_<i-1>", "0.75"),
        ("X_<i-1> + 0.5*(1 - 0.5)*W_i*X_<i-1>", "0.25"),
        ("X_<i-1> + 0.001*0.001*W_i*X_<i-1>", "0.000001"),
        ("X_<i-1> + 0.0001*0.001*W_i*X_<i-1>", "1/10000000"),  # digits without end
        ("0.9*X_<i-1> + (1 - 1/2)*W_i*X_<i-1>", "1/2"),  # of an author of fractions
        ("0.9*X_<i-1> + W_i*X_<i-1>/4", "1/4"),
        ("X_<i-1> + 3^(-1)*W_i*X_<i-1> + 0.5*X_<i-1>", "1/3"),
    ],
)
def test_what_is_reckoned_of_decimals_is_a_decimal(own: str, text: str) -> None:
    compiled = recform.compile(f"{FRAME}X_i = {own}")
    right = plain(compiled.formula.equations[0].right, compiled.formula.decimals)
    assert f" {text}*W_i*X_<i-1>" in right
