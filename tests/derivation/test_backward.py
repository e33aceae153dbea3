"""General formulas with shared operators, weights of a block and concatenations.

Each is evaluated with matrices, as text, and compared with autograd on the recurrence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recform.compiler import compile_source, from_text
from recform.report.derive_back import Backward, backward, written
from recform.series.show import PLAIN
from tests.analysis.test_jacobian import Matrix

SIZE, LAST = 3, 7
Step = Callable[[int, dict[int, Tensor]], Tensor]


def general(text: str) -> Backward:
    return backward(compile_source(from_text(f"stages 4 x 8\n{text}"))[0].formula)


def matrices(seed: int) -> dict[int, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {
        n: torch.randn(SIZE, SIZE, dtype=torch.float64, generator=random)
        for n in range(LAST + 1)
    }


W, U = matrices(1), matrices(2)[0]
K = {n: 0.3 + n for n in range(LAST + 1)}

RECURSIONS: dict[str, Step] = {
    "X_i = U*X_<i-1>": lambda i, x: U @ x[i - 1],
    "X_i = X_<i-1> + U*X_<i-1>": lambda i, x: x[i - 1] + U @ x[i - 1],
    "X_i = W_i*X_<i-1> + U*X_<i-2>": lambda i, x: W[i] @ x[i - 1] + U @ x[i - 2],
    "X_i = U*W_i*X_<i-1> + W_i*U*X_<i-1>": lambda i, x: (
        U @ W[i] @ x[i - 1] + W[i] @ U @ x[i - 1]
    ),
    "X_i = X_<i-1> + sqrt(i/L)*W_i*X_<i-1>": lambda i, x: (
        x[i - 1] + math.sqrt(i / LAST) * W[i] @ x[i - 1]
    ),
    "X_i = X_<i-1> + 1/i*W_i*X_<i-1> - 2/(i+1)*X_<i-2>": lambda i, x: (
        x[i - 1] + W[i] @ x[i - 1] / i - 2 / (i + 1) * x[i - 2]
    ),
    # A product of two recurrences of order one that share an operator.
    "X_i = (1 + 3*W_i)*X_<i-1> - (2*W_<i-1> + 2*W_i*W_<i-1>)*X_<i-2>": lambda i, x: (
        x[i - 1]
        + 3 * W[i] @ x[i - 1]
        - 2 * W[i - 1] @ x[i - 2]
        - 2 * W[i] @ W[i - 1] @ x[i - 2]
    ),
    # Operators that stand at another block than their own.
    "X_i = X_<i-1> + W_<i-1>*X_<i-1>": lambda i, x: x[i - 1] + W[i - 1] @ x[i - 1],
    "X_i = X_<i-1> + W_<i-1>*X_<i-1> - W_<i-1>*X_<i-2>": lambda i, x: (
        x[i - 1] + W[i - 1] @ (x[i - 1] - x[i - 2])
    ),
    "X_i = X_<i-1> + W_<i-1>*W_i*X_<i-2>": lambda i, x: (
        x[i - 1] + W[i - 1] @ W[i] @ x[i - 2]
    ),
    "X_i = W_i*X_<i-1> + W_<i-3>*U*X_<i-2>": lambda i, x: (
        W[i] @ x[i - 1] + W[i - 3] @ U @ x[i - 2]
    ),
    "X_i = W_i*X_<i-1> + sum(k, 0, i-1, W_<k+1>*X_k)": lambda i, x: (
        W[i] @ x[i - 1] + sum(W[k + 1] @ x[k] for k in x if k < i)
    ),
    "scalar k_i = 0.5\nX_i = 1/k_<i-1>*X_<i-1> + i/(k_i + 2)*W_i*X_<i-1>": lambda i, x: (
        x[i - 1] / K[i - 1] + i / (K[i] + 2) * W[i] @ x[i - 1]
    ),
    "X_i = exp(1)*X_<i-1> + sqrt(2)*W_i*X_<i-1>": lambda i, x: (
        math.e * x[i - 1] + math.sqrt(2) * W[i] @ x[i - 1]
    ),
}


def value(text: str, i: int, names: dict[str, Any]) -> Any:
    """A formula's text as Python; ``W_<L-1>`` is ``W(L-1)``."""
    code = re.sub(r"(\b[A-Za-z]\d?)_<([^>]*)>", r"\1(\2)", text)
    code = re.sub(r"(\b[A-Za-z]\d?)_L\b", r"\1(L)", code).replace("^", "**")
    code = re.sub(
        r"(sum|prod)\((\w), ([^,]*), ([^,]*), ", r"\1_(\3, \4, lambda \2: ", code
    )

    def folded(
        times: Callable[[Any, Any], Any],
        nothing: int,
    ) -> Callable[[int, int, Callable[[int], Any]], Any]:
        def fold(first: int, end: int, body: Callable[[int], Any]) -> Any:
            result = None
            for n in range(first, end + 1):
                result = body(n) if result is None else times(result, body(n))
            return nothing if result is None else result

        return fold

    tools: dict[str, Any] = {"sqrt": math.sqrt, "i": i, "L": LAST}
    tools |= {"k": K.__getitem__, "e": math.e, "exp": math.exp}
    tools["sum_"] = folded(lambda a, b: a + b, 0)
    tools["prod_"] = folded(lambda a, b: a * b, 1)
    return eval(code, tools | names)


