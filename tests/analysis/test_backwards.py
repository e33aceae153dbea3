"""How well the first state of a row of blocks comes back, against running them backwards."""

from __future__ import annotations

import pytest
import torch

import recform
from recform.analysis.stability.rounding import Errors

IMAGES = "input 3 x 8 x 8\nstages 8 x {}\nW = conv(3, c) > bn > relu > conv(3, c)\n"
EQUATIONS = {
    "A.4.1": "X_i = W_i*X_<i-1> + X_<i-2>",
    "leapfrog": "X_<-1> = input\nX_i = 2*X_<i-1> - X_<i-2> + 0.06*W_i*X_<i-1>",
    "momentum": "V_i = 0.9*V_<i-1> + 0.1*W_i*X_<i-1>\nX_i = X_<i-1> + V_i\noutput X_L",
}


@pytest.mark.parametrize("blocks", [8, 24])
@pytest.mark.parametrize("name", EQUATIONS)
def test_what_comes_back(name: str, blocks: int) -> None:
    """The estimate is above what is seen, and by less than a factor of 30."""
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
    assert found.float32 / 30 < off < 2 * found.float32


def test_errors_that_add_up() -> None:
    assert Errors(1.0).after(8, 0.5) == 4
    assert Errors(2.0).after(3, 1) == 7
    assert Errors(None).after(3, 1) is None
    assert Errors(None, 4.0, 8).after(2, 0.5) == 4
    assert Errors(None, None, 8).after(2, 0.5) is None


def test_what_has_no_way_back() -> None:
    for equation in (
        "X_i = W_i*X_<i-1>",
        "X_i = W_i*X_<i-1> + W_i*relu(X_<i-1>) + X_<i-2>",
    ):
        assert recform.compile(IMAGES.format(4) + equation).summary().rebuilt is None
