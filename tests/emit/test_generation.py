"""Networks that go on by positions: what they make is what a pass through all makes."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import recform
from recform.blocks.examples import random_examples
from recform.classes.network import plan_network
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.emit.checked import check
from recform.emit.module import module_names, printed
from recform.plan.kept import keeping
from recform.target import Target
from tests.thinned import thinned

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FRAME = "input 12 of 7\nstages 8 x 3\nstem embed(c) > positions\n"
TOKENS = "input 12 x 3\nstages 8 x 4\n"
SIGNAL = f"{TOKENS}head linear(2)\n"
LAYER = (
    f"{SIGNAL}times positions\nU = linear(c)\nW = linear(c)\n"
    "X_<i,t> = X_<i-1,t> + H_<i,t>\noutput X_L\n"
)
TEXTS = {
    "attention": f"{FRAME}A = ln > attention(2, causal=true)\n"
    "X_i = X_<i-1> + A_i*X_<i-1>",
    "convolutions": f"{SIGNAL}W = conv1d(3, c, dilation=2^(i-1), causal=true) > relu\n"
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "a kernel of one": f"{SIGNAL}W = conv1d(1, c) > conv1d(4, c, groups=2, causal=true)\n"
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "one module for all blocks": f"{FRAME}A = attention(4, causal=true, bias=false)\n"
    "X_i = X_<i-1> + A*X_<i-1>",
    "a module that a later block calls again": f"{FRAME}A = attention(2, causal=true)\n"
    "X_i = X_<i-1> + A_i*X_<i-1> - A_<i-1>*X_<i-1>",
    "histories": f"{FRAME}A = linear(c) > attention(2, causal=true)\n"
    "X_i = A_i*concat(X_<0..i-1>)",
    "halves, and a gate of one feature": f"{SIGNAL}P = attention(2, causal=true)\n"
    "G = linear(1) > sigmoid\nQ = linear(c/2)\n"
    "U_i, V_i = split(P_i*X_<i-1>, 2)\n"
    "X_i = X_<i-1> + (G_i*X_<i-1>)*concat(V_i, tanh(U_i)*(Q_i*X_<i-1>))\noutput X_L",
    "a definition, and tables in blocks": f"{FRAME}"
    "Gate(x) = (A*x)*sigmoid(C*x)\n"
    "    where A = attention(2, causal=true), C = conv1d(2, causal=true)\n"
    "W = positions > Gate > (rmsnorm > attention(2, causal=true))\n"
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "parts of blocks": f"{FRAME}W = positions > attention(2, causal=true)\n"
    'X_i = X_<i-1> + W_i*X_<i-1>\nnames stem = ".", W = ".", head = "."',
    "keys and values of their own": f"{FRAME}A = attend(4, 2, causal=true, rotary=10000)\n"
    "Q = linear(c)\nK = linear(c/2)\nV = linear(c/2)\n"
    "X_i = X_<i-1> + A_i(Q_i*X_<i-1>, K_i*X_<i-1>, V_i*X_<i-1>)",
    "streams": f"{TOKENS}stem linear(c) > copies(3)\nhead merge > linear(2)\n"
    "A = weave\nR = read\nB = write(3)\nT = ln > attention(2, causal=true)\n"
    "H_i = A_i*H_<i-1> + B_i*T_i*R_i*H_<i-1>",
    "streams with weights of contents": "input 12 x 3\nstages 3 x 3\n"
    "stem linear(9) > streams(3)\nhead join > linear(2)\n"
    "Q = linear(3) > offset(eye) > sinkhorn\nO = linear(1) > offset(ones)\n"
    "T = linear(4) > attention(2, causal=true) > linear(3)\n"
    "H_i = mix(Q_i*H_<i-1>, H_<i-1>) + spread(O_i*H_<i-1>, T_i*merge(H_<i-1>))",
    "several tensors, and the time": f"{SIGNAL}B = bilinear(c)\n"
    "W = append(0.5) > linear(c) > tanh\nX_i = X_<i-1> + B_i(W_i*X_<i-1>, X_0)",
    "windows, caps and norms": f"{FRAME}"
    "A = attend(2, causal=true, window=3, softcap=5, qknorm=true)\n"
    "B = attend(2, causal=true, window=1)\nK = linear(c)\n"
    "X_i = X_<i-1> + A_i(X_<i-1>, K_i*X_<i-1>, X_<i-1>) + B_i(X_0, X_0, X_<i-1>)",
    "the token before": f"{SIGNAL}W = shift > linear(c)\n"
    "X_i = X_<i-1> + shift(W_i*shift(X_<i-1>))*sigmoid(X_<i-1>)",
    "a module called as torch's functions are": f"{FRAME}"
    "F = attention(2, causal=true)\nvector u_i = 0.5\n"
    "X_i = F_i*X_<i-1> + u_i*X_<i-1> + (1 - u_i)*shift(relu(X_<i-1>))",
    "a module called as what is kept is": f"{FRAME}"
    "past = shift > attention(2, causal=true)\nX_i = X_<i-1> + past_i*X_<i-1>",
    "a recurrence": f"{LAYER}H_<i,t> = tanh(U_i*X_<i-1,t> + W_i*H_<i,t-1>)",
    "two positions back": f"{LAYER}"
    "H_<i,t> = tanh(U_i*X_<i-1,t> + W_i*H_<i,t-2>) - 0.5*H_<i,t-1>",
    "several unknowns": f"{LAYER}C_<i,t> = 0.5*C_<i,t-1> + tanh(W_i*H_<i,t-1>)\n"
    "H_<i,t> = tanh(U_i*X_<i-1,t> + C_<i,t>)",
    "a linear recurrence": f"{LAYER}scalar k_i = 0.5 per channel\n"
    "H_<i,t> = sigmoid(k_i)*H_<i,t-1> + U_i*X_<i-1,t>",
    "a gated one": f"{LAYER}H_<i,t> = sigmoid(W_i*X_<i-1,t>)*H_<i,t-1> + U_i*X_<i-1,t>",
    "matrices": f"{LAYER}S_<i,t> = S_<i,t-1> + outer(U_i*X_<i-1,t>, W_i*X_<i-1,t>)\n"
    "H_<i,t> = matvec(S_<i,t>, X_<i-1,t>)",
    "a first state": f"{LAYER}vector h_i = 0.5\nscalar k_i = 0.2\n"
    "G_<i,t> = G_<i,t-1> + W_i*X_<i-1,t>\nG_<i,0> = k_i\n"
    "H_<i,t> = tanh(U_i*H_<i,t-1> + G_<i,t>)\nH_<i,0> = 0.5*h_i",
    "a gated one with a first state": f"{LAYER}vector h_i = 0.5\n"
    "H_<i,t> = sigmoid(W_i*X_<i-1,t>)*H_<i,t-1> + U_i*X_<i-1,t>\nH_<i,0> = h_i",
    "a recurrence that all blocks share": f"{LAYER}"
    "H_<i,t> = tanh(U_i*X_<i-1,t> + W*H_<i,t-1>)",
    "widths": "input 12 of 7\nstages 8 x 2, 12 x 2\nhead ln > linear(5)\n"
    "A = attention(2, causal=true) > linear(c)\nX_i = X_<i-1> + A_i*X_<i-1>",
}


def pair(text: str, **settings: Any) -> tuple[nn.Module, nn.Module, Tensor, Any]:
    """The plain network and the one that goes on, with the same weights; examples; Past."""
    plain = recform.compile(text, **settings)
    going = recform.compile(text, generation=True, **settings)
    torch.manual_seed(0)
    first, second = plain.module().double().eval(), going.module().double().eval()
    with torch.no_grad():
        for value in first.parameters():
            value.normal_(std=0.4)
    second.load_state_dict(first.state_dict())
    x = random_examples(plain.formula.input, 2, dtype=torch.float64)
    scope: dict[str, Any] = {}
    exec(going.source, scope)
    return first, second, x, scope["Past"]


@pytest.mark.parametrize("name", thinned(TEXTS, 2))
def test_steps_make_what_a_whole_pass_makes(name: str) -> None:
    plain, going, x, make = pair(TEXTS[name])
    expected = plain(x)
    torch.testing.assert_close(going(x), expected)
    for cuts in ([1] * 12, [5, 1, 1, 3, 2], [12]):
        past = make()
        made = [going.step(piece, past) for piece in x.split(cuts, 1)]
        torch.testing.assert_close(torch.cat(made, 1), expected, rtol=1e-9, atol=1e-10)
        assert past.at == 12
    # Nothing of it is left in the module.
    torch.testing.assert_close(going(x), expected)


SMALL = {"vocabulary": 11, "length": 9, "depth": 3}
BYTES = ("gru", "lstm", "rnn", "mingru", "linear_attention")
WORDS = ("llama", "gemma2", "palm", "resformer")


@pytest.mark.parametrize(
    ("file", "sizes"),
    [
        *((f"modern/{name}", SMALL) for name in BYTES),
        ("modern/diagonal_ssm", {**SMALL, "n": 2}),
        ("modern/denseformer", SMALL),
        ("modern/attention_residuals", SMALL),
        *(
            (f"modern/{name}", {"width": 16, "depth": 2, "length": 20, "classes": 11})
            for name in WORDS
        ),
        ("zoo/gpt2", {"width": 128, "depth": 2, "vocabulary": 11, "length": 9}),
        ("modern/gpt_small", {"width": 16, "depth": 3, "vocabulary": 11, "length": 9}),
        (
            "modern/wavenet",
            {"width": 4, "depth": 5, "cycle": 3, "levels": 11, "skip": 6, "length": 17},
        ),
        ("modern/mamba", {"width": 6, "depth": 2, "n": 3, "rank": 2, "length": 9}),
    ],
)
def test_examples(file: str, sizes: dict[str, int]) -> None:
    plain, going, x, make = pair((EXAMPLES / f"{file}.rf").read_text(), **sizes)
    past = make()
    made = torch.cat([going.step(piece, past) for piece in x.split(1, 1)], 1)
    torch.testing.assert_close(made, plain(x), rtol=1e-9, atol=1e-10)
    # It learns as the plain one does.
    plain(x).square().sum().backward()
    going(x).square().sum().backward()
    for mine, theirs in zip(plain.parameters(), going.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_what_is_kept_is_what_the_summary_says() -> None:
    """Of each example, behind the last position."""
    for file, sizes in (
        ("gpt_small", {"width": 16, "depth": 3, "length": 9}),
        ("wavenet", {"width": 4, "depth": 5, "cycle": 3, "length": 40}),
        ("mamba", {"width": 6, "depth": 2, "n": 3, "length": 9}),
        ("lstm", {"depth": 2, "vocabulary": 11, "length": 9}),
    ):
        text = (EXAMPLES / "modern" / f"{file}.rf").read_text()
        _, going, x, make = pair(text, **sizes)
        past = make()
        for piece in x.split(1, 1):
            going.step(piece, past)
        numbers = sum(tensor[0].numel() for tensor in past.kept)
        assert numbers == recform.compile(text, **sizes).summary().generation_kept


def test_summary_names_it() -> None:
    told = recform.compile(TEXTS["convolutions"]).summary().generation
    assert told is not None
    (row,) = told
    assert (row.name, row.blocks, row.features) == ("W", 4, 8)
    assert row.positions == (2, 4, 8, 16)
    assert recform.compile("X_i = X_<i-1> + W_i*X_<i-1>").summary().generation is None


def test_a_table_of_positions_ends() -> None:
    _, going, x, make = pair(TEXTS["attention"])
    past = make()
    going.step(x[:, :11], past)
    kept = [tensor.clone() for tensor in past.kept]
    with pytest.raises(IndexError, match="there are 12 positions, and not 13"):
        going.step(x[:, :2], past)
    # What was kept is as it was, and the next pass goes on from there.
    for now, before in zip(past.kept, kept, strict=True):
        assert torch.equal(now, before)
    torch.testing.assert_close(going.step(x[:, 11:], past), going(x)[:, 11:])


REFUSED = {
    "attention to what is behind": (
        FRAME + "A = attention(2)\nX_i = X_<i-1> + A_i*X_<i-1>",
        "attention(2)",
    ),
    "a convolution of both sides": (
        SIGNAL + "W = conv1d(3, c)\nX_i = X_<i-1> + W_i*X_<i-1>",
        "conv1d(3, c)",
    ),
    "positions as features": (
        SIGNAL + "W = transpose > linear > transpose\nX_i = X_<i-1> + W_i*X_<i-1>",
        "transpose",
    ),
    "one vector at the end": (
        FRAME + "head avgpool > linear(3)\nX_i = X_<i-1> + W_i*X_<i-1>",
        "avgpool",
    ),
    "inside of a definition": (
        FRAME + "D(x) = x*(A*x)\n    where A = attention(2)\nW = D\n"
        "X_i = X_<i-1> + W_i*X_<i-1>",
        "attention(2)",
    ),
    "all positions in the output": (
        FRAME + "P = avgpool\nX_i = X_<i-1> + W_i*X_<i-1>\noutput X_L + P*X_L",
        "avgpool",
    ),
    "members of a list in the output": (
        SIGNAL + "C = conv1d(3, causal=true)\nX_i = X_<i-1> + W_i*X_<i-1>\n"
        "output sum(k, 0, L, softmax(k, C*X_k)*X_k)",
        None,
    ),
    "images": ("X_i = X_<i-1> + W_i*X_<i-1>", None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_go_on_is_told(name: str) -> None:
    text, underlined = REFUSED[name]
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text), target=Target(generation=True))
    (found,) = caught.value.diagnostics
    assert found.code == "RF227"
    if underlined is not None:
        assert found.labels[0].span.text == underlined


def test_a_name_that_it_needs() -> None:
    text = TEXTS["attention"].replace("A = ln", 'A = "step": ln')
    assert recform.compile(text, generation=True).source
    text = f'{TEXTS["attention"]}\nhead ln > step: linear(3)\nnames head = "."'
    with pytest.raises(CompileError) as caught:
        assert recform.compile(text, generation=True).source
    assert [item.code for item in caught.value.diagnostics] == ["RF219"]


def test_verify_tries_it() -> None:
    found = {c.claim: c for c in recform.compile(TEXTS["convolutions"]).verify()}
    check = found["position by position it makes what it makes at once"]
    assert check.holds
    assert check.detail.startswith("12 positions, ")
    other = recform.compile(REFUSED["positions as features"][0]).verify()
    assert not any("position by position" in check.claim for check in other)


def test_the_proof_sees_the_rest_of_what_is_written() -> None:
    """Calls of `Past` stand for what the plan had there, and for nothing else."""
    made = recform.compile(TEXTS["the token before"], generation=True)
    plan = keeping(plan_network(made.graph, module_names([made.graph])))

    def checked(code: str) -> None:
        check([made.graph], [plan], ast.parse(code), going=True)

    code = printed([plan])
    checked(code)
    for old, new in (
        (r"Past\.shift\(x_prev, self\.past\)", "x_prev"),
        (r"Past\.shift\(x_prev", "Past.rows(x_prev"),
        (r"torch\.sigmoid\(x_prev\)", "torch.sigmoid(Past.shift(x_prev, self.past))"),
    ):
        edited = re.sub(old, new, code, count=1)
        assert edited != code
        with pytest.raises(CompileError, match="RF901"):
            checked(edited)
