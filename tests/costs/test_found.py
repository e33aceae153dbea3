"""What random files found, each kind small: all that is said of it, to a hundredth."""

from __future__ import annotations

import pytest
import torch

from tests.costs.test_needs import TOKENS, held
from tests.oracle.compare import compiled

torch.set_num_threads(1)

HEADED = "input 12 x 16\nstages 16 x 2\nstem linear(c)\nhead none\n"
FOUND = {
    # An operation that takes one tensor twice makes a gradient for each argument.
    "one tensor thrice": HEADED
    + "A = attend(2) > linear(c)\nX_i = X_<i-1> + A_i(X_<i-1>, X_<i-1>, X_<i-1>)",
    "keys that are values": HEADED + "Q = linear(c)\nK = linear(c)\n"
    "A = attend(2) > linear(c)\n"
    "X_i = X_<i-1> + A_i(Q_i*X_<i-1>, K_i*X_<i-1>, K_i*X_<i-1>)",
    "a bilinear map": "input 40 x 4\nstages 4 x 3\nB = bilinear(c) > tanh\n"
    "X_i = X_<i-1> + B_i(X_<i-1>, X_<i-1>)",
    # The gradient of what is summed up is that of the sum, seen by each number.
    "inner products": TOKENS + "W = linear(c)\n"
    "X_i = W_i*X_<i-1> + dot(X_<i-1>, X_<i-1>)*X_<i-1>",
}


@pytest.mark.parametrize("name", FOUND)
def test_to_a_hundredth(name: str) -> None:
    for plan, said, real in held(
        compiled(FOUND[name]), ("plain", "lean", "checkpoint")
    ):
        assert said.total.kept == pytest.approx(real.kept, rel=1e-3), plan
        peak = said.training - said.total.optimizer
        assert peak == pytest.approx(real.training, rel=0.01), plan
        assert said.inference == pytest.approx(real.inference, rel=0.01), plan
