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
    # The gradient of a sum is a view of one stream: what is behind copies it.
    "summed up": "W = streams(2) > linear(c) > merge",
    "copies, summed up": "W = copies(3) > linear(c) > merge",
    # Between streams a product of matrices has all examples of each in one piece.
    "read": "W = streams(4) > read > linear(c)",
    # Of the gradient of copies each has its own, before these are summed up.
    "copies, read": "W = copies(3) > read > linear(c)",
    "woven": "W = streams(4) > weave > ln > linear(c) > merge",
    "copies, woven": "W = copies(3) > weave > linear(c) > merge",
    # What is made of copies has each in one piece; its gradient is of all, and summed.
    "copies, a function": "W = copies(3) > gelu > merge",
    "copies, a norm": "W = copies(3) > ln > merge",
    "copies, a function, read": "W = copies(3) > tanh > read",
    "copies, a function, multiplied": "W = copies(3) > tanh > linear(c) > merge",
    # The statistics of a norm are there while it runs.
    "a norm behind a function": "W = streams(2) > gelu > ln > linear(c) > join",
    # What lies as streams that were dealt out is put together without a copy.
    "joined": "W = streams(2) > gelu > join",
    "joined, nothing between": "W = streams(2) > dropout(0.1) > join",
}
#: Streams from the stem on.
STEMS = {
    "dealt": ("streams(4)", "W = linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>"),
    "woven": ("streams(4)", "W = weave > linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>"),
    "woven, by number": (
        "streams(4)",
        "W = weave > gelu > linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>",
    ),
    "copies": (
        "copies(3)",
        "A = weave\nR = read\nB = write(3)\nF = ln > linear(c) > gelu > linear(c)\n"
        "X_i = A_i*X_<i-1> + B_i*F_i*R_i*X_<i-1>",
    ),
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
        assert peak == pytest.approx(real.training, rel=0.03), plan
        assert said.inference == pytest.approx(real.inference, rel=0.01), plan


@pytest.mark.parametrize(("name", "size"), [*product(STEMS, SIZES)])
def test_stems(name: str, size: tuple[int, int, int]) -> None:
    tokens, width, batch = size
    dealt, blocks = STEMS[name]
    frame = FRAME.format(tokens, width, width).replace(
        "linear(c)", f"linear(c) > {dealt}"
    )
    item = compiled(f"{frame.replace('none', 'merge')}{blocks}")
    for plan, said, real in held(item, ("plain", "lean", "checkpoint"), batch):
        assert said.total.kept == real.kept, plan
        peak = said.training - said.total.optimizer
        assert peak == pytest.approx(real.training, rel=0.05), plan
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
