"""Numbers that are made of learned ones: tensors like others, if small."""

from __future__ import annotations

import pytest
import torch

from tests.costs.test_needs import held
from tests.oracle.compare import compiled
from tests.thinned import thinned

torch.set_num_threads(1)

FRAME = (
    "input 4 x {}\nstem none\nhead none\nstages {} x 4\nscalar v_i = 0.4\n"
    "scalar u_i = 0.3 per channel\nscalar g = 0.2\nW = linear(c) > tanh\nU = linear(c)\n"
)
NUMBERS = {
    # A checkpoint has the number no more, so that it keeps what is made of that and of
    # what comes in; a lean pass keeps the number. Both have a gradient.
    "of what comes in": "X_i = relu(W_i*X_<i-1>) - hardsigmoid((1 - v_i)*input)",
    "of what comes in, per channel": "X_i = W_i*X_<i-1> - hardsigmoid((1 - u_i)*input)",
    "itself, of what comes in": "X_i = W_i*X_<i-1> - hardsigmoid(v_i*input)",
    "functions": "X_i = exp(u_i)*exp(-v_i)*X_<i-1> + sigmoid(2*u_i)*W_i*X_<i-1>",
    "products and powers": "X_i = u_i^2*X_<i-1> + u_i*v_i*W_i*X_<i-1>",
    "quotients": "X_i = X_<i-1>/(1 + exp(v_i)) + (u_i/v_i)*W_i*X_<i-1>",
    "one function, read twice": "X_i = X_<i-1> + tanh(g)*tanh(tanh(g)*W_i*X_<i-1>)",
    "bounds": "X_i = max(u_i, 0)*X_<i-1> + min(v_i, 1)*W_i*X_<i-1>",
    "before a factor": "X_i = X_<i-1> + tanh(tanh(g)*X_<i-1>)*tanh(X_<i-1>)",
    "in a definition": "D(x) = (1 - a)*x + sigmoid(a)*U*x where U = linear(cin), "
    "scalar a = 0.2 per channel\nX_i = D_i*X_<i-1>",
}


#: How wide, and how many examples; each has one in each run, by turns.
SIZES = ((3, 2), (6, 8))
CASES = [
    (name, *size)
    for place, name in enumerate(NUMBERS)
    for size in SIZES[:: 1 - 2 * (place % 2)]
]


@pytest.mark.parametrize("case", thinned(CASES, 2))
def test_numbers(case: tuple[str, int, int]) -> None:
    name, width, batch = case
    item = compiled(FRAME.format(width, width) + NUMBERS[name])
    for plan, said, real in held(item, ("plain", "lean", "checkpoint"), batch):
        assert said.total.kept == real.kept, plan
        peak = said.training - said.total.optimizer
        assert peak == pytest.approx(real.training, rel=0.06), plan
        assert said.inference == pytest.approx(real.inference, rel=0.01), plan
