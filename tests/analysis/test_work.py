"""How much work an analysis is: twice as much for twice the blocks."""

from __future__ import annotations

import recform
from recform.analysis.jacobian.closed import jacobians
from recform.analysis.jacobian.regimes import pieced
from recform.analysis.paths.distribution import stage_counts
from recform.diagnostics import Diagnostics
from recform.linear.recurrence import linearise
from recform.recurrence.restaged import restaged
from tests.counted import calls

TEXT = """
input  4
stages 4 x 2, 6 x 2
X_i = W_i*Y_<i-1> + X_<i-3>
Y_i = X_i + sum(k, 1, i-1, 0.5*Y_k)
X_<first> = V_<first>*X_<first-1>
output Y_L
W = linear(c)
V = linear(c)"""


def test_jacobians_of_blocks_with_equations_of_their_own() -> None:
    """The first blocks of late stages are looked up, and not looked for."""
    formula = recform.compile(TEXT).formula

    def work(depth: int) -> int:
        deep = restaged(formula, stage_counts(formula, depth))
        linear = linearise(deep, Diagnostics(), activations=False)
        found = jacobians(linear)
        return calls(lambda: pieced(linear, found, [depth]))

    few, some, many = map(work, (40, 80, 160))
    assert many - some < 2.4 * (some - few)
