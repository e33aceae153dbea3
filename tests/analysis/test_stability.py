"""Characteristic polynomials against numbers; variances against all words and samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import sympy
import torch

from recform.algebra.formula import Formula, LearnedScalar
from recform.analysis.stability.characteristic import companion, stability
from recform.compiler import compile_source, from_text
from recform.diagnostics import Diagnostics
from recform.linear import members
from recform.linear.propagate import propagate
from recform.linear.words import Polynomial
from recform.series.places import START
from recform.variance.variance import moments
from recform.variance.written import Unknown
from tests.linear.test_linear import linear

FLAT = "stages 8 x 6\n"


@lru_cache(maxsize=128)
def formula(text: str) -> Formula:
    return compile_source(from_text(text))[0].formula


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
        found = moments(made.formula, length, gain)
        assert found.variance == pytest.approx(expected)


def test_variance_of_random_matrices() -> None:
    """The same operator on two tensors, sampled."""
    text = "X_i = X_<i-1> + W_i*X_<i-1> - W_<i-1>*X_<i-1> + 0.5*W_<i-1>*X_<i-2>"
    found = moments(formula(FLAT + text), 3, 0.8)
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
    residual = moments(formula(FLAT + WEIGHTED[0]), 6, 1.0)
    assert residual.steady is None
    # (1 + g^2)^6 = 2, and ((1 + 1)*s^2)^6 = 1.
    assert residual.double == pytest.approx(math.sqrt(2 ** (1 / 6) - 1))
    assert residual.scale == pytest.approx(math.sqrt(1 / 2))
    plain = moments(formula(FLAT + "X_i = 0.5*W_i*X_<i-1>"), 6, 1.0)
    assert plain.steady == pytest.approx(2.0)
    # No factor for blocks makes up for an input that is read again at the end.
    again = moments(formula(FLAT + "X_i = W_i*X_<i-1>\noutput X_L + 2*X_0"), 6, 1.0)
    assert again.scale is None


def test_terms_add_up() -> None:
    found = moments(formula(FLAT + WEIGHTED[0]), 4, 1.0)
    assert {s.term: s.variance for s in found.shares} == {
        "X_i: X_<i-1>": 8.0,
        "X_i: W_i*X_<i-1>": 8.0,
    }


def sampled(
    step: Callable[[list[torch.Tensor], int], torch.Tensor], blocks: int, gain: float
) -> float:
    """The variance of the last of ``blocks`` tensors with random matrices."""
    total, samples = 0.0, 40
    torch.manual_seed(0)
    for _ in range(samples):
        x = [torch.randn(SIZE)]
        for block in range(1, blocks + 1):
            x.append(step(x, block))
        total += float(x[-1].square().mean() / x[0].square().mean())
    return total / samples


SIZE = 200


def random(x: torch.Tensor, gain: float, size: int = SIZE) -> torch.Tensor:
    """An operator of a gain, applied once."""
    return gain * torch.randn(size, len(x)) @ x / len(x) ** 0.5


def test_variance_of_concatenations() -> None:
    """DenseNet, and the mean over all features of its output."""
    text = FLAT + "X_i = W_i*concat(X_<0..i-1>) + 0.5*X_<i-1>\noutput concat(X_<0..L>)"
    found = moments(formula(text), 4, 0.8)

    def step(x: list[torch.Tensor], block: int) -> torch.Tensor:
        new = random(torch.cat(x), 0.8) + 0.5 * x[-1]
        return torch.cat([*x, new]) if block == 4 else new

    assert found.variance == pytest.approx(sampled(step, 4, 0.8), rel=0.05)
    assert not found.symmetric
    assert [share.term for share in found.shares] == [
        "X_i: W_i*concat(X_<0..i-1>)",
        "X_i: 0.5*X_<i-1>",
    ]


def test_variance_of_parts() -> None:
    """One half goes by, the other one through an operator; then they change places."""
    text = (
        FLAT + "A_i = B_<i-1> + W_i*A_<i-1>\nB_i = A_<i-1>\n"
        "A_0, B_0 = split(input, 2)\noutput concat(B_L, A_L, A_L)"
    )
    found = moments(formula(text), 3, 0.8)

    def step(x: list[torch.Tensor], block: int) -> torch.Tensor:
        a, b = x[-1].chunk(2)
        new = torch.cat([b + random(a, 0.8, SIZE // 2), a])
        return (
            torch.cat([new[SIZE // 2 :], *[new[: SIZE // 2]] * 2])
            if block == 3
            else new
        )

    assert found.variance == pytest.approx(sampled(step, 3, 0.8), rel=0.05)


def test_features_at_different_places_are_not_correlated() -> None:
    text = (
        FLAT + "A_0, B_0 = split(input, 2)\nA_i = A_<i-1>\nB_i = W_i*B_<i-1>\n"
        "output concat(A_L, B_L) + concat({})"
    )
    exchanged = moments(formula(text.format("B_L, A_L")), 3, 1.0)
    assert exchanged.variance == pytest.approx(2.0)
    doubled = moments(formula(text.format("A_L, B_L")), 3, 1.0)
    assert doubled.variance == pytest.approx(4.0)


HIGHWAY = FLAT + (
    "T = conv(3, c) > sigmoid\n"
    "X_i = W_i*X_<i-1>*T_i*X_<i-1> + X_<i-1>*(1 - T_i*X_<i-1>)"
)


@pytest.mark.parametrize("gate", [None, 0.25, 1.0])
def test_variance_through_gates(gate: float | None) -> None:
    found = moments(formula(HIGHWAY), 5, 0.8, gate)
    t = 0.5 if gate is None else gate
    # Each block: (1 - t)^2 of what was there, and t^2*g^2 of new.
    factor = (1 - t) ** 2 + t**2 * 0.64
    assert found.variance == pytest.approx(factor**5)
    assert dict(found.gates) == {"t": t}
    assert {s.term: (s.variance, s.gates) for s in found.shares} == {
        "X_i: W_i*X_<i-1>*T_i*X_<i-1>": (
            pytest.approx(factor**4 * t**2 * 0.64),
            "t^2",
        ),
        "X_i: X_<i-1>*(1 - T_i*X_<i-1>)": (
            pytest.approx(factor**4 * (1 - t) ** 2),
            "(1 - t)^2",
        ),
    }
    # (1 - t)^2 + t^2*g^2 = 1.
    assert found.steady == pytest.approx(math.sqrt((1 - (1 - t) ** 2) / t**2))


def test_gates_start_at_what_is_added_to_them() -> None:
    text = FLAT + (
        "g_i = sigmoid(T_i*X_<i-1> - 2)\n"
        "X_i = W_i*X_<i-1>*g_i + X_<i-1>*(1 - g_i)\noutput X_L"
    )
    found = moments(formula(text), 1, 1.0)
    t = 1 / (1 + math.exp(2))
    assert dict(found.gates) == {"g": pytest.approx(t)}
    assert found.variance == pytest.approx((1 - t) ** 2 + t**2)
    assert [share.gates for share in found.shares] == ["g^2", "(1 - g)^2"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "X_i = concat(W_i*X_<i-1>, X_<i-1>) + X_<i-1>",
            "of different widths are added",
        ),
    ],
)
def test_what_is_not_followed_says_why(text: str, reason: str) -> None:
    with pytest.raises(Unknown, match=reason):
        moments(formula(FLAT + text), 4, 1.0)


@pytest.mark.parametrize(
    ("text", "growth", "warned"),
    [
        ("X_i = i/4*X_<i-1> + W_i*X_<i-1>", math.factorial(8) / 4**8, False),
        ("X_i = i/2*X_<i-1> + W_i*X_<i-1>", math.factorial(8) / 2**8, True),
        ("X_i = (9 - i)*X_<i-1> + W_i*X_<i-1>", math.factorial(8), True),
        ("X_i = (1 + 1/i)*X_<i-1> + W_i*X_<i-1>", 9, True),
        ("X_i = (1 + 1/i)*X_<i-1> - X_<i-2>/i + W_i*X_<i-1>", None, False),
    ],
)
def test_growth_where_numbers_depend_on_the_block(
    text: str, growth: float | None, warned: bool
) -> None:
    report = Diagnostics()
    found = stability(linear(f"stages 8 x 8\n{text}"), report)
    assert found.varying is not None
    if growth is None:
        # What a start of (1, -1) or (1, 1) comes to, the worst of all.
        growth = 0.0
        for older in (1.0, -1.0):
            a, b = 1.0, older
            for block in range(1, 9):
                a, b = (1 + 1 / block) * a - b / block, a
            growth = max(growth, abs(a), abs(b))
    assert found.varying.growth == pytest.approx(growth)
    assert [d.code for d in report] == ["RF602"] * warned
    if warned:
        assert "over 8 blocks" in next(iter(report)).message


@pytest.mark.parametrize("power", ["61 - 2*i", "2*i - 61"])
def test_growth_that_is_more_than_a_float_says_on_the_way(power: str) -> None:
    """Thirty of these blocks make 1e450 of a number, or 1e-450, and the others undo it."""
    text = f"stages 8 x 60\nX_i = 10^(({power})/2)*X_<i-1> + W_i*X_<i-1>"
    found = stability(linear(text))
    assert found.varying is not None
    assert found.varying.growth == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "power"),
    [
        # The identity, with all operators zero: a root twice, and nothing grows.
        (
            "A_i = A_<i-1> + F_i*B_<i-1>\nB_i = B_<i-1> + G_i*A_<i-1>\n"
            "output A_L + B_L",
            0,
        ),
        ("X_i = W_i*X_<i-3> + U_i*X_<i-1>", 0),  # 0 three times
        ("X_i = X_<i-1> - X_<i-2>/4 + W_i*X_<i-3>", 0),  # 1/2 twice: all falls
        ("X_i = 3*X_<i-1> - 3*X_<i-2> + X_<i-3> + W_i*X_<i-3>", 2),
        ("X_i = 2*X_<i-2> - X_<i-4> + W_i*X_<i-1>", 1),  # 1 and -1, both twice
    ],
)
def test_growth_by_a_power_of_the_depth(text: str, power: int) -> None:
    made = linear(FLAT + text)
    found = stability(made)
    assert found.power == power
    # A thousand blocks with all operators zero, by repeated squaring.
    matrix = np.array(
        companion(made, lambda p: p.terms.get((), 0)).tolist(), dtype=float
    )
    near, far = (
        np.abs(np.linalg.matrix_power(matrix, n)).max() for n in (1000, 10_000)
    )
    grown = math.log10(far / near) if near > 1e-9 else 0
    assert grown == pytest.approx(power, abs=0.01)


def test_a_variance_that_no_gain_changes() -> None:
    """Eq. (20) keeps X_i - W_i*X_<i-1>: it is the input."""
    text = FLAT + "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\noutput X_L - W_L*X_<L-1>"
    for gain in (0.3, 1.0, 4.0):
        found = moments(formula(text), 6, gain)
        assert found.variance == pytest.approx(1)
        assert found.level
    assert not moments(formula(FLAT + "X_i = W_i*X_<i-1>"), 6, 1.0).level


@pytest.mark.parametrize(
    ("equation", "said"),
    [
        (
            "X_i = 1.5*X_<i-1> + W_i*X_<i-1>",
            "the recurrence grows by 1.5 in each block",
        ),
        (
            "X_i = 1.5*X_<i-2> + W_i*X_<i-1>",
            "what grows most in its state grows by 1.225 in each block",
        ),
    ],
)
def test_what_is_said_to_grow(equation: str, said: str) -> None:
    report = Diagnostics()
    stability(linear(FLAT + equation), report)
    assert said in next(iter(report)).message


def test_members_of_a_list_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They were gone through for each member again, and the numbers of all for each."""
    made, looked = [], []
    members_of, start = members.members_of, LearnedScalar.number

    def counted(*arguments: Any) -> Any:
        looked.append(arguments)
        return members_of(*arguments)

    def started(scalar: LearnedScalar, block: int, member: int, length: int) -> float:
        made.append(member)
        return start(scalar, block, member, length)

    monkeypatch.setattr(members, "members_of", counted)
    monkeypatch.setattr(LearnedScalar, "number", started)
    text = "stages 4 x 12\nscalar a_<i,k> = 0.5\nX_i = W_i*sum(k, 0, i-1, a_<i,k>*X_k)"
    assert moments(formula(text), 12, 1.0).variance > 0
    assert len(looked) <= 2 * 12
    assert len(made) <= 2 * 12 * 13 // 2
