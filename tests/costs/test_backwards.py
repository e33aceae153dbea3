"""What blocks hold that are run backwards: what the row leaves counts once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from recform.blocks.amount import Dtype
from recform.classes.steps.reversible import ways_back
from recform.costs import budget
from recform.costs.forms import under
from recform.costs.needs import Setting
from recform.costs.peaks import peaks
from recform.costs.record import record
from recform.memory import Memory
from recform.target import Target
from tests.blocks.test_lean import kept
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


@pytest.mark.parametrize("depth", [4, 9])
def test_what_comes_in_has_no_gradient(depth: int) -> None:
    """A block that gets it runs as ever, and keeps what it did."""
    item = compiled(
        f"input 8\nstem none\nhead none\nstages 8 x {depth}\nW = linear(c) > tanh\n"
        "X_i = X_<i-1> + W_i*X_<i-1> - X_<i-2>"
    )
    said = item.memory("reversible", batch=5)
    net = replace(item, target=Target(memory=Memory.reversible)).module()
    assert said.total.kept == measure(net, item.formula.inputs, 5).kept


#: A network whose blocks draw: one operator twice, another one once, and one never.
DRAWN = (
    IMAGES + "W = conv(3, c) > dropout(0.2) > bn > dropout(0.1)\nN = conv(1, c) > bn\n"
    "U = conv(1, c) > bn > droppath(0.3)\n"
    "X_i = W_i*X_<i-1> + U_i*N_i*X_<i-1> + X_<i-2>"
)


@pytest.mark.parametrize("depth", [4, 9])
def test_what_draws_keeps_from_where(depth: int) -> None:
    """The state of torch's generator, for each call of an operator that draws."""
    item = compiled(DRAWN.format(depth))
    said = item.memory("reversible", batch=2)
    net = replace(item, target=Target(memory=Memory.reversible)).module()
    found = kept(net, torch.randn(2, 3, 8, 8))
    assert said.total.kept - said.incoming == found
    states = 2 * (depth - 2) * torch.get_rng_state().nbytes
    there = item.memory("reversible", batch=2, for_device="h100").total.kept
    assert said.total.kept - there > states, "a GPU's is in no memory of a GPU"


def test_rows_that_draw_add_up() -> None:
    """Of a long row a few blocks stand for all; each state is there to the end of its row."""
    item = compiled(DRAWN.format(24))
    short = Setting(2).shortened(item.graph)
    tape, back = record(item.graph), ways_back(item.graph, Dtype.fp32)
    found = budget.choices(short, 2, 4, lambda op: op.runs, back)
    for choice in (*found[::9], found[-1]):
        whole = peaks(under(tape, choice.forms), 2, 4)
        assert (whole.kept, whole.training) == (choice.kept, choice.peak)
