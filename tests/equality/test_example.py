"""The numbers that show a difference: theirs are short, and rounding is none."""

from __future__ import annotations

import pytest

from recform.compiler import compile_source, from_text
from recform.equality.compare import compare
from recform.equality.counterexample.example import example
from recform.equality.verdict import DIFFERENT, LINEAR, OPEN
from tests.equality.test_equiv import formula, verdict


@pytest.mark.parametrize("blocks", [17, 40, 1000])
def test_numbers_that_are_squared_in_each_block(blocks: int) -> None:
    """Behind 17 blocks they have tens of thousands of digits: none of that depth are tried."""
    left = "input 4\nX_i = X_<i-1>*X_<i-1> + W_i*X_<i-1>"
    right = "input 4\nX_i = X_<i-1>*X_<i-2> + W_i*X_<i-1>"
    found = compare(formula(left, blocks), formula(right, blocks))
    assert found.answer == DIFFERENT and found.example is not None
    assert found.own is None


def test_rounding_is_no_difference() -> None:
    """A law that is not known: numbers with 16 digits differ, by rounding alone."""
    w, u = "W_i*X_<i-1>", "U_i*X_<i-1>"
    apart = f"input 4\nX_i = sin({w})*cos({u}) + cos({w})*sin({u})"
    for sign, answer in (("+", OPEN), ("-", DIFFERENT)):
        assert verdict(apart, f"input 4\nX_i = sin({w} {sign} {u})").answer == answer


def test_floats_that_are_zero_may_have_no_root() -> None:
    """``silu(-1000)`` is 0 as a float and below zero with more digits: a traceback."""
    left = "X_i = U_i*X_<i-1> + 2*silu({}X_<i-1>)^(1/2)\noutput mean(X_<1..L>)"
    first, second = (formula(f"input 4\n{left.format(sign)}", 4) for sign in ("", "-"))
    assert compare(first, second).answer == DIFFERENT


#: One network each time: numbers of 16 digits are rounded.
ROUNDED = [
    "W_i*(exp(X_<i-1>)*exp(-X_<i-1>)*X_<i-1>)",
    "W_i*(X_<i-1>*exp(3*U_i*X_<i-1>)*exp(-3*U_i*X_<i-1>))",
    "W_i*(X_<i-1>*(exp(U_i*X_<i-1>) + 1)/(exp(U_i*X_<i-1>) + 1))",
    "W_i*(X_<i-1>*(1 + exp(-U_i*X_<i-1>))*sigmoid(U_i*X_<i-1>))",
]


@pytest.mark.parametrize("right", ROUNDED)
def test_rounding_is_no_difference_behind_an_operator(right: str) -> None:
    """What an operator makes has no jump, on whose other side a rounded number lies."""
    pair = formula(f"input 4\nX_i = {right}"), formula("input 4\nX_i = W_i*X_<i-1>")
    for depth in (1, 2, 3, 8):
        assert example(pair, depth, linear=False) is None


def test_fractions_beyond_all_floats_are_no_traceback() -> None:
    """What is squared in each of 11 blocks, and is no float, beside what `tanh` makes."""
    left = "input 4\nX_i = X_<i-1>*X_<i-1> + W_i*X_<i-1>"
    right = "input 4\nX_i = X_<i-1> + tanh(W_i*X_<i-1>)"
    assert compare(formula(left, 11), formula(right, 11)).answer == DIFFERENT


@pytest.mark.parametrize("weight", ["", "1/3*"])
def test_numbers_of_an_example_stay_short(weight: str) -> None:
    """Four operators a block, and the first difference is in block 8."""
    chain = f"X_i = {weight}W_i*W_i*W_i*W_i*X_<i-1>"
    more = " + W_i*(X_<i-7> + X_0) - W_i*X_<i-7> - W_i*X_0"
    found = verdict(chain, chain + more)
    assert found.answer == LINEAR
    assert found.example is not None
    assert found.example.depth == 7
    assert all(len(n) < 100 for side in found.example.outputs for n in side)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        # Variables of the program: an unknown h and the histories.
        (
            "h_i = W_i*h_<i-1> + mean(h_<0..i-1>)\noutput h_L",
            "X_i = W_i*X_<i-1> + mean(X_<0..i-1>)",
        ),
        # Its input can be split as the file's.
        (
            "A_i, B_i, C_i = split(W_i*X_<i-1>, 3)\nX_i = concat(A_i, B_i, C_i)\noutput X_L",
            "X_i = W_i*X_<i-1>",
        ),
    ],
)
def test_one_network_said_twice_has_no_example(left: str, right: str) -> None:
    """Looked for all the same, as if no law were known."""
    first, second = (
        compile_source(from_text(f"stages 6 x 8\n{text}"))[0].formula
        for text in (left, right)
    )
    for depth in (1, 2, 5, 8):
        assert example((first, second), depth, linear=False) is None


@pytest.mark.parametrize("word", ["ceil", "floor"])
def test_a_scalar_that_is_rounded_has_an_example(word: str) -> None:
    left, right = (
        f"input 4\nscalar p_i = 0.5\nX_i = {gain}*X_<i-1> + p_i*X_0"
        for gain in (f"{word}(p_i)", "p_i")
    )
    found = compare(formula(left, 2), formula(right, 2))
    assert found.answer == DIFFERENT and found.example is not None
