"""Characteristic polynomials against numbers; variances against all words and samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
import torch

from recform.analysis.moments import moments
from recform.analysis.propagate import propagate
from recform.analysis.stability import companion, stability
from recform.analysis.words import START, Polynomial
from recform.diagnostics import Diagnostics
from tests.analysis.test_linear import linear

FLAT = "stages 8 x 6\n"
FORMS = {
    "X_i = W_i*X_<i-1>": "z - w",
    "X_i = (1+W_i)*X_<i-1>": "z - w - 1",
    "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>": "(z - w)*(z - 1)",
    "X_i = W_i*X_<i-1> + X_<i-2>": "z^2 - w*z - 1",
    "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>": "z^2 - w*z - w",
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
    "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)": "z^2 + (-f*g - 2)*z + 1",
}


@pytest.mark.parametrize("text", FORMS)
def test_characteristic_polynomial(text: str) -> None:
    made = linear(FLAT + text, activations=False)
    found = stability(made)
    assert found.polynomial == FORMS[text]
    # Its roots are the eigenvalues of the step of equal blocks.
    values = {"w": 0.3, "f": -0.4, "g": 0.7}

    def number(polynomial: Polynomial) -> float:
        return sum(
            float(c) * math.prod(values[letter.name.lower()] for letter in word)
            for word, c in polynomial.terms.items()
        )

    step = np.array(companion(made, number).tolist(), dtype=float)
    expression = sympy.sympify(found.polynomial.replace("^", "**"))
    roots = sympy.Poly(expression.subs(values), sympy.Symbol("z")).nroots()
    ours = sorted((complex(root) for root in roots), key=lambda z: (z.real, z.imag))
    theirs = sorted(np.linalg.eigvals(step), key=lambda z: (z.real, z.imag))
    assert ours == pytest.approx([complex(z) for z in theirs])


def test_growth_without_operators() -> None:
    found = stability(linear(FLAT + "X_i = 2*X_<i-1> - X_<i-2> + W_i*X_<i-1>"))
    assert (found.growth, found.power) == (1.0, 1)
    report = Diagnostics()
    text = FLAT + "X_i = W_i*X_<i-1> + 0.5*X_<i-1> + 1.5*X_<i-2>"
    found = stability(linear(text), report)
    # z^2 - z/2 - 3/2 = (z - 3/2)*(z + 1)
    assert found.growth == pytest.approx(1.5)
    (warning,) = report
    place = warning.labels[0].span
    assert warning.code == "RF602"
    assert text[place.start : place.end] == "1.5*X_<i-2>"


def test_no_warning_where_nothing_grows() -> None:
    report = Diagnostics()
    for text in FORMS:
        stability(linear(FLAT + text, activations=False), report)
    assert not list(report)


WEIGHTED = [
    "X_i = (1+W_i)*X_<i-1>",
    "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    "X_i = 0.6*X_<i-1> + 0.8*W_i*X_<i-1>",
    "X_i = W_i*X_<i-1> + X_<i-2>",
    "V_i = 0.9*V_<i-1> + 0.1*F_i*X_<i-1>\nX_i = X_<i-1> + V_i\nV_0 = 0\noutput X_L",
    "X_i = X_<i-1> + W_i*U_i*X_<i-1> - 0.5*U_i*X_<i-1>",
]


@pytest.mark.parametrize("text", WEIGHTED)
def test_variance_is_the_sum_over_all_words(text: str) -> None:
    """Words of different blocks are uncorrelated: their squares add up."""
    made = linear(FLAT + text, activations=False)
    gain = 0.7
    for length in (1, 2, 5):
        words = propagate(
            made, length, lambda p, b: p.moved(START, b), Polynomial.one()
        )
        expected = sum(
            float(c) ** 2 * gain ** (2 * len(word)) for word, c in words.terms.items()
        )
        found = moments(made, length, gain)
        assert found is not None
        assert found.variance == pytest.approx(expected)


def test_variance_of_random_matrices() -> None:
    """The same operator on two tensors, sampled."""
    text = "X_i = X_<i-1> + W_i*X_<i-1> - W_<i-1>*X_<i-1> + 0.5*W_<i-1>*X_<i-2>"
    found = moments(linear(FLAT + text, activations=False), 3, 0.8)
    assert found is not None
    torch.manual_seed(0)
    size, total, samples = 200, 0.0, 60
    for _ in range(samples):
        w = {i: 0.8 * torch.randn(size, size) / size**0.5 for i in (1, 2, 3)}
        x = [torch.randn(size)]
        for i in (1, 2, 3):
            new = x[-1] + w[i] @ x[-1]
            if i > 1:
                new = new - w[i - 1] @ x[-1] + 0.5 * w[i - 1] @ x[-2]
            x.append(new)
        total += float(x[-1].square().mean() / x[0].square().mean())
    assert found.variance == pytest.approx(total / samples, rel=0.05)


def test_gains_that_keep_the_variance() -> None:
    residual = moments(linear(FLAT + WEIGHTED[0], activations=False), 6, 1.0)
    assert residual is not None
    assert residual.steady is None
    # (1 + g^2)^6 = 2, and ((1 + 1)*s^2)^6 = 1.
    assert residual.double == pytest.approx(math.sqrt(2 ** (1 / 6) - 1))
    assert residual.scale == pytest.approx(math.sqrt(1 / 2))
    plain = moments(linear(FLAT + "X_i = 0.5*W_i*X_<i-1>", activations=False), 6, 1.0)
    assert plain is not None
    assert plain.steady == pytest.approx(2.0)


def test_terms_add_up() -> None:
    found = moments(linear(FLAT + WEIGHTED[0], activations=False), 4, 1.0)
    assert found is not None
    assert {s.term: s.variance for s in found.shares} == {
        "X_i: X_<i-1>": 8.0,
        "X_i: W_i*X_<i-1>": 8.0,
    }


def test_gates_and_concatenations_are_left_out() -> None:
    gated = FLAT + "X_i = X_<i-1>*W_i*X_<i-1>"
    assert moments(linear(gated, activations=False), 4, 1.0) is None
    joined = FLAT + "X_i = W_i*concat(X_<0..i-1>)"
    assert moments(linear(joined, activations=False), 4, 1.0) is None
