"""Blocks run backwards whose numbers depend on the block, against the plain network."""

from __future__ import annotations

import pytest
import torch

import recform
from recform.diagnostics import CompileError

FRAME = "input 4\nstages 4 x 6\nstem linear(c)\nW = linear(c) > tanh\nV = linear(c)\n"
EQUATIONS = {
    "in front of the oldest": ("X_i = X_<i-2>/i + W_i*X_<i-1>", " / self.scale"),
    "named": (
        "const k_i = 0.8 - 0.6*exp(-0.3*i)\nX_i = k_i*X_<i-2> + W_i*X_<i-1>",
        "x / self.k - self.W(x_prev) / self.k",
    ),
    "of an operator": ("X_i = X_<i-2> + W_i*X_<i-1>/i", "x - self.scale * self.W("),
    "two of them": ("X_i = X_<i-2>/i + W_i*X_<i-1>/(i + 1)", "self.scale"),
    "of how many there are": ("X_i = X_<i-2> + W_i*X_<i-1>/sqrt(L*i)", "self.scale"),
    "with a learned one": (
        "scalar a_i = 1\nX_i = X_<i-2>/i + a_i/i^2*W_i*X_<i-1>",
        "self.a",
    ),
    "of how many alone": (
        "X_i = X_<i-2> + W_i*X_<i-1>/L",
        "x - self.scale * self.W(x_prev)",
    ),
    "a share": (
        "const g_i = i/L\nX_i = X_<i-2> + g_i*W_i*X_<i-1>",
        "x - self.g * self.W(",
    ),
    "the one before": (
        "const k_i = i/2\nX_i = k_<i-1>*X_<i-2> + k_i*W_i*X_<i-1>",
        "self.k_prev",
    ),
    "halves": (
        "Y_0, X_0 = split(input, 2)\nY_i = Y_<i-1>/i + V_i*X_<i-1>\n"
        "X_i = i*X_<i-1> + W_i*Y_i\noutput concat(Y_L, X_L)",
        "def inverse",
    ),
    "by place": (
        "const b = (1, 2, 3, 4, 5, 6) per block\nX_i = X_<i-2>/b + W_i*X_<i-1>",
        "def inverse",
    ),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_gradients_are_those_of_the_plain_network(name: str) -> None:
    equation, said = EQUATIONS[name]
    text = FRAME + equation
    if name == "halves":
        text = text.replace("V = linear(c)", "V = linear(c/2)").replace(
            "linear(c) > tanh", "linear(c/2) > tanh"
        )
    else:
        text = text.replace("V = linear(c)\n", "")
    source = recform.compile(text, memory="reversible").source
    assert said in source and "def inverse" in source
    made = []
    for memory in ("plain", "reversible"):
        torch.manual_seed(0)
        net = recform.load(text, memory=memory).double()
        torch.manual_seed(1)
        x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
        net(x).square().sum().backward()
        made.append({n: p.grad for n, p in net.named_parameters()} | {"x": x.grad})
    torch.testing.assert_close(made[0], made[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("equation", "said"),
    [
        ("X_i = (i - 4)*X_<i-2> + W_i*X_<i-1>", "i - 4 is zero in some block"),
        (
            "const k_i = floor(i/4)\nX_i = k_i*X_<i-2> + W_i*X_<i-1>",
            "is zero in some block",
        ),
        (
            "scalar a_i = i - 4\nX_i = a_i*X_<i-2> + W_i*X_<i-1>",
            "a_i is zero where it starts",
        ),
    ],
)
def test_what_cannot_be_divided_by(equation: str, said: str) -> None:
    with pytest.raises(CompileError) as caught:
        recform.load(
            FRAME.replace("V = linear(c)\n", "") + equation, memory="reversible"
        )
    assert said in caught.value.diagnostics[0].message


def test_a_block_that_is_not_run_backwards_may_have_a_zero() -> None:
    """The first block has an equation of its own: it knows no older one."""
    text = FRAME.replace("V = linear(c)\n", "") + "X_i = (i - 1)*X_<i-2> + W_i*X_<i-1>"
    assert "def inverse" in recform.compile(text, memory="reversible").source


@pytest.mark.parametrize(
    ("equation", "said"),
    [
        (
            "X_i = X_<i-2> + W_i*X_<i-1> + tanh(k_i*X_<i-2>)",
            "inside tanh(k_i*X_<i-2>)",
        ),
        (
            "X_i = X_<i-2> + W_i*X_<i-1> + tanh(0.3*k_<i-1>*X_<i-2>)",
            "inside tanh(0.3*k_<i-1>*X_<i-2>)",
        ),
        ("X_i = (k_i - k_3)*X_<i-2> + W_i*X_<i-1>", "k_i - 2/3 is zero in some block"),
        ("scalar a_i = 1\nX_i = X_<i-2> + W_i*X_<i-1> + tanh(a_i*k_i*X_<i-2>)", "a_i"),
    ],
)
def test_constants_are_told_by_their_names(equation: str, said: str) -> None:
    text = FRAME.replace("V = linear(c)\n", "const k_i = 2/i\n") + equation
    with pytest.raises(CompileError) as caught:
        recform.load(text, memory="reversible")
    assert said in caught.value.diagnostics[0].message
