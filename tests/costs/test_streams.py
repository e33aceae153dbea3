"""Streams that are views of tokens: a product of matrices copies them in one piece."""

from __future__ import annotations

from itertools import product

import pytest
import torch

import recform
from recform.blocks import Arguments, Emitted, Operator, Shape
from tests.costs.test_needs import held
from tests.oracle.compare import compiled

torch.set_num_threads(1)

FRAME = "input {} x {}\nstem linear(c)\nhead none\nstages {} x 3\n"
DEALT = {
    "right behind": "W = streams(2) > linear(c) > join",
    # What is computed number by number lies as the streams do.
    "behind a function": "W = streams(4) > gelu > linear(c) > join",
    # A norm makes streams that are in one piece.
    "behind a norm": "W = streams(2) > ln > linear(c) > join",
    # All are one tensor, but for the product that makes several of it.
    "copies": "W = copies(3) > linear(c) > gelu > merge",
}
SIZES = ((12, 16, 1), (5, 8, 3))


@pytest.mark.parametrize(("name", "size"), [*product(DEALT, SIZES)])
def test_dealt(name: str, size: tuple[int, int, int]) -> None:
    tokens, width, batch = size
    frame = FRAME.format(tokens, width, width)
    item = compiled(f"{frame}{DEALT[name]}\nX_i = X_<i-1> + W_i*X_<i-1>")
    for plan, said, real in held(item, ("plain", "lean", "checkpoint"), batch):
        assert said.total.kept == real.kept, plan
        peak = said.training - said.total.optimizer
        assert peak == pytest.approx(real.training, rel=0.08), plan
        assert said.inference == pytest.approx(real.inference, rel=0.01), plan


class Deal(Operator):
    name, about, elementwise, deals = "deal", "says that it deals", True, True

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{x}")


def test_a_plugin_that_deals_out_what_has_no_streams() -> None:
    item = recform.compile(
        "input 4\nstem linear(c)\nhead none\nstages 4 x 2\n"
        "W = deal > linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>",
        plugins=[Deal],
    )
    for plan, said, real in held(item, ("plain", "lean"), 3):
        assert said.total.kept == real.kept, plan
