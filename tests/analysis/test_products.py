"""Variances of products of tensors: against Isserlis' theorem and random matrices."""

from __future__ import annotations

import functools
import io
import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from recform.algebra.formula import Formula
from recform.analysis.model import Asked, analyse
from recform.compiler import compile_source, from_text
from recform.diagnostics import Diagnostics
from recform.report.analysis_json import as_dict
from recform.report.analysis_text import render
from recform.variance.variance import moments
from recform.variance.written import Unknown

torch.set_num_threads(1)

#: The width of random networks, how many are drawn, and how many inputs each gets.
WIDTH, SAMPLES, INPUTS = 512, 24, 32

Step = Callable[[torch.Tensor, "Matrices"], torch.Tensor]


def formula(text: str) -> Formula:
    return compile_source(from_text(f"stages 8 x 8\n{text}"))[0].formula


# ------------------------------------------------------------------ random matrices


class Matrices:
    """The operators of one block."""

    def __init__(self, gain: float) -> None:
        self._gain = gain
        self._made: dict[str, torch.Tensor] = {}

    def __call__(self, name: str, x: torch.Tensor) -> torch.Tensor:
        if name not in self._made:
            self._made[name] = torch.randn(len(x), len(x))
        return self._gain * self._made[name] @ x / math.sqrt(len(x))


def sampled(step: Step, blocks: int, gain: float) -> float:
    torch.manual_seed(0)
    total = 0.0
    for _ in range(SAMPLES):
        x = torch.randn(WIDTH, INPUTS)
        for _ in range(blocks):
            x = step(x, Matrices(gain))
        total += float(x.square().mean() - x.mean() ** 2) / SAMPLES
    return total


