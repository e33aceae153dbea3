"""How much work it is to find steps and states: twice as much for twice the blocks."""

from __future__ import annotations

import pytest

import recform
from recform import recurrence
from recform.algebra.formula import Formula
from recform.analysis.paths.distribution import stage_counts
from recform.diagnostics import Diagnostics
from recform.recurrence.restaged import restaged
from tests.counted import calls

FRAME = """
input  4
stages 4 x 3, 6 x 3, 8 x 3
V = linear(c)
W = linear(c)
"""
#: Networks of which no block is like all others, so that all of them are written out.
NETWORKS = {
    "first blocks": "X_i = X_<i-1> + W_i*X_<i-1>\nX_<first> = W_<first>*X_<first-1>",
    "a list by stages": """
vector q_i = 0.1
X_i = W_i*sum(k, 0, i-1, softmax(k, dot(q_i, X_k))*X_k, by=stage)
X_<first> = V_<first>*X_<first-1>""",
    "sums formed early": """
X_i = W_i*(X_<i-1> + X_<i-2> + V_<i-1>*X_<i-2>)
X_<first> = V_<first>*X_<first-1>""",
    "sums over all blocks": """
X_i = W_i*Y_<i-1> + X_<i-3>
Y_i = X_i + sum(k, 1, i-1, 0.5*Y_k) + mean(X_i, X_<i-3>)
X_<first> = V_<first>*X_<first-1>
output Y_L""",
    "the start in each block": """
X_i = W_i*X_<i-1> + 0.5*X_0
X_<first> = V_<first>*X_<first-1>""",
}


def at_depth(text: str, depth: int) -> Formula:
    formula = recform.compile(FRAME + text).formula
    return restaged(formula, stage_counts(formula, depth))


@pytest.mark.parametrize("name", NETWORKS)
def test_each_block_is_as_much_work(name: str) -> None:
    """All that was computed, and all that waits, was gone through in each of them."""
    few, some, many = (
        calls(lambda formula=formula: recurrence.build(formula, Diagnostics()))  # type: ignore[misc]
        for formula in (at_depth(NETWORKS[name], depth) for depth in (24, 48, 96))
    )
    assert many - some < 2.4 * (some - few)
