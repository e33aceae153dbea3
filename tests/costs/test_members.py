"""Members of a sum that go one by one: each lets go of its own before the next one."""

from __future__ import annotations

import pytest
import torch

from tests.costs.test_needs import held
from tests.oracle.compare import compiled
from tests.thinned import thinned

torch.set_num_threads(1)

IMAGES = (
    "input 3 x 4 x 4\nstem conv(1, 4) > bn\nhead none\nscalar b_<i,k> = 0.2\n"
    "W = conv(1, c) > bn\nN = ln\n"
)
VECTORS = "input 4\nstem none\nhead none\nW = linear(c) > tanh\nU = linear(c)\nN = ln\n"
DEEP = "U = conv(1, 2*c) > bn > relu > conv(3, c){}\nY_i = W_i*X_<i-1>\n"
MEMBERS = {
    "through many operators": IMAGES
    + DEEP.format("")
    + "X_i = X_<i-1> + sum(k, 0, i, U_i*Y_k)\noutput X_L",
    # What asks for all of them has what each was made of, until that is asked for again.
    "asked for together": IMAGES
    + DEEP.format(" > relu")
    + "X_i = X_<i-1> + sum(k, 0, i-1, b_<i,k>*(U_i*Y_k))\noutput X_L",
    "with numbers of their own": IMAGES
    + DEEP.format("")
    + "X_i = X_<i-1> + sum(k, 0, i, U_i*(b_<i,k>*tanh(Y_k)))\noutput X_L",
}
MEMBERS |= {
    # Of images of several examples a product of matrices copies what it weighs.
    "weighed by features": IMAGES
    + "C = conv(1, i)\n"
    + "X_i = W_i*X_<i-1> + sum(k, 0, i-1, C_<i,k>(X_<i-1>)*tanh(X_k))\noutput X_L",
    "weighed by features, and by numbers": IMAGES
    + "scalar a_<i,k> = 0.3\nC = conv(1, i)\nX_i = W_i*X_<i-1> "
    "+ sum(k, 0, i-1, (a_<i,k> - C_<i,k>(X_<i-1>))*X_k)\noutput X_L",
}
STAGED = {
    # Code runs over a stack where only that has a name.
    "a stack by stage": IMAGES
    + "adapter conv(1, c, stride=s)\nU = conv(1, c) > bn\nY_i = W_i*X_<i-1>\n"
    "X_i = U_i*X_<i-1> + sum(k, 0, i, softmax(k, Y_k)*N_i*Y_k, by=stage)\noutput X_L",
    # What an adapter makes of what comes in is made again by no pass.
    "behind adapters": VECTORS + "adapter linear(c)\nY_i = W_i*X_<i-1>\n"
    "X_i = U_i*X_<i-1> + sum(k, 0, i, N_i*Y_k/(1 + exp(Y_k)), by=stage)\noutput X_L",
    "behind adapters, weighed": VECTORS
    + "adapter linear(c)\nvector q_i = 0.3\nY_i = W_i*X_<i-1>\n"
    "X_i = U_i*X_<i-1> + sum(k, 0, i, softmax(k, dot(q_i, Y_k))*Y_k)\noutput X_L",
}
#: Each has one depth in each run, by turns.
CASES = [
    (name, f"stages {widths.format(count)}\n{text}")
    for found, widths, counts in (
        (MEMBERS, "4 x {}", (3, 7)),
        (STAGED, "4 x 2, 6 x {}", (1, 3)),
    )
    for place, (name, text) in enumerate(found.items())
    for count in counts[:: 1 - 2 * (place % 2)]
]


@pytest.mark.parametrize("case", thinned(CASES, 2, lambda case: case[0]))
def test_members(case: tuple[str, str]) -> None:
    for plan, said, real in held(compiled(case[1]), ("plain", "lean", "checkpoint"), 3):
        assert said.total.kept == real.kept, plan
        peak = said.training - said.total.optimizer
        assert peak == pytest.approx(real.training, rel=0.08), plan
        assert said.inference == pytest.approx(real.inference, rel=0.07), plan
