"""Numbers that no float holds, at some depth or on the way: analyses say so, or go on."""

from __future__ import annotations

import pytest

import recform

FRAME = "input 4\nstages 4 x {blocks}\nW = linear\n"


@pytest.mark.parametrize(
    ("line", "blocks"),
    [
        ("X_i = exp(700)*X_<i-1> + W_i*X_<i-1>", 3),
        ("scalar a_i = 2^2^i\nX_i = X_<i-1> + a_i*W_i*X_<i-1>", 2),
        ("const q_i = 2^2^i\nX_i = X_<i-1> + q_i*W_i*X_<i-1>", 2),
        # It took minutes to simplify.
        ("scalar a_i = 1\nX_i = X_<i-1> + tanh(a_i + (1 + 1e-12*i)^10)*W_i*X_<i-1>", 2),
    ],
)
def test_an_analysis_ends(line: str, blocks: int) -> None:
    made = recform.compile(f"{FRAME.format(blocks=blocks)}{line}")
    assert made.analyze(depth=60).stability is not None


def test_what_grows_more_than_floats_can_say() -> None:
    made = recform.compile(f"{FRAME.format(blocks=3)}X_i = exp(700)*X_<i-1> + W_i*X_0")
    with pytest.warns(UserWarning, match="more than 1e308 times over 3 blocks"):
        made.analyze()


def test_a_maximum_of_a_sum_that_is_nothing() -> None:
    """SymPy does not compare it with other numbers."""
    line = "X_i = X_<i-1> + max(log(i) + log(2) - log(8), 0)*W_i*X_<i-1>"
    made = recform.compile(f"{FRAME.format(blocks=5)}{line}")
    assert made.analyze().stability is not None


def test_ways_along_numbers_that_run_over() -> None:
    line = "X_i = X_<i-1> + sum(t, 1, 3, exp(-1000*i)*W_<i-t>*X_<i-t-1>)"
    made = recform.compile(f"{FRAME.format(blocks=2)}{line}")
    assert made.picture(view="paths")
