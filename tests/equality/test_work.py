"""Comparisons that would take minutes come to an end."""

from __future__ import annotations

import pytest

from recform.compiler import compile_source, from_text
from recform.equality.compare import compare
from recform.equality.outputs import Outputs
from recform.equality.terms import TooLarge
from recform.equality.verdict import DIFFERENT, OwnDepth


@pytest.mark.long
def test_long_weights_are_work() -> None:
    """Powers of sigmoid(q) are told apart as numbers first; as formulas they have a limit."""
    frame = "input 4\nstages 4 x 60\nW = linear(c)\nscalar q = 0\nX_i = W_<i-1>*X_<i-1>"
    gated, stepped = (
        compile_source(from_text(f"{frame} + {text}*X_<i-1>"))[0].formula
        for text in ("sigmoid(q)", "floor(L/6)")
    )
    found = compare(gated, stepped)
    assert (found.answer, found.differs) == (DIFFERENT, 1)
    assert found.own == OwnDepth(60, "", False)
    with pytest.raises(TooLarge):
        Outputs((gated, stepped), 60, linear=False).same(60)


def test_products_with_max_are_work_too() -> None:
    """Factors that are looked at where a `max` is positive count: no end otherwise."""
    rights = (
        "max(X_<i-2>*X_<i-1>, W_i*X_<i-1>) + X_<i-1>",
        "U_i*X_<i-3> + W_i*X_<i-1>",
    )
    left, right = (
        compile_source(from_text(f"stages 4 x 40\ninput 4\nX_i = {text}"))[0].formula
        for text in rights
    )
    assert compare(left, right).answer == DIFFERENT