def parts(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return x.chunk(2)


NETWORKS: dict[str, Step] = {
    "X_i = X_<i-1>*(W_i*X_<i-1>)": lambda x, m: x * m("W", x),
    "X_i = X_<i-1>*(1 + W_i*X_<i-1>)": lambda x, m: x * (1 + m("W", x)),
    "X_i = (W_i*X_<i-1>)*(U_i*X_<i-1>) + X_<i-1>": lambda x, m: (
        m("W", x) * m("U", x) + x
    ),
    # One operator on two tensors, in two products.
    "X_i = X_<i-1>*(W_i*X_<i-1>)"
    " + 0.5*(X_<i-1> + U_i*X_<i-1>)*(W_i*(X_<i-1> + U_i*X_<i-1>))": lambda x, m: (
        x * m("W", x) + 0.5 * (x + m("U", x)) * m("W", x + m("U", x))
    ),
    # A product inside an operator, beside its factors.
    "X_i = U_i*(X_<i-1>*(W_i*X_<i-1>) + X_<i-1>) + 0.5*X_<i-1>*(W_i*X_<i-1>)": lambda x, m: (
        m("U", x * m("W", x) + x) + 0.5 * x * m("W", x)
    ),
    # Numbers that are added, in front of a product and of an operator.
    "X_i = (X_<i-1> + 2)*(W_i*(X_<i-1> - 1)) + 0.5": lambda x, m: (
        (x + 2) * m("W", x - 1) + 0.5
    ),
    "X_i = W_i*(X_<i-1> + 3)": lambda x, m: m("W", x + 3),
    # Features of which each half has another variance.
    "A_0, B_0 = split(input, 2)\nA_i = 2*A_<i-1>\nB_i = B_<i-1>*(1 + W_i*A_<i-1>)"
    "\noutput concat(A_L, B_L)": lambda x, m: torch.cat(
        [2 * parts(x)[0], parts(x)[1] * (1 + m("W", parts(x)[0]))]
    ),
}


@pytest.mark.parametrize("text", NETWORKS)
def test_variance_of_random_matrices(text: str) -> None:
    found = moments(formula(text), 2, 0.8)
    measured = sampled(NETWORKS[text], 2, 0.8)
    assert found.variance == pytest.approx(measured, rel=0.1)
    assert not found.symmetric
    assert not found.proportional


def test_products_of_what_is_put_side_by_side() -> None:
    """Halves of another variance each change places, and meet an operator of both."""
    text = (
        "A_0, B_0 = split(input, 2)\nA_i = B_<i-1>\nB_i = 0.5*A_<i-1>*(U_i*B_<i-1>)\n"
        "output concat(3*A_L, B_L)*(W_L*concat(A_L, B_L))"
    )

    def step(x: torch.Tensor, m: Matrices) -> torch.Tensor:
        a, b = parts(x)
        a, b = b, 0.5 * a * m("U", b)
        return torch.cat([3 * a, b]) * m("W", torch.cat([a, b]))

    found = moments(formula(text), 1, 0.8)
    assert found.variance == pytest.approx(sampled(step, 1, 0.8), rel=0.1)
    # E[a^2] = 1 and E[b^2] = 0.8^2/4, and W makes of both their mean.
    b = 0.16
    assert found.variance == pytest.approx((9 + b) / 2 * 0.64 * (1 + b) / 2)


def test_features_at_different_places_in_products() -> None:
    text = (
        "A_0, B_0 = split(input, 2)\nA_i = A_<i-1>\nB_i = B_<i-1>\n"
        "output concat(A_L, B_L)*({}) + {}"
    )
    # A*Z and B*Z are not correlated, for a feature of Z.
    z = "W_L*concat(A_L, B_L)"
    exchanged = moments(formula(text.format(z, f"concat(B_L, A_L)*({z})")), 1, 1.0)
    assert exchanged.variance == pytest.approx(2)
    doubled = moments(formula(text.format(z, f"concat(A_L, B_L)*({z})")), 1, 1.0)
    assert doubled.variance == pytest.approx(4)
    # The second halves are one tensor, put there in two ways.
    halves = "concat(U_L*A_L, W_L*B_L)"
    product = "B_L*(W_L*B_L)"
    moved = moments(
        formula(text.format(halves, f"concat({product}, {product})")), 1, 1.0
    )
    assert moved.variance == pytest.approx((2 + 4) / 2)


# ------------------------------------------------------------------ Isserlis' theorem

#: A polynomial in Gaussian variables, by their numbers.
Monomial = tuple[int, ...]
Poly = dict[Monomial, float]


class Gaussians:
    """What operators make, and the input, as Gaussian variables of one feature.

    All is multiplied out, and expectations are sums over all pairings of variables.
    """

    def __init__(self, gain: float) -> None:
        self.gain = gain
        #: The operator of each variable, and what it was applied to.
        self.made: list[tuple[str, Poly]] = [("", {(): 1.0})]
        self.input: Poly = {(0,): 1.0}

    def applied(self, operator: str, argument: Poly) -> Poly:
        if (operator, argument) not in self.made:
            self.made.append((operator, argument))
        return {(self.made.index((operator, argument)),): 1.0}

    @functools.cache  # noqa: B019 - lives as long as one test.
    def covariance(self, one: int, other: int) -> float:
        (name, x), (second, y) = self.made[one], self.made[other]
        if name != second:
            return 0.0
        return 1.0 if name == "" else self.gain**2 * self.expected(times(x, y))

    def expected(self, poly: Poly) -> float:
        return sum(weight * self._pairings(names) for names, weight in poly.items())

    @functools.cache  # noqa: B019
    def _pairings(self, names: Monomial) -> float:
        if not names:
            return 1.0
        return sum(
            self.covariance(names[0], names[n])
            * self._pairings(names[1:n] + names[n + 1 :])
            for n in range(1, len(names))
        )

    def variance(self, poly: Poly) -> float:
        return self.expected(times(poly, poly)) - self.expected(poly) ** 2

    def twice(self, poly: Poly) -> bool:
        """Whether an operator, or the input, stands twice in a product."""
        names = [[self.made[n][0] for n in monomial] for monomial in poly]
        return any(len(set(row)) < len(row) for row in names)


def plus(one: Poly, other: Poly) -> Poly:
    return {
        m: one.get(m, 0.0) + other.get(m, 0.0) for m in dict.fromkeys([*one, *other])
    }


def times(one: Poly, other: Poly) -> Poly:
    made: Poly = {}
    for (m, weight), (n, factor) in itertools.product(one.items(), other.items()):
        key = tuple(sorted(m + n))
        made[key] = made.get(key, 0.0) + weight * factor
    return made


#: ("X",), ("number", 2), ("W", term), ("+", term, term), ("*", term, term)
Node = tuple[Any, ...]


def text_of(node: Node) -> str:
    match node:
        case ("number", value):
            return str(value)
        case (("+" | "*") as sign, left, right):
            return f"({text_of(left)}) {sign} ({text_of(right)})"
        case (unknown,):
            return f"{unknown}_<i-1>"
        case (operator, inner):
            return f"{operator}_i*({text_of(inner)})"
    raise AssertionError(node)


class Naive:
    """Evaluates equations; ``met`` says whether an operator met itself in a product."""

    def __init__(self, gain: float) -> None:
        self.gaussians = Gaussians(gain)
        self.met = False

    def value(self, node: Node, before: dict[str, Poly], block: int) -> Poly:
        match node:
            case ("number", value):
                return {(): float(value)}
            case (("+" | "*") as sign, left, right):
                one = self.value(left, before, block)
                other = self.value(right, before, block)
                made = plus(one, other) if sign == "+" else times(one, other)
                self.met |= self.gaussians.twice(made)
                return made
            case (unknown,):
                return before[unknown]
            case (operator, inner):
                argument = self.value(inner, before, block)
                return self.gaussians.applied(f"{operator}{block}", argument)
        raise AssertionError(node)


def terms(depth: int) -> st.SearchStrategy[Node]:
    """Terms that hold an unknown everywhere but where a number is added."""
    unknown = st.sampled_from([("X",), ("Y",)])
    if depth == 0:
        return unknown
    inner = terms(depth - 1)
    applied = st.tuples(st.sampled_from(["W", "U", "V"]), inner)
    number = st.tuples(st.just("number"), st.sampled_from([1, 2, 0.5]))
    return st.one_of(
        unknown,
        applied,
        st.tuples(st.just("+"), st.one_of(inner, number), applied),
        st.tuples(st.just("*"), inner, applied),
        st.tuples(st.just("*"), st.one_of(inner, number), inner),
    )


X, Y = ("X",), ("Y",)
WX, UX = ("W", X), ("U", X)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(terms(2), terms(2), st.sampled_from([1, 2]))
# A factor is newer in one product, and older in the other.
@example(("*", WX, UX), ("+", ("*", UX, WX), ("*", X, WX)), 2)
@example(("*", ("+", X, WX), ("+", UX, ("V", Y))), ("*", X, ("+", UX, WX)), 2)
@example(("*", ("+", ("number", 2), WX), ("+", ("number", 1), UX)), WX, 2)
# Products of products.
@example(("*", ("*", X, WX), ("*", UX, ("V", Y))), ("W", ("*", Y, UX)), 1)
@example(("*", WX, WX), X, 1)
@example(("*", X, Y), WX, 1)
def test_variance_is_that_of_all_pairings(x: Node, y: Node, blocks: int) -> None:
    naive, gain = Naive(0.8), 0.8
    before = {"X": naive.gaussians.input, "Y": naive.gaussians.input}
    for block in range(1, blocks + 1):
        before = {
            "X": naive.value(x, before, block),
            "Y": naive.value(y, before, block),
        }
    right = f"X_i = {text_of(x)}\nY_i = {text_of(y)}\n"
    network = formula(right + "X_0 = input\nY_0 = input\noutput X_L + Y_L")
    if naive.met:
        with pytest.raises(Unknown, match="multiplied that both hold"):
            moments(network, blocks, gain)
        return
    found = moments(network, blocks, gain)
    total = plus(before["X"], before["Y"])
    assert found.variance == pytest.approx(naive.gaussians.variance(total))


# ------------------------------------------------------------------ what is said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("X_i = X_<i-1>*X_<i-1>", "both hold the input itself"),
        ("X_i = (W_i*X_<i-1>)*(W_i*X_<i-1>)", "both hold what W_1 makes"),
        # In the second block W meets what it made in the first one.
        ("X_i = X_<i-1>*(W*X_<i-1>)", "both hold what W makes"),
        (
            "W = conv(1, 1) > conv(1, c)\nX_i = X_<i-1>*(W_i*X_<i-1>)",
            "W makes one feature; products are followed for wide layers that mix all",
        ),
        # The size of a feature of W*X depends on that of the same feature of X.
        (
            "W = dwconv(3) > bn\nX_i = X_<i-1>*(W_i*X_<i-1>)",
            "W does not mix all features; products are followed for wide layers",
        ),
        (
            "W = conv(3, groups=2)\nX_i = X_<i-1> + X_<i-1>*(U_i*W_i*X_<i-1>)",
            "W does not mix all features",
        ),
        (
            "X_i = X_<i-1> + U_i*X_<i-1>\n"
            "output X_L*(W_L*concat(X_<L-1>, X_L))*concat(X_L, X_L)",
            "of different widths are multiplied",
        ),
        (
            "A_i = A_<i-1> + F_i*X_0\nB_i = B_<i-1> + G_i*X_0\nX_i = A_i*B_i\n"
            "A_0 = 0\nB_0 = 0\noutput X_L",
            "too many products of tensors",
        ),
    ],
)
def test_what_is_not_followed_says_why(text: str, reason: str) -> None:
    with pytest.raises(Unknown, match=reason):
        moments(formula(text), 40, 1.0)


