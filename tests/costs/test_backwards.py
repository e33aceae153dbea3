"""What blocks hold that are run backwards: what the row leaves counts once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recform.memory import Memory
from recform.target import Target
from tests.costs.measured import measure
from tests.oracle.compare import compiled

IMAGES = "input 3 x 8 x 8\nstages 4 x {}\nhead avgpool > linear(3)\n"
BACK = {
    # The last of a row keeps what it hands on, and the one before gets some of it.
    "a state of two": IMAGES + "W = conv(3, c) > bn > relu > conv(3, c) > bn\n"
    "X_i = 2*X_<i-1> - X_<i-2> + 0.25*W_i*X_<i-1>",
    # What a block hands on as it is was there when it ran back.
    "a state of three": IMAGES + "scalar a_i = 0.5\nW = conv(3, c) > bn > relu\n"
    "X_i = a_i*X_<i-1> + W_i*X_<i-1> + X_<i-3>",
    # Its equation asks for what it is made of, and runs again: term by term.
    "learned scalars": IMAGES + "scalar k_i = -0.05\nW = bn > relu > conv(3, c)\n"
    "X_i = (1 - k_i)*X_<i-1> + k_i*X_<i-2> + W_i(X_<i-1>)",
}


@pytest.mark.parametrize("depth", [4, 9])
@pytest.mark.parametrize("name", BACK)
def test_peaks(name: str, depth: int) -> None:
    item = compiled(BACK[name].format(depth))
    said = item.memory("reversible", batch=5)
    net = replace(item, target=Target(memory=Memory.reversible)).module()
    real = measure(net, item.formula.inputs, 5)
    assert said.total.kept == real.kept
    peak = said.training - said.total.optimizer
    assert peak == pytest.approx(real.training, rel=0.01)
