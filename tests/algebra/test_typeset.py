"""Names and numbers as text."""

from __future__ import annotations

import pytest

from recform.algebra.typeset import latex, latex_name, plain
from recform.compiler import compile_source, from_text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("W", "W"),
        ("alpha", r"\alpha"),
        ("Gamma", r"\Gamma"),
        ("conv", r"\mathrm{conv}"),
        ("x2", r"\mathrm{x2}"),
    ],
)
def test_names_as_latex(name: str, expected: str) -> None:
    assert latex_name(name) == expected


def test_powers_are_printed_as_the_language_has_them() -> None:
    text = "scalar alpha_i = 0.5\nX_i = X_<i-1> + alpha_i^2/2*(-1)^i*W_i*X_<i-1>"
    (equation,) = compile_source(from_text(text))[0].formula.equations
    shown = plain(equation.right)
    assert shown == "X_<i-1> + (-1)^i*alpha_i^2/2*W_i*X_<i-1>"
    # It reads back as the same formula.
    again = compile_source(from_text(f"scalar alpha_i = 0.5\nX_i = {shown}"))[0]
    assert again.formula.equations[0].right == equation.right
    assert r"\frac{\left(-1\right)^{i} \alpha_{i}^{2}}{2}" in latex(equation.right)


@pytest.mark.parametrize(
    "number",
    ["abs(i-5)", "max(i-3, 0)", "min(i, L/2, 7)", "ceil(i/3)", "floor(i/2)", "e*i"],
)
def test_functions_of_numbers_have_their_names_in_the_language(number: str) -> None:
    (equation,) = compile_source(from_text(f"X_i = {number}*W_i*X_<i-1> + X_<i-1>"))[
        0
    ].formula.equations
    shown = plain(equation.right)
    again = compile_source(from_text(f"X_i = {shown}"))[0]
    assert again.formula.equations[0].right == equation.right


def test_a_function_with_an_underscore_has_no_index() -> None:
    text = "X_i = leaky_relu(X_<i-1>)"
    (equation,) = compile_source(from_text(text))[0].formula.equations
    assert latex(equation.right) == r"\operatorname{leaky\_relu}\left(X_{i-1}\right)"


def test_a_product_of_tensors_is_no_operator_in_latex() -> None:
    head = "stages 8 x 2\nX_i = "
    right = "X_<i-1> + W_i*(G_i*X_<i-1>*(U_i*X_<i-1>))"
    (equation,) = compile_source(from_text(head + right))[0].formula.equations
    shown = latex(equation.right)
    assert shown == (
        r"X_{i-1} + W_{i} \cdot \left(G_{i} \cdot X_{i-1} \odot U_{i} \cdot X_{i-1}\right)"
    )
    again = compile_source(from_text(head + shown))[0]
    assert again.formula.equations[0].right == equation.right
