"""Formulas with two indices, against the oracle and against two plain loops."""

from __future__ import annotations

import pytest
import torch

from recform.diagnostics import CompileError
from tests.oracle.compare import agree, compiled

torch.set_num_threads(1)

FRAME = """
input 2 x 4 x 4
stem conv(1, 3) > bn
W = conv(1, c, stride=s) > bn > tanh
U = conv(1, c, stride=s) > bn
"""
FORMS = [
    "stages 3 x 4\ntimes 3\nX_<i,t> = W_i*X_<i-1,t> + U_i*X_<i,t-1>",
    "stages 3 x 4\ntimes 3\nX_<i,t> = W_i*(X_<i-1,t> + X_<i,t-1>)",
    "stages 3 x 5, 4 x 2 / 2\n"
    "times 3\n"
    "X_<i,t> = W_i*X_<i-1,t> + U_<i,t>*X_<i,t-1> + X_<i-2,t-1>",
    "stages 3 x 5\ntimes 3\nX_<i,t+1> = W_i*X_<i-1,t+1> + U_i*X_<i,t>",
    "stages 3 x 5\n"
    "times 2\n"
    "X_<i,t> = W_i*X_<i-1,t> + U_t*X_<i,t-1>/t\n"
    "output concat(X_<L,1..T>)",
    "stages 3 x 5\n"
    "times 3\n"
    "scalar k_<i,s> = 0.3\n"
    "X_<i,t> = k_<i,t>*W_i*X_<i-1,t> + (1-k_<i,t>)*X_<i,t-1>",
    "stages 3 x 5\n"
    "times 3\n"
    "scalar k_t = 0.3\n"
    "scalar g_t = 0.5 per channel\n"
    "X_<i,t> = g_t*W_i*X_<i-1,t> + k_<t-1>*X_<i,t-1>",
    # The weights of members are the same at all times.
    "stages 3 x 4\n"
    "times 2\n"
    "scalar a_<i,k> = 0.2*k\n"
    "scalar a_<i,i-1> = 1\n"
    "X_<i,t> = W_i*sum(m, 0, i-1, a_<i,m>*X_<m,t>) + U_i*X_<i,t-1>",
    "stages 3 x 5\ntimes 3\nX_<i,0> = X_<i-1,0>\nX_<i,t> = W_i*X_<i-1,t> + X_<i,t-1>",
    "stages 3 x 5\ntimes 3\nX_<0,t> = U_0*input\nX_<i,t> = W_i*X_<i-1,t> + X_<i,t-1>",
    "stages 3 x 5\n"
    "times 3\n"
    "X_<0,1> = 0.5*input\n"
    "X_<i,1> = X_<i-1,1> + W_i*X_<i-1,1>\n"
    "X_<i,t> = W_i*X_<i-1,t> + X_<i,t-1>",
    "stages 3 x 5\n"
    "times 3\n"
    "Y_i = U_i*Y_<i-1>\n"
    "X_<i,t> = W_i*X_<i-1,t> + X_<i,t-1> + Y_i\n"
    "output X_<L,T>",
    "stages 3 x 5\n"
    "times 3\n"
    "H_<i,t> = tanh(W_i*X_<i-1,t> + U_i*H_<i,t-1>)\n"
    "X_<i,t> = X_<i-1,t> + H_<i,t>",
    "stages 3 x 5\n"
    "times 3\n"
    "X_<i,t> = W_i*X_<i-1,t> + X_<i-1,t-1> + U_<i,t-1>*X_<i-1,t>",
    "stages 3 x 5\ntimes 2\nX_<i,t> = W_i*concat(X_<0..i-1,t>) + X_<i,t-1>",
    "stages 4 x 3\n"
    "times 3\n"
    "A_<i,2>, B_<i,2> = split(tanh(W_i*X_<i-1,2>), 2)\n"
    "A_<i,t>, B_<i,t> = split(W_i*X_<i-1,t>, 2)\n"
    "X_<i,t> = concat(B_<i,t>, A_<i,t>) + U_i*X_<i,t-1>\n"
    "output X_<L,T>",
]


@pytest.mark.parametrize("text", FORMS)
def test_form(text: str) -> None:
    agree(FRAME + text)


