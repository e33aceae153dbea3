"""Numbers beside tensors: ``concat(X_<i-1>, i/L)``."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from recform.compiler import emit_source
from recform.diagnostics import CompileError
from tests.oracle.compare import compiled

VECTORS = "input 2\nstem none\nhead none\nstages 2 x 3\nW = linear(c)\n"


def network(text: str) -> nn.Module:
    return compiled(text).module()


def test_a_number_in_the_output_is_a_column() -> None:
    text = VECTORS + "X_i = W_i*X_<i-1>\noutput concat(-3, X_L, L, 1/4)"
    made = network(text)(torch.ones(5, 2))
    assert made.shape == (5, 5)
    assert made[:, 0].tolist() == [-3] * 5
    assert made[:, 3].tolist() == [3] * 5
    assert made[:, 4].tolist() == [0.25] * 5


def test_a_number_has_no_module_and_no_class() -> None:
    text = VECTORS + "X_i = W_i*concat(X_<i-1>, (i-1)/L)"
    source = emit_source([compiled(text)])
    assert "pad(x_prev, (0, 1), value=" in source
    assert "Append" not in source


def test_it_is_the_operator_append() -> None:
    """Of the same weights both make the same, to the last bit."""
    mine = VECTORS + "X_i = X_<i-1> + W_i*concat(X_<i-1>, j/L)"
    other = VECTORS + "T = append(j/L)\nX_i = X_<i-1> + W_i*T_i*X_<i-1>"
    x = torch.randn(4, 2)
    nets = [network(text) for text in (mine, other)]
    nets[1].load_state_dict(nets[0].state_dict())
    assert torch.equal(nets[0](x), nets[1](x))


#: Numbers of stages and blocks, some of them below 1 or 0, and what stands beside block 2.
TABLES = """\
const t = (0.1,) per stage
const u = (0.5, -2, 1) per block
"""
BELOW = {
    "max(t, 0.2)": 0.2,
    "abs(t - 1)": 0.9,
    "max(u, 0)": 0.0,
    "abs(u)/4": 0.5,
    "max(t, i - 3)": 0.1,
    "abs(j - 3)": 1.0,
    "min(1/4, j)": 0.25,
    "max(1, j)*j - j": 2.0,
}


@pytest.mark.parametrize("places", ("", 'names W = "."\n'), ids=("apart", "inside"))
@pytest.mark.parametrize("number", BELOW)
def test_numbers_of_places_may_be_any(number: str, places: str) -> None:
    """In the block's own code they were taken for sizes: RF901."""
    frame = VECTORS.replace("W = linear(c)\n", f"{TABLES}{places}")
    beside = f"{frame}X_i = W_i*concat(X_<i-1>, {number})\nW = linear(c)"
    behind = f"{frame}X_i = W_i*X_<i-1>\nW = append({number}) > linear(c)"
    assert _wide(beside) == _wide(behind) == pytest.approx(BELOW[number])


def test_floats_beside_a_whole_number_are_not_it() -> None:
    """Code rounds 1.0000000001 before it cuts off, and so did what it is held against."""
    frame = VECTORS.replace("W = linear(c)\n", "const t = ({},) per stage\n")
    frame += "W = linear(c)\nX_i = W_i*concat(X_<i-1>, {})"
    assert _wide(frame.format("0.29", "floor(100*t)")) == 29
    assert _wide(frame.format("1/3", "ceil(3*t)")) == 1
    with pytest.raises(CompileError, match="RF106"):
        network(frame.format("1.0000000001", "ceil(t)"))


def _wide(text: str) -> float:
    """The third feature that the linear map of block 2 gets."""
    net, got = network(text), []
    linears = [m for m in net.modules() if isinstance(m, nn.Linear)]
    linears[1].register_forward_pre_hook(lambda _, given: got.extend(given))
    net(torch.randn(1, 2))
    return float(got[0][0, 2].detach())


@pytest.mark.parametrize(
    "equation",
    [
        "X_<i+1> = X_i + W_<i+1>*concat(X_i, j)",
        "X_<i-1> = X_<i-2> + W_<i-1>*concat(X_<i-2>, n)",
        "X_i = X_<i-1> + W_i*concat(k_<i-1>, X_<i-1>)",
    ],
)
def test_the_number_of_another_block_is_refused(equation: str) -> None:
    """It was that of the block itself, and nobody said so."""
    text = f"{VECTORS}const n = (1, 2, 3) per block\nconst k_i = n/2\n{equation}"
    with pytest.raises(CompileError, match=r"RF218.*beside a tensor stand"):
        compiled(text)