def differentiated(step: Step, back: int) -> Tensor:
    """``dX_L/dX_<L-back>`` by autograd, with nothing from before that block."""
    begin = LAST - back

    def forward(vector: Tensor) -> Tensor:
        zero = torch.zeros_like(vector)
        values = {begin - 2: zero, begin - 1: zero, begin: vector}
        for i in range(begin + 1, LAST + 1):
            values[i] = step(i, values)
        return values[LAST]

    return torch.func.jacrev(forward)(torch.zeros(SIZE, dtype=torch.float64))


@pytest.mark.parametrize("text", RECURSIONS)
def test_general_formulas_as_matrices(text: str) -> None:
    report = general(text)
    lines = dict(
        line.split(" = ") for line in re.findall(r"dX_L/dX_<L-\d> = .*", report.text())
    )
    assert len(lines) == 3
    names = {"W": lambda n: Matrix(W[n])}
    for back in (1, 2, 3):
        shown = lines[f"dX_L/dX_<L-{back}>"]
        shown = re.sub(r"\bU\b", "U()", shown)
        expected = differentiated(RECURSIONS[text], back)
        found = value(shown, back, names | {"U": lambda: Matrix(U)})
        torch.testing.assert_close(number_of(found), expected)
        (formula,) = report.formulas
        if formula.closed:
            closed = re.sub(r"\bU\b", "U()", formula.closed)
            found = value(closed, back, names | {"U": lambda: Matrix(U)})
            torch.testing.assert_close(number_of(found), expected)


def test_order_one_has_a_closed_form() -> None:
    (found,) = general("X_i = X_<i-1> + sqrt(i/L)*W_i*X_<i-1>").formulas
    assert found.closed == "prod(j, 0, i-1, 1 + sqrt(L - j)/sqrt(L)*W_<L-j>)"
    assert r"\prod_{j=0}^{i-1}" in found.closed_latex
    (found,) = general("X_i = X_<i-1> + U*X_<i-1>").formulas
    assert found.closed == "prod(j, 0, i-1, 1 + U)"


def test_words_that_read_alike_are_one_term() -> None:
    text = general("X_i = X_<i-1> + U*X_<i-1>").text()
    assert "dX_L/dX_<L-3> = 1 + 3*U + 3*U*U + U*U*U" in text


@st.composite
def recursions(draw: st.DrawFn) -> list[tuple[int, int, list[tuple[str, int]]]]:
    """Terms: a number, how far back the tensor is, and operators wherever they belong."""
    letter = st.tuples(st.sampled_from("WV"), st.integers(0, 3))
    term = st.tuples(
        st.sampled_from([1, 2, -1]), st.integers(1, 2), st.lists(letter, max_size=2)
    )
    return [(1, 1, []), *draw(st.lists(term, min_size=1, max_size=3))]


@given(recursions())
@settings(max_examples=40)
def test_operators_of_any_block(terms: list[Any]) -> None:
    """Recursions at random, written out by their general formula and run."""
    own = {"W": W, "V": matrices(4)}

    def step(i: int, x: dict[int, Tensor]) -> Tensor:
        total = torch.zeros(SIZE, dtype=torch.float64)
        for number, back, product in terms:
            made = x[i - back]
            for name, offset in reversed(product):
                made = own[name][i - offset] @ made
            total = total + number * made
        return total

    shown = [
        "*".join([str(n), *(f"{o}_<i-{d}>" for o, d in product), f"X_<i-{back}>"])
        for n, back, product in terms
    ]
    report = general(f"X_i = {' + '.join(shown)}")
    (formula,) = report.formulas
    names = {name: lambda n, own=own[name]: Matrix(own[n]) for name in own}
    lines = {line.split(" = ")[0]: line for line in written(formula, PLAIN)}
    for back in (1, 2, 3):
        expected = differentiated(step, back)
        if line := lines.get(f"dX_L/dX_<L-{back}>"):
            found = value(line.split(" = ")[1], back, names)
            torch.testing.assert_close(number_of(found), expected)
        if formula.closed:
            found = value(formula.closed, back, names)
            torch.testing.assert_close(number_of(found), expected)