def test_halves_of_the_input() -> None:
    agree(
        "input 4\nstem none\nhead none\nstages 2 x 3\ntimes 2\nV = linear(2)\n"
        "X_<0,t>, Y_<0,t> = split(input, 2)\nX_<i,t> = X_<i-1,t> + V_i*Y_<i-1,t>\n"
        "Y_<i,t> = Y_<i-1,t> + 0.5*Y_<i,t-1> + V_i*X_<i,t>\n"
        "output concat(X_<L,T>, Y_<L,T>)"
    )


def test_two_loops() -> None:
    """Times outside, blocks inside: not the order in which the compiler has them."""
    item = compiled(
        FRAME + "stages 3 x 4\ntimes 3\nX_<i,t> = W_i*X_<i-1,t> + U_<i,t>*X_<i,t-1>\n"
        "output mean(X_<L,1..T>)"
    )
    net = item.module().eval()
    images = torch.randn(2, 2, 4, 4)
    start = net.stem(images)
    before: list[torch.Tensor] = []
    outputs = []
    for time in range(1, 4):
        x = start
        layers = []
        for position, block in enumerate(net.blocks):
            x = block.W(x)
            if before:
                x = x + getattr(block, f"U{time}")(before[position])
            layers.append(x)
        before = layers
        outputs.append(x)
    expected = net.head(sum(outputs[1:], outputs[0]) / 3)
    assert torch.allclose(net(images), expected, atol=1e-6)


def test_a_module_is_one_at_all_times() -> None:
    item = compiled(
        "times 3\nstages 8 x 4\nX_<i,t> = W_i*X_<i-1,t> + V_<i,t>*X_<i,t-1>"
    )
    names = {
        name.split(".")[2] for name, _ in item.module().blocks.named_parameters("b")
    }
    assert names == {"W", "V2", "V3"}  # V1 would read what is before the first time
    assert item.source.count("Block(nn.Module):") == 1  # W and V are alike


@pytest.mark.parametrize(
    ("called", "written"),
    [
        ("V_<i,t>(X_<i,t-1>)", "V_<i,t>*X_<i,t-1>"),
        ("V(X_<i,t-1>, theta_<i,t>)", "V_<i,t>*X_<i,t-1>"),
        ("V(X_<i,t-1>, theta_t)", "V_t*X_<i,t-1>"),
    ],
)
def test_a_called_operator_has_its_time(called: str, written: str) -> None:
    frame = FRAME + "stages 3 x 2\ntimes 3\nX_<i,t> = W_i*X_<i-1,t> + "
    shapes = [
        {k: v.shape for k, v in compiled(frame + text).module().state_dict().items()}
        for text in (called, written)
    ]
    assert shapes[0] == shapes[1]
    agree(frame + called)


def test_one_equation_for_one_time() -> None:
    text = "times 3\nstages 8 x 2\nX_<i,1> = X_<i-1,1>\nX_<i,t> = W_i*X_<i-1,t> + X_<i,t-1>"
    assert "x1 = x1_prev" not in compiled(text).source
    assert compiled(text).recurrence.shared[0].calls == (
        "W_i*X_<i-1,2>",
        "W_i*X_<i-1,3>",
    )


MISTAKES = {
    "RF301": "X_<i,t> = W_i*X_<i-1,t> + X_<i+1,t-1>",
    "RF302": "X_<i,t> = W_i*X_<i-1,t> + X_<i,t+1>",
    "RF304": "X_<i,t> = W_i*X_<i-1> + X_<i,t-1>",
    "RF305": "X_<i,t> = W_i*X_<i,t-1>",
    "RF307": "X_<i,t> = W_<i,t,t>*X_<i-1,t>",
    "RF403": "times 0\nX_<i,t> = W_i*X_<i-1,t>",
    "RF106": "times 1000\nX_<i,t> = W_i*X_<i-1,t>",
    "RF207": "X_<i,t> = W_i*X_<i-1,t>\nX_<i,t> = X_<i-1,t>",
}


@pytest.mark.parametrize("code", MISTAKES)
def test_mistake(code: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(MISTAKES[code])
    assert [item.code for item in caught.value.diagnostics] == [code]
    assert "." not in caught.value.diagnostics[0].message.replace("...", "")
