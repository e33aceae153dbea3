"""Recurrences over positions that are not the same are not called equal."""

from __future__ import annotations

import recform
from recform.equality.compare import compare
from recform.equality.verdict import ANY, OPEN

FRAME = (
    "input 4 x 3\nstages 3 x 2\ntimes positions\noutput X_L\n"
    "X_<i,t> = X_<i-1,t> + H_<i,t>\n"
)


def verdict(first: str, second: str) -> tuple[str, str]:
    left, right = (recform.compile(FRAME + text).formula for text in (first, second))
    found = compare(left, right)
    return found.answer, "; ".join(found.notes)


def test_the_same_recurrence() -> None:
    text = "H_<i,t> = tanh(W_i*H_<i,t-1> + U_i*X_<i-1,t>)"
    assert verdict(text, text)[0] == ANY


def test_another_function() -> None:
    text = "H_<i,t> = tanh(W_i*H_<i,t-1> + U_i*X_<i-1,t>)"
    answer, notes = verdict(text, text.replace("tanh", "sigmoid"))
    assert answer == OPEN
    assert "Hcell recurs over positions, in another way in each" in notes


def test_another_position() -> None:
    text = "H_<i,t> = 0.5*H_<i,t-1> + U_i*X_<i-1,t>"
    assert verdict(text, text.replace("0.5", "0.25"))[0] == OPEN
    assert verdict(text, text.replace("t-1", "t-2"))[0] == OPEN


def test_what_comes_in_is_compared_as_ever() -> None:
    text = "H_<i,t> = 0.5*H_<i,t-1> + U_i*(X_<i-1,t> + X_<i-1,t>)"
    other = text.replace("X_<i-1,t> + X_<i-1,t>", "2*X_<i-1,t>")
    assert verdict(text, other)[0] == ANY