def test_operators_of_gates_may_be_narrow() -> None:
    network = formula(
        "T = conv(1, 1)\nX_i = sigmoid(T_i*X_<i-1>)*X_<i-1>*(W_i*X_<i-1>)"
    )
    assert moments(network, 2, 1.0).variance == pytest.approx(1 / 4 * (1 / 4) ** 2)


def told(text: str, depth: int = 8) -> str:
    stream = io.StringIO()
    found = analyse(formula(text), Diagnostics(), Asked(gain=1.0, depth=depth))
    render(found, Console(file=stream, width=120))
    json.dumps(as_dict(found), allow_nan=False)
    return stream.getvalue()


def test_gains_hold_for_an_input_of_variance_1() -> None:
    """V_i = V + g^2*V^2: no multiple of V_0, and the backward pass is another one."""
    found = moments(formula("X_i = X_<i-1>*(1 + W_i*X_<i-1>)"), 2, 0.5)
    assert found.variance == pytest.approx(1.25 + 0.25 * 1.25**2)
    assert found.steady is None
    # (1 + g^2) + g^2*(1 + g^2)^2 = 2, and s^2*(V + g^2*V^2) = 1 from V = 1 on.
    assert found.double is not None
    g = found.double**2
    assert (1 + g) + g * (1 + g) ** 2 == pytest.approx(2)
    assert found.scale == pytest.approx(math.sqrt(1 / 1.25))
    text = told("X_i = X_<i-1>*(1 + W_i*X_<i-1>)")
    assert "of gain 1: after 8 blocks the variance is 1.286e+52 for an input" in text
    # By hand: eight times V + g^2*V^2.
    assert "no initial gain above 0 makes it 1; 0.2611 makes it 2; all of" in text
    variance = 1.0
    for _ in range(8):
        variance += 0.2611**2 * variance**2
    assert variance == pytest.approx(2, rel=1e-3)
    balanced = told("X_i = (W_i*X_<i-1>)*(U_i*X_<i-1>)")
    assert "the variance is 1 for an input of variance 1" in balanced
    assert "an initial gain of 1 makes it 1" in balanced


def test_variances_beyond_all_floats() -> None:
    text = told("X_i = X_<i-1>*(1 + 9*W_i*X_<i-1>)", 10)
    assert "the variance is more than 1e308 for an input of variance 1" in text
    assert "X_i: X_<i-1>*(1 + 9*W_i*X_<i-1>) has more than 1e308" in text
    assert "; 0.02572 makes it 2" in text
    variance = 1.0
    for _ in range(10):
        variance += (9 * 0.02572) ** 2 * variance**2
    assert variance == pytest.approx(2, rel=1e-3)


def test_terms_of_products_and_of_numbers_add_up() -> None:
    found = moments(
        formula("X_i = W_i*(X_<i-1> + 2) + X_<i-1>*(U_i*X_<i-1>) + 1"), 2, 1.0
    )
    # E[X_1^2] = (1 + 4) + 1 and a mean of 1: then W_2 sees 6 + 3^2.
    assert {share.term: share.variance for share in found.shares} == {
        "X_i: W_i*(X_<i-1> + 2)": pytest.approx(6 + 9),
        "X_i: X_<i-1>*U_i*X_<i-1>": pytest.approx(7 * 7),
    }
    assert found.variance == pytest.approx(15 + 49)
