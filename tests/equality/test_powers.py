"""Formulas with reciprocals, roots, exponentials and logarithms are compared."""

from __future__ import annotations

import re

import pytest
import sympy

from recform.blocks import Function
from recform.equality.counterexample.example import example
from recform.equality.laws import function, multiplied, together
from recform.equality.terms import ONE, Atoms, plus
from recform.equality.verdict import ANY, DIFFERENT, OPEN
from tests.equality.test_equiv import formula, verdict
from tests.thinned import thinned

#: With p and q, two tensors of a block, and learned scalars a, b.
EQUAL = [
    # Exponentials.
    ("exp(p)*exp(q)", "exp(p + q)"),
    ("exp(p)^2*exp(-2*p)*q", "q"),
    ("log(exp(p)) + exp(log(q))", "p + q"),
    ("log(1 + exp(p))", "softplus(p)"),
    ("log(exp(p) + exp(q))", "p + softplus(q - p)"),
    ("softplus(p) - softplus(-p)", "p"),
    ("log(sigmoid(p))", "-softplus(-p)"),
    ("log(1 - sigmoid(p))", "-softplus(p)"),
    ("exp(-softplus(p))", "sigmoid(-p)"),
    # What is below a line.
    ("p/(1 + exp(-p))", "silu(p)"),
    ("1/(2 + 2*exp(p))", "sigmoid(-p)/2"),
    ("exp(p)/(exp(p) + exp(q))", "sigmoid(p - q)"),
    ("(exp(p) - exp(-p))/(exp(p) + exp(-p))", "tanh(p)"),
    (
        "exp(p)/(exp(p) + exp(q) + exp(2*q))",
        "1/(1 + exp(q - p) + exp(2*q - p))",
    ),
    ("1/(2 + exp(-p))", "exp(p)/(1 + 2*exp(p))"),
    ("p/(1 + q^2) + p*q^2/(1 + q^2)", "p"),
    ("p/(-2*q)", "-p/q/2"),
    ("p*q/q", "p"),
    ("q/(1/p)", "p*q"),
    ("p/(q*(p + q))", "p/q/(p + q)"),
    ("1/sigmoid(p)", "1 + exp(-p)"),
    ("1/sigmoid(-p)", "1 + exp(p)"),
    ("q/(2*sigmoid(p) - 2)", "-q/2 - q*exp(p)/2"),
    ("p/norm(q)/norm(q)", "p/norm(q)^2"),
    ("p/(1 + abs(q))", "p/max(1 + q, 1 - q)"),
    # Roots.
    ("sqrt(p^2)", "abs(p)"),
    ("sqrt((sin(p) + cos(q))^2)", "abs(sin(p) + cos(q))"),
    ("sqrt(4*q)", "2*sqrt(q)"),
    ("sqrt(q/3)", "sqrt(3*q)/3"),
    ("sqrt(p)*sqrt(p)*q", "p*q"),
    ("p/sqrt(q)", "p*q^(-1/2)"),
    ("relu(1 + (sin(p) + cos(q))^2)", "1 + (sin(p) + cos(q))^2"),
    ("sqrt(1/q)*q", "sqrt(q)"),
    ("q^(3/2)", "q*sqrt(q)"),
    ("log(sqrt(q))", "log(q)/2"),
    ("sqrt(exp(2*p))", "exp(p)"),
    # Sine and cosine.
    ("sin(-p) + cos(-q)", "cos(q) - sin(p)"),
    ("q*sin(p)^2 + q*cos(p)^2", "q"),
    # Learned scalars.
    ("exp(a_i)/(exp(a_i) + exp(b_i))*p + q", "sigmoid(a_i - b_i)*p + q"),
    ("exp(b_i)/(exp(a_i) + exp(b_i))*p + q", "(1 - sigmoid(a_i - b_i))*p + q"),
    ("tanh(a_i)*p + q", "(2*sigmoid(2*a_i) - 1)*p + q"),
    ("(exp(a_i) - exp(-a_i))/(exp(a_i) + exp(-a_i))*p + q", "tanh(a_i)*p + q"),
    ("1/(2 + exp(-a_i))*p + q", "exp(a_i)/(2*exp(a_i) + 1)*p + q"),
    ("(exp(a_i) + 1)*(exp(b_i) + 1)*p", "(1 + exp(a_i) + exp(b_i) + exp(a_i + b_i))*p"),
    ("sin(a_i)^2*p + cos(a_i)^2*p", "p"),
    ("p/(1 - sigmoid(a_i)) + q", "p*(1 + exp(a_i)) + q"),
    ("sigmoid(a_i)*(1 - sigmoid(a_i))*p + q", "exp(a_i)/(1 + exp(a_i))^2*p + q"),
    ("softplus(a_i)*p + q", "a_i*p + softplus(-a_i)*p + q"),
    ("(log(3*exp(a_i)) - log(3))*p", "a_i*p"),
    ("max(a_i, b_i)*p", "(a_i + b_i + abs(a_i - b_i))/2*p"),
    ("a_i/abs(a_i)*p", "abs(a_i)/a_i*p"),
    ("sqrt(a_i^2*b_i^2)*p", "abs(a_i*b_i)*p"),
    ("p/(a_i + b_i)", "(a_i - b_i)/(a_i^2 - b_i^2)*p"),
    ("1/(1/a_i + 1/b_i)*p", "a_i*b_i/(a_i + b_i)*p"),
    (
        "exp(a_i)/(exp(a_i) + exp(b_i) + exp(2*b_i))*p",
        "p/(1 + exp(b_i - a_i) + exp(2*b_i - a_i))",
    ),
    ("2^i*p/2 + sqrt(i/L)*q", "2^(i-1)*p + sqrt(i)/sqrt(L)*q"),
    # Sums below a line are taken apart, and lines below it are multiplied with.
    ("(p - q)/(p^2 - q^2)", "1/(p + q)"),
    ("p/(q + 1)", "p*(q - 1)/(q^2 - 1)"),
    ("1/(1/p + 1/q)", "p*q/(p + q)"),
    ("p/(q*(p + q))", "1/q - 1/(p + q)"),
    # Sizes.
    ("sqrt(p^2*q^2)", "abs(p)*abs(q)"),
    ("abs(p)*abs(q)", "abs(p*q)"),
    ("sqrt(p^2 + 2*p*q + q^2)", "abs(p + q)"),
    ("exp(log(p)/2)", "sqrt(p)"),
    ("exp(-3*log(p)/2)*q", "p^(-3/2)*q"),
    ("log(3*p) - log(3)", "log(p)"),
]
#: Near to a law, and not one.
DIFFERENT_ONES = [
    ("sqrt(p^2)", "p"),
    ("exp(p)*exp(q)", "exp(p) + exp(q)"),
    ("exp(p)/(exp(p) + exp(q))", "sigmoid(q - p)"),
    ("exp(p)/(exp(p) + 2*exp(q))", "sigmoid(p - q)"),
    ("log(1 + exp(p))", "softplus(-p)"),
    ("p/(1 + q^2) + p*q^2/(1 + q)", "p"),
    ("sin(-p)", "sin(p)"),
    ("exp(a_i)/(exp(a_i) + exp(b_i))*p + q", "sigmoid(b_i - a_i)*p + q"),
    ("tanh(a_i)*p + q", "(2*sigmoid(a_i) - 1)*p + q"),
    ("p/(a_i + b_i)", "(a_i - b_i)/(a_i^2 + b_i^2)*p"),
    ("(p - q)/(p^2 - q^2)", "1/(p - q)"),
    ("1/(1/p + 1/q)", "p + q"),
    ("abs(p)*abs(q)", "p*q"),
    ("sqrt(p^2 + 2*p*q + 2*q^2)", "abs(p + q)"),
    ("sin(a_i)^2*p - cos(a_i)^2*p", "p"),
    ("2^i*p", "2^(i-1)*p"),
]


