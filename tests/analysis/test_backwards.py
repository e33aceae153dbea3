"""How well the first state of a row of blocks comes back, against running them backwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import recform
from recform.analysis.invariants.inverse import inverse
from recform.analysis.stability.rounding import Errors

IMAGES = "input 3 x 8 x 8\nstages 8 x {}\nW = conv(3, c) > bn > relu > conv(3, c)\n"
EQUATIONS = {
    "A.4.1": "X_i = W_i*X_<i-1> + X_<i-2>",
    "leapfrog": "X_<-1> = input\nX_i = 2*X_<i-1> - X_<i-2> + 0.06*W_i*X_<i-1>",
    "momentum": "V_i = 0.9*V_<i-1> + 0.1*W_i*X_<i-1>\nX_i = X_<i-1> + V_i\noutput X_L",
}


@pytest.mark.parametrize(
    ("name", "blocks"),
    [*((name, blocks) for name in EQUATIONS for blocks in (8, 24)), ("leapfrog", 128)],
)
def test_what_comes_back(name: str, blocks: int) -> None:
    """The bound is above what is seen, where no rounding helps another, by not too much."""
    text = IMAGES.format(blocks) + EQUATIONS[name]
    found = recform.compile(text).summary().rebuilt
    assert found is not None
    torch.manual_seed(0)
    net = recform.load(text, memory="reversible")
    rows: list[tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]] = []
    steps = [m for m in net.modules() if hasattr(m, "inverse")]
    assert len(steps) == found.blocks
    for step in steps:
        step.register_forward_hook(lambda _, got, made: rows.append((got, made)))
    with torch.no_grad():
        net(torch.randn(4, 3, 8, 8))
        state = rows[-1][1]
        for step in reversed(steps):
            state = step.inverse(*state)  # type: ignore[operator]
    largest = max(t.norm() for _, made in rows for t in made)
    off = max((a - b).norm() / largest for a, b in zip(state, rows[0][0], strict=True))
    assert found.float32 is not None
    assert found.float32 / 150 < off < found.float32


def test_errors_that_add_up() -> None:
    assert Errors(1.0, step=((1.0,),)).after(8, 0.5) == 4
    assert Errors(2.0, step=((2.0,),)).after(3, 1) == 7
    assert Errors(None).after(3, 1) is None
    assert Errors(None, 4.0, 8).after(2, 0.5) == 4
    assert Errors(None, None, 8).after(2, 0.5) is None


def test_what_has_no_way_back() -> None:
    for equation in (
        "X_i = W_i*X_<i-1>",
        "X_i = W_i*X_<i-1> + W_i*relu(X_<i-1>) + X_<i-2>",
    ):
        assert recform.compile(IMAGES.format(4) + equation).summary().rebuilt is None


@pytest.mark.parametrize(
    "equation",
    [
        "X_i = 2*X_<i-1> - X_<i-2> + W_i*X_<i-1>",
        "X_i = 1.5*X_<i-2> + W_i*X_<i-1>",
        "X_i = X_<i-1> + V_i\nV_i = 0.9*V_<i-1> + W_i*X_<i-1>\nV_0 = 0\noutput X_L",
        "X_i = X_<i-2> + W_i*X_<i-1>",
    ],
)
def test_what_errors_of_all_blocks_add_up_to(equation: str) -> None:
    """A bound, which errors of one size reach: it is no power of a root alone."""
    text = f"input 4\nstages 4 x 12\nW = linear(c)\n{equation}"
    lost = inverse(recform.compile(text).formula).lost
    step = np.array(lost.step)
    for blocks in (1, 2, 5, 12):
        powers = [np.linalg.matrix_power(step, n) for n in range(blocks)]
        sizes = [np.abs(power).sum(axis=1).max() for power in powers]
        assert lost.after(blocks, 0.5) == pytest.approx(0.5 * sum(sizes))
        least = 0.5 * sum(sizes)
        assert lost.longest(100, 0.5, least * (1 + 1e-9)) == blocks
    assert lost.after(3, 0.0) == 0.0
