"""The Jacobian's recurrence and general formula: as the paper prints them, and as numbers.

Closed forms are read back: their text is evaluated with random matrices and compared with
torch's derivative of the recurrence itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st

from recform.analysis.jacobian.closed import Jacobian, by_input, jacobians
from recform.analysis.jacobian.products import factors
from recform.linear.words import Letter, Polynomial
from recform.series.places import At
from tests.linear.test_linear import linear

FLAT = "stages 8 x 6\n"


def jacobian(text: str, *, activations: bool = False) -> Jacobian:
    return jacobians(linear(FLAT + text, activations=activations))[-1]


def test_equation_12_and_its_recurrence() -> None:
    found = jacobian("X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>")
    assert found.recurrence.text() == (
        "dX_L/dX_<L-i> = dX_L/dX_<L-i+1>*(1 + W_<L-i+1>) - dX_L/dX_<L-i+2>*W_<L-i+1>"
    )
    assert [row.text() for row in found.written[:4]] == [
        "dX_L/dX_L = 1",
        "dX_L/dX_<L-1> = 1 + W_L",
        "dX_L/dX_<L-2> = 1 + W_L + W_L*W_<L-1>",
        "dX_L/dX_<L-3> = 1 + W_L + W_L*W_<L-1> + W_L*W_<L-1>*W_<L-2>",
    ]
    assert found.closed is not None
    assert found.closed.right == "1 + sum(k, 1, i, prod(j, 0, k-1, W_<L-j>))"
    assert found.closed.latex.endswith(r"1 + \sum_{k=1}^{i} \prod_{j=0}^{k-1} W_{L-j}")


def test_operators_of_several_inputs_have_a_letter_for_each() -> None:
    two = "input 8\nW = linear(c)\nB = bilinear(c)\n"
    found = jacobian(f"{two}X_i = X_<i-1> + B_i(W_i*X_<i-1>, X_<i-2>)")
    assert found.recurrence.text() == (
        "dX_L/dX_<L-i> = dX_L/dX_<L-i+1>*(1 + B^1_<L-i+1>*W_<L-i+1>) "
        "+ dX_L/dX_<L-i+2>*B^2_<L-i+2>"
    )
    assert found.written[1].right == "1 + B^1_L*W_L"
    assert "B^{2}_{L-i+2}" in found.recurrence.latex.replace(" ", "")
    # Both by one tensor: two letters, not twice one.
    found = jacobian(f"{two}X_i = X_<i-1> + B_i(X_<i-1>, X_<i-1>)")
    assert found.written[1].right == "1 + B^1_L + B^2_L"


def test_equation_9() -> None:
    found = jacobian("X_i = (1+W_i)*X_<i-1>")
    assert found.written[2].right == "1 + W_L + W_<L-1> + W_L*W_<L-1>"
    assert found.terms == (1, 2, 4, 8, 16)


def test_activations_stay_in_their_place() -> None:
    found = jacobian("X_i = relu((1+W_i)*X_<i-1>)", activations=True)
    assert found.written[1].right == "relu'_L + relu'_L*W_L"


def test_no_closed_form_is_claimed_where_there_is_none() -> None:
    assert jacobian("X_i = W_i*X_<i-1> + X_<i-2>").closed is None
    assert jacobian("X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>").closed is None


def test_boundary_equations_show_in_the_derivative_by_the_input() -> None:
    text = "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>"
    rows = [by_input(linear(FLAT + text), n) for n in (1, 2)]
    assert [row and row.right for row in rows] == ["1 + W_1", "1 + W_2 + W_2*W_1"]
    # A.5 hands on (stem output, stem output): the paths past W_1 are gone.
    rows = [by_input(linear(FLAT + text + "\nW_0*X_<-1> = X_0"), n) for n in (1, 2)]
    assert [row and row.right for row in rows] == ["W_1", "W_2*W_1"]


def test_what_lies_before_the_start_is_what_the_file_says() -> None:
    """Leapfrog starts at rest: dX_1/dX_0 is 2 - 1 + W_1, and not 2 + W_1."""
    text = "X_i = 2*X_<i-1> - X_<i-2> + W_i*X_<i-1>\nX_<-1> = "
    for before, row in (("input", "1 + W_1"), ("0.5*input", "3/2 + W_1")):
        found = by_input(linear(FLAT + text + before), 1)
        assert found is not None and found.right == row


# -- closed forms as numbers

#: The recurrences once more: w(d) is the operator of block i - d, x(d) its tensor.
CLOSED: dict[str, Callable[[Callable[[int], Any], Callable[[int], Any]], Any]] = {
    "X_i = W_i*X_<i-1>": lambda w, x: w(0) @ x(1),
    "X_i = (1+W_i)*X_<i-1>": lambda w, x: x(1) + w(0) @ x(1),
    "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>": lambda w, x: (
        x(1) + w(0) @ x(1) - w(1) @ x(2)
    ),
    "X_i = (2+W_i)*X_<i-1> - 2*W_<i-1>*X_<i-2>": lambda w, x: (
        2 * x(1) + w(0) @ x(1) - 2 * w(1) @ x(2)
    ),
    "X_i = (1+W_i)*X_<i-1> - W_i*X_<i-2>": lambda w, x: (
        x(1) + w(0) @ x(1) - w(0) @ x(2)
    ),
    # (1 - S)(1 - S)(1 - W*S), and 2 and -1 as roots.
    "X_i = (2+W_i)*X_<i-1> - (1+2*W_<i-1>)*X_<i-2> + W_<i-2>*X_<i-3>": lambda w, x: (
        2 * x(1) + w(0) @ x(1) - x(2) - 2 * w(1) @ x(2) + w(2) @ x(3)
    ),
    "X_i = (1+W_i)*X_<i-1> + (2-W_<i-1>)*X_<i-2> - 2*W_<i-2>*X_<i-3>": lambda w, x: (
        x(1) + w(0) @ x(1) + 2 * x(2) - w(1) @ x(2) - 2 * w(2) @ x(3)
    ),
    # Golden sections: (1 - p*S)(1 - q*S)(1 - W*S).
    "X_i = (1+W_i)*X_<i-1> + (1-W_<i-1>)*X_<i-2> - W_<i-2>*X_<i-3>": lambda w, x: (
        x(1) + w(0) @ x(1) + x(2) - w(1) @ x(2) - w(2) @ x(3)
    ),
    # Operators in two factors: (1 - W*S)(1 - W*W*S)(1 - S).
    "X_i = (1+W_i+W_i*W_i)*X_<i-1> - (W_i+W_i*W_i+W_i*W_<i-1>*W_<i-1>)*X_<i-2>"
    " + W_i*W_<i-1>*W_<i-1>*X_<i-3>": lambda w, x: (
        x(1) + (w(0) + w(0) @ w(0)) @ (x(1) - x(2)) - w(0) @ w(1) @ w(1) @ (x(2) - x(3))
    ),
}


@pytest.mark.parametrize("text", CLOSED)
def test_closed_forms(text: str) -> None:
    torch.manual_seed(0)
    depth, size = 7, 3
    w = {n: torch.randn(size, size, dtype=torch.float64) for n in range(-3, depth + 1)}
    step = CLOSED[text]
    closed = jacobian(text).closed
    assert closed is not None
    for back in range(4):
        j = depth - back

        def forward(vector: torch.Tensor, j: int = j) -> torch.Tensor:
            values = {n: torch.zeros_like(vector) for n in range(j - 3, j)} | {
                j: vector
            }
            for i in range(j + 1, depth + 1):
                values[i] = step(
                    lambda d, i=i: w[i - d], lambda d, i=i, v=values: v[i - d]
                )
            return values[depth]

        start = torch.randn(size, dtype=torch.float64)
        expected = torch.func.jacrev(forward)(start)
        found = evaluated(closed.right, back, depth, w, size)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("X_i = X_<i-1> + (3-i)*W_i*X_<i-1>", lambda n: 3 - n),
        ("X_i = X_<i-1> + i/2*W_i*X_<i-1>", lambda n: n / 2),
        ("X_i = X_<i-1> + (2*i-7)*W_i*X_<i-1>", lambda n: 2 * n - 7),
        ("X_i = X_<i-1> + 1/i*W_i*X_<i-1>", lambda n: 1 / n),
        ("X_i = X_<i-1> + (L-i)*W_i*X_<i-1>", lambda n: 7 - n),
    ],
)
def test_a_weight_in_a_closed_form_is_that_of_its_block(
    text: str, weight: Callable[[int], float]
) -> None:
    torch.manual_seed(0)
    depth, size = 7, 3
    w = {n: torch.randn(size, size, dtype=torch.float64) for n in range(1, depth + 1)}
    closed = jacobian(text).closed
    assert closed is not None
    for back in range(1, 4):
        expected = torch.eye(size, dtype=torch.float64)
        for n in range(depth - back + 1, depth + 1):
            expected = expected + weight(n) * w[n] @ expected
        found = evaluated(closed.right, back, depth, w, size)
        torch.testing.assert_close(found, expected)


class Matrix:
    """A matrix in which a number stands for a multiple of the identity."""

    def __init__(self, value: torch.Tensor) -> None:
        self.value = value

    def _of(self, other: Any) -> torch.Tensor:
        eye = torch.eye(len(self.value), dtype=torch.float64)
        return other.value if isinstance(other, Matrix) else other * eye

    def __add__(self, other: Any) -> Matrix:
        return Matrix(self.value + self._of(other))

    __radd__ = __add__

    def __neg__(self) -> Matrix:
        return Matrix(-self.value)

    def __sub__(self, other: Any) -> Matrix:
        return Matrix(self.value - self._of(other))

    def __rsub__(self, other: Any) -> Matrix:
        return Matrix(self._of(other) - self.value)

    def __mul__(self, other: Any) -> Matrix:
        return Matrix(self.value @ self._of(other))

    def __rmul__(self, other: Any) -> Matrix:
        return Matrix(self._of(other) @ self.value)


def evaluated(
    text: str, i: int, last: int, w: dict[int, torch.Tensor], size: int
) -> torch.Tensor:
    """A closed form's text as Python, with functions for its sums and products."""
    code = re.sub(r"W_<([^>]*)>", r"W(\1)", text).replace("^", "**")
    code = re.sub(
        r"(sum|prod)\((\w), ([^,]*), ([^,]*), ", r"\1_(\3, \4, lambda \2: ", code
    )

    def total(first: int, end: int, body: Callable[[int], Any]) -> Any:
        result: Any = Matrix(torch.zeros(size, size, dtype=torch.float64))
        for n in range(first, end + 1):
            result = result + body(n)
        return result

    def product(first: int, end: int, body: Callable[[int], Any]) -> Any:
        result: Any = Matrix(torch.eye(size, dtype=torch.float64))
        for n in range(first, end + 1):
            result = result * body(n)
        return result

    names: dict[str, Any] = {"W": lambda n: Matrix(w[n]), "sqrt": math.sqrt}
    names |= {"sum_": total, "prod_": product}
    made: Matrix = eval(code, {**names, "i": i, "L": last})
    return made.value


