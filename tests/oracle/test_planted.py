"""A test of the oracle: faults planted into generated modules, each to be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
import torch

from recform.compiler import Compiled
from tests import Tried
from tests.oracle.compare import compare, compiled, shake
from tests.oracle.faults import differs, planted
from tests.oracle.files import recurrences
from tests.oracle.search import search
from tests.thinned import thinned

torch.set_num_threads(1)

IMAGES = (
    "input 2 x 4 x 4\nstem conv(1, 3) > bn\nhead none\nW = conv(1, c, stride=s) > bn\n"
)
FORMULAS = {
    "ResNet": "stages 3 x 3, 4 x 2 / 2\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "Eq. (20)": "stages 3 x 5\nX_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    "two unknowns": "stages 3 x 4\nA_i = A_<i-1> + W_i*B_<i-1>\n"
    "B_i = 0.5*B_<i-1> + V_i*A_i\nV = conv(1, c) > tanh\noutput A_L + B_L",
    "histories": "stages 3 x 7\nX_i = W_i*X_<i-1> + max(X_<0..i-1>)\n"
    "output sum(X_<1..L>)",
    "two inputs": "input 3\nstem none\nstages 3 x 5\nW = linear(c)\n"
    "B = bilinear(c) > tanh\nX_i = X_<i-1> + B_i(W_i*X_<i-1>, X_<i-2>) + 0.5*X_0",
    "third order": "stages 3 x 6\nscalar k_i = 0.3\n"
    "X_i = W_i*X_<i-1> + k_i*X_<i-2> - tanh(X_<i-3>)*X_<i-1>",
}


def see(item: Compiled, which: int) -> str | None:
    """What a fault is called, and whether the oracle sees it; None if it is none."""
    torch.manual_seed(1)
    sound = item.module().double()
    shake(sound)
    images = torch.randn(3, *item.formula.input.sizes, dtype=torch.float64)
    made = planted(item, which)
    if made is None:
        return None
    name, net = made
    try:
        net.load_state_dict(sound.state_dict())
        if not differs(net, sound, images):
            return None
    except (RuntimeError, TypeError, ValueError):
        return "planted and caught"  # It does not even run.
    try:
        compare(item, net.train(), torch.randn_like(images))
    except (AssertionError, AttributeError, RuntimeError):
        return "planted and caught"
    raise AssertionError(f"nobody saw it: {name}")


@pytest.mark.parametrize("name", thinned(FORMULAS, 2, first=1))
def test_planted(name: str) -> None:
    text = FORMULAS[name]
    item = compiled(text if text.startswith("input") else IMAGES + text)
    seen = Counter(see(item, which) for which in range(0, 40, 3))
    assert seen["planted and caught"] >= 5


def planting(which: int) -> Callable[[str], str]:
    """Plants one of the faults that a file's module may have."""

    def one(text: str) -> str:
        try:
            item = compiled(text)
        except Exception:  # The other searches tell.
            return "without a network"
        return see(item, which) or "planted, and no fault"

    return one


@pytest.mark.long
@pytest.mark.parametrize("which", [1, 8, 17, 30])
def test_search(which: int, scale: float, tried: Tried) -> None:
    files = recurrences(1, 12, histories=2)
    counts = search(files, planting(which), max(1, round(250 * scale)))
    tried(counts)
