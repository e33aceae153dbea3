"""The equations of tensors that have their features last, and of gates, are evaluated."""

from __future__ import annotations

import pytest

from recform.compiler import compile_source, from_text

STREAMS = (
    "input 6 x 4\nstages 4 x 3\nstem linear(c) > copies(2)\nhead merge > avgpool\n"
    "A = weave\nT = linear(c)\n"
)
TEXTS = {
    "streams, features of a position": f"{STREAMS}H_i = A_i*H_<i-1>*dot(H_<i-1>, T_i*H_0)",
    "streams, side by side": f"{STREAMS}H_i = T_i*concat(A_i*H_<i-1>, H_0)",
    "tokens, a gate": "input 6 x 4\nstages 4 x 3\nG = avgpool > linear(c)\nW = linear(c)\n"
    "X_i = X_<i-1> + sigmoid(G_i*X_<i-1>)*W_i*X_<i-1>",
    "images, a vector that is added": "input 3 x 8 x 8\nstages 4 x 2\n"
    "G = avgpool > linear(c)\nW = conv(1, c)\nX_i = G_i*X_<i-1> + W_i*X_<i-1>",
    "numbers that vanish in a block": "input 4\nstages 4 x 3\nW = linear(c)\nvector v_i = 1\n"
    "X_i = W_i*X_<i-1> + max(0, 1 - i + 3*floor(i/3))*v_i*X_<i-1>",
    "numbers of the last block": "input 4\nstages 4 x 2\nW = linear(c)\nvector v_i = 1\n"
    "X_i = X_<i-1> + W_i*X_<i-1>\noutput v_L^2*X_L + v_<L-1>",
}


@pytest.mark.parametrize("what", TEXTS)
def test_nothing_fails(what: str) -> None:
    (item,) = compile_source(from_text(TEXTS[what]))
    assert [check.claim for check in item.verify() if check.holds is False] == []
