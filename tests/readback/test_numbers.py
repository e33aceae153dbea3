"""Rows of numbers that code makes of numbers: as they are read one by one, and no work."""

from __future__ import annotations

import ast
from math import pi

import pytest

import recform
from recform.execution.numbers import row
from tests.counted import calls

OVER = range(2, 6)


def row_of(text: str, names: dict[str, object], *defined: str) -> list[float] | None:
    made = ast.parse(text, mode="eval").body
    return row(made, ast.Name("k"), OVER, names, defined)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("0.5 * k - i", lambda k: 0.5 * k - 3),
        ("max(k // 2, -i) % 2 ** k", lambda k: max(k // 2, -3) % 2**k),
        ("1.0 if k == i - 1 else k / math.pi", lambda k: 1.0 if k == 2 else k / pi),
        ("math.floor(math.sqrt(k))", lambda k: 1 if k < 4 else 2),
    ],
)  # fmt: skip
def test_numbers(text: str, function: object) -> None:
    assert callable(function)
    assert row_of(text, {"i": 3, "x": object()}) == [function(k) for k in OVER]


@pytest.mark.parametrize(
    "text",
    [
        *("x + k", "y + k", "math.inf * k", "k.real", "f(k)", "[k]", "min", "'k' * k"),
        *("max(k, key=k)", "math.pi(k)", "max(math, k)", "math.exp(*k)", "k and 1"),
    ],
)
def test_what_is_not_of_numbers_alone(text: str) -> None:
    assert row_of(text, {"x": object()}, "f") is None


def test_names_of_the_file() -> None:
    """A function that the file defines is no function of Python's."""
    assert row_of("max(k, 1)", {}) == [2, 3, 4, 5]
    assert row_of("max(k, 1)", {}, "max") is None
    assert row_of("math.exp(k)", {"math": object()}) is None


def test_starts_are_no_work() -> None:
    """A start for each older block: 19,900 in two hundred, which are most of the work."""
    text = (
        "input 4\nstages 4 x 200\nscalar g_<i,k> = exp((k - i)/L)\n"
        "T = linear(c)\nX_i = T_i*sum(k, 0, i-1, g_<i,k>*X_k)\n"
    )
    assert calls(lambda: recform.compile(text)) < 40 * 19_900