def number_of(found: Any) -> Tensor:
    if isinstance(found, Matrix):
        return found.value
    return float(found) * torch.eye(SIZE, dtype=torch.float64)


def test_what_a_block_computes_at_once_counts() -> None:
    """RevNet: A_i goes into B_i through an operator of the same block."""
    report = general(
        "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
        "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)"
    )
    assert len(report.formulas) == 4
    f, g = matrices(5), matrices(6)
    for formula in report.formulas:
        lines = written(formula, PLAIN)
        for back, line in enumerate(lines, 1):
            begin = LAST - back

            def forward(
                vector: Tensor, begin: int = begin, formula: Any = formula
            ) -> Tensor:
                zero = torch.zeros_like(vector)
                x = {"A": (vector, g[begin] @ vector), "B": (zero, vector)}
                a, b = x[formula.source]
                for i in range(begin + 1, LAST + 1):
                    a = a + f[i] @ b
                    b = b + g[i] @ a
                return {"A": a, "B": b}[formula.target]

            expected = torch.func.jacrev(forward)(
                torch.zeros(SIZE, dtype=torch.float64)
            )
            names = {"F": lambda n: Matrix(f[n]), "G": lambda n: Matrix(g[n])}
            found = value(line.split(" = ")[1], back, names)
            torch.testing.assert_close(found.value, expected)


class Map:
    """A matrix of any shape."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix

    def __mul__(self, other: Map) -> Map:
        return Map(self.matrix @ other.matrix)

    def __add__(self, other: Map) -> Map:
        return Map(self.matrix + other.matrix)


def test_concatenated_histories() -> None:
    """DenseNet: from all features that a block gets, and from what it adds to them."""
    report = general("scope stage\nX_i = W_i*concat(X_<0..i-1>)")
    random = torch.Generator().manual_seed(3)
    w = {
        n: torch.randn(SIZE, n * SIZE, dtype=torch.float64, generator=random)
        for n in range(1, LAST + 1)
    }

    def old(n: int) -> Map:
        return Map(torch.eye((n + 1) * SIZE, n * SIZE, dtype=torch.float64))

    def new(n: int) -> Map:
        matrix = torch.zeros((n + 1) * SIZE, SIZE, dtype=torch.float64)
        matrix[n * SIZE :] = torch.eye(SIZE, dtype=torch.float64)
        return Map(matrix)

    names = {"W": lambda n: Map(w[n]), "E1": old, "E2": new}
    (formula,) = report.formulas
    for back in (2, 3, 4):
        begin = LAST - back

        def forward(history: Tensor, begin: int = begin) -> Tensor:
            for i in range(begin + 1, LAST + 1):
                history = torch.cat([history, w[i] @ history])
            return history[-SIZE:]

        start = torch.zeros((begin + 1) * SIZE, dtype=torch.float64)
        expected = torch.func.jacrev(forward)(start)
        found = value(formula.closed, back, names)
        torch.testing.assert_close(found.matrix, expected)
        torch.testing.assert_close(
            (found * new(begin)).matrix, expected[:, begin * SIZE :]
        )
    assert report.through == ("dX_L/dX_<L-i> = dX_L/dconcat(X_<0..L-i>)*E2_<L-i>",)
    assert "concat" in report.latex()


def test_operators_of_other_blocks_as_latex_and_data() -> None:
    text = "stages 8 x 6\nX_i = X_<i-1> + Conv_<i-1>*X_<i-1> - Conv_<i-1>*X_<i-2>"
    found = backward(compile_source(from_text(text))[0].formula)
    shown = found.latex()
    assert r"\frac{\partial X_{L}}{\partial X_{L-1}} = 1 + \mathrm{Conv}_{L-1}" in shown
    assert "<" not in shown
    (item,) = found.as_dict()["formulas"]
    assert item["paths"] == "Conv_<i-1>* skip*"
    assert item["written"][0].endswith("= 1 + Conv_<L-1>")