LETTERS = st.sampled_from("WUV")
WORDS = st.lists(LETTERS, max_size=2).map(
    lambda names: tuple(Letter("operator", name, At("i")) for name in names)
)


shares = st.dictionaries(
    WORDS, st.sampled_from([-2, -1, 1, 2, 3]).map(sympy.Integer), max_size=2
)


@given(st.lists(shares, min_size=2, max_size=3))
def test_products_of_first_order_recurrences_are_found(given: list[Any]) -> None:
    """Words may be in several of them, with different numbers."""

    def coefficients(factors: list[Polynomial]) -> list[Polynomial]:
        # (1 - b*S) times the rest; a_d with 1 - a_1*S - a_2*S^2 - ...
        product = [Polynomial.one()]
        for factor in factors:
            longer = [*product, Polynomial()]
            for d, part in enumerate(product, 1):
                longer[d] = longer[d] - part * factor.shifted(1 - d)
            product = longer
        return [-part for part in product[1:]]

    wanted = coefficients([Polynomial.total(item.items()) for item in given])
    found = factors(wanted)
    assert found is not None
    assert coefficients(found) == wanted


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        (
            "X_i = 3*W_i*X_<i-1> - 2*W_i*W_<i-1>*X_<i-2>",
            "sum(k, 0, i, prod(j, 0, k-1, 2*W_<L-j>)*prod(j, k, i-1, W_<L-j>))",
        ),
        (
            "X_i = (1 + 3*W_i)*X_<i-1> - (2*W_<i-1> + 2*W_i*W_<i-1>)*X_<i-2>",
            "sum(k, 0, i, prod(j, 0, k-1, 2*W_<L-j>)*prod(j, k, i-1, 1 + W_<L-j>))",
        ),
    ],
)
def test_factors_share_a_word(text: str, closed: str) -> None:
    found = jacobian(text).closed
    assert found is not None and found.right == closed
    assert jacobian("X_i = (1 + 3*W_i)*X_<i-1> - 2*W_i*W_<i-1>*X_<i-2>").closed is None