START = "scalar a_i = 0.3\nscalar b_i = -0.2\n"
PLACES = {"p": "(W_i*X_<i-1>)", "q": "X_<i-1>"}


def written(text: str) -> str:
    """A file, with the tensors in the places of p and q."""
    right = re.sub(r"\b[pq]\b", lambda found: PLACES[found[0]], text)
    return f"{START if 'a_i' in text else ''}X_i = U_i*X_<i-1> + {right}"


@pytest.mark.parametrize("pair", thinned(EQUAL, 2, " = ".join))
def test_equal(pair: tuple[str, str]) -> None:
    texts = written(pair[0]), written(pair[1])
    assert verdict(*texts).answer == ANY
    formulas = formula(texts[0]), formula(texts[1])
    for depth in (1, 2):
        assert example(formulas, depth, linear=False) is None


@pytest.mark.parametrize(("left", "right"), DIFFERENT_ONES)
def test_different(left: str, right: str) -> None:
    assert verdict(written(left), written(right)).answer == DIFFERENT


def test_a_root_of_a_product_may_be_of_two_negative_numbers() -> None:
    """Where the square is zero, what stands beside it may have no root."""
    assert verdict(written("sqrt(p)*sqrt(q)"), written("sqrt(p*q)")).answer == OPEN
    left, right = "sqrt((p + q)^2*(p + 2*q))", "abs(p + q)*sqrt(p + 2*q)"
    assert verdict(written(left), written(right)).answer == OPEN


def test_a_product_in_a_logarithm_may_be_of_two_negative_numbers() -> None:
    assert verdict(written("log(p*q)"), written("log(p) + log(q)")).answer == OPEN
    assert verdict(written("log(exp(p)*q)"), written("p + log(q)")).answer == ANY


def test_what_has_to_have_a_value_is_said() -> None:
    said = "a value wherever"
    for left, right in (
        ("p*q/q", "p"),
        ("sqrt(p)^2", "p"),
        ("p + log(q) - log(q)", "p"),
    ):
        assert any(
            said in note for note in verdict(written(left), written(right)).notes
        )
    assert not any(
        said in note for note in verdict(written("p"), written("2*p - p")).notes
    )


def test_a_product_that_is_zero_needs_no_value() -> None:
    """Where the first factor is zero, the logarithm of the second formula has no value."""
    atoms = Atoms()
    x = atoms.value("x")
    rectified = together(atoms, "max", [x, {}])
    log = Function("log(x)")
    left, right = (
        multiplied(
            atoms, rectified, function(atoms, log, plus({ONE: sympy.S.One}, inner))
        )
        for inner in (rectified, x)
    )
    assert left != right
