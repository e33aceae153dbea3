"""What is said of equations over positions that nobody can compute."""

from __future__ import annotations

import pytest
import torch

import recform
from recform.diagnostics import CompileError

FRAME = """
input 4 x 3
stages 3 x 2
times positions
X_<i,t> = X_<i-1,t> + H_<i,t>
output X_L
"""
#: Equations, and what is said of them.
WRONG = {
    "H_<i,t> = H_<i,t+1> + B_i*X_<i-1,t>": "RF229.*does not know what comes behind it",
    "H_<i,t> = B_i*X_<i-1,3>": "RF229.*a second index is t, t-1, t-2",
    "H_<i,1> = B_i*X_<i-1,t>": "RF229.*is for all positions",
    "H_i = H_<i,t-1> + B_i*X_<i-1>": "RF229.*only an equation that has t on its left",
    "H_<i,t> = t*H_<i,t-1> + X_<i-1,t>": "RF229.*t is the position of a token",
    "H_<i,t>, G_<i,t+1> = split(B_i*X_<i-1,t>, 2)": "RF229.*of one position",
    "H_<i,t> = concat(H_<i,t-1>, X_<i-1,t>)": "RF229.*how many features H has",
    "H_<i,t> = B_<i,t>*X_<i-1,t>": "RF229.*B is the same at all positions",
    "H_<i,t> = tanh(W_i*H_<i,t-1>)": "RF229.*nothing comes into this recurrence",
    "H_<i,t> = 0.5*H_<i,t-1> + 1": "RF229.*nothing comes into this recurrence",
    "H_<i,t> = H_<i,t-40> + B_i*X_<i-1,t>": "RF106.*out of all reason",
    "H_<i,t> = tanh(W_<i-1>*H_<i,t-1> + X_<i-1,t>)": "RF230.*W_<i-1> is of another block",
    "H_<i,t> = tanh(W_i*H_<i,t-1> + V*H_<i,t-2> + X_<i-1,t>)": "RF230.*V is of all",
    "H_<i,t> = tanh(W_i*H_<i,t-1> + X_<i-1,t>) + Y_i\nY_i = W_i*X_<i-1>": "RF230.*owns it",
    "H_<i,t> = shift(W_i*H_<i,t-1>) + X_<i-1,t>": "RF230.*no history of its own",
    "const q_i = i/2\nH_<i,t> = q_i*H_<i,t-1> + X_<i-1,t>": "RF230.*a number of the block",
    "H_<1,t> = H_<1,t-1> + X_<0,t>\nH_<i,t> = X_<i-1,t>": "RF230.*cannot recur",
    "H_<1,t> = X_<0,t>\nH_<i,t> = G_<i,t-1> + X_<i-1,t>\nG_<i,t> = H_<i,t>": "RF230.*several",
    "H_<i,t> = X_<i-1,t>\nH_<i,0> = 1": "RF124.*does not recur",
    "H_<i,t> = W_i*H_<i,t-1> + X_<i-1,t>\nH_<i,0> = W_i*X_0": "RF124.*this is a tensor",
    "H_<i,t> = G_<i,t-1> + X_<i-1,t>\nG_<i,t> = H_<i,t>\nH_<i,0> = 1": "RF124.*is not read",
    "H_<i,t> = 0.5*H_<i,t-1> + X_<i-1,t> + Y_<i-1,t>\nY_<i,t> = H_<i,t-1> + X_<i,t>\n"
    "H_<i,0> = 1": "RF124.*by what does not recur",
    "H_<i,t> = 0.5*H_<i,t-1> + H_<i-1,t-1>\nH_<i,0> = 1": "RF124.*by what does not recur",
    "H_<i,t> = 0.5*H_<i,t-1> + X_<i-1,t>\nH_<i,0> = 1\nH_<i,0> = 2": "RF207.*position 0",
    "H_<i,t> = 0.5*H_<i,t-1> + X_<i-1,t>\nH_<1,0> = 1": "RF229.*begins with",
    "H_<i,t> = H_<i,t> + X_<i-1,t>": "RF301.*computed from itself",
    "H_<i,t> = G_i + H_<i,t-1>\nG_<i,t> = H_i + X_<i-1,t>": "RF301.*can be the first",
    "W = linear(5)\nH_<i,t> = W_i*H_<i,t-1> + X_<i-1,t>": "RF401.*adds or multiplies",
    "W = attention(1)\nH_<i,t> = W_i*H_<i,t-1> + X_<i-1,t>": "RF405.*gets a vector",
}


@pytest.mark.parametrize("equations", WRONG)
def test_equations(equations: str) -> None:
    with pytest.raises(CompileError, match=f"(?s){WRONG[equations]}"):
        recform.compile(FRAME + equations)


def test_only_tokens_have_positions() -> None:
    text = "input 3\nstages 3 x 2\ntimes positions\nX_<i,t> = X_<i,t-1> + W_i*X_<i-1,t>"
    with pytest.raises(
        CompileError, match=r"RF405.*takes tokens .*, but gets a vector"
    ):
        recform.compile(text)


def test_a_parameter_may_have_the_name() -> None:
    """`positions` is a number where the file says so, and times are counted."""
    text = (
        "param positions = 2\ninput 3\nstages 3 x 2\ntimes positions\n"
        "X_<i,t> = W_i*X_<i-1,t> + X_<i,t-1>"
    )
    compiled = recform.compile(text)
    assert {equation.unknown for equation in compiled.formula.equations} == {
        "X.1",
        "X.2",
    }


@pytest.mark.parametrize(
    ("positions", "equation", "place"),
    [
        (1, "H_<i,t> = tanh(W_i*X_<i-1,t>)*H_<i,t-1> + X_<i-1,t>", "H_<i,t>"),
        (2, "H_<i,t> = tanh(W_i*X_<i-1,t>)*H_<i,t-1> + X_<i-1,t>", ""),
        (1, "H_<i,t> = W_i*X_<i-1,t>*H_<i,t-1> + X_<i-1,t>\nH_<i,0> = 1", ""),
        (2, "H_<i,t> = tanh(W_i*H_<i,t-2> + X_<i-1,t>)", "H_<i,t>"),
        (3, "H_<i,t> = tanh(W_i*H_<i,t-2> + X_<i-1,t>)", ""),
        (2, "H_<i,t> = W_i*X_<i-1,t-3>", "X_<i-1,t-3>"),
        (4, "H_<i,t> = W_i*X_<i-1,t-3>", ""),
    ],
)
def test_positions_before_the_first_are_told(
    positions: int, equation: str, place: str
) -> None:
    text = FRAME.replace("4 x 3", f"{positions} x 3") + f"W = linear(c)\n{equation}\n"
    warnings = recform.compile(text).warnings
    assert [w.code for w in warnings] == ["RF319"] * bool(place)
    for warning in warnings:
        assert warning.labels[0].span.text.startswith(place)


@pytest.mark.parametrize(
    ("positions", "equations", "places"),
    [
        # Shifts add up from equation to equation, and from block to block.
        (2, "Y_<i,t> = X_<i-1,t-1>\nX_<i,t> = X_<i-1,t> + W_i*Y_<i,t-1>", ["Y_<i,t-1>"]),
        (3, "Y_<i,t> = X_<i-1,t-1>\nX_<i,t> = X_<i-1,t> + W_i*Y_<i,t-1>", []),
        (2, "Y_<i,t> = X_<i-1,t-1>\nX_<i,t> = X_<i-1,t> + W_i*Y_<i-1,t-1>", ["Y_<i-1,t-1>"]),
        (4, "Y_<i,t> = U_i*X_<i-1,t-2>\nX_<i,t> = X_<i-1,t> + W_i*tanh(Y_<i,t-2>)",
         ["Y_<i,t-2>"]),
        (4, "Y_<i,t> = U_i*X_<i-1,t-2>\nX_<i,t> = X_<i-1,t> + W_i*Y_<i,t-1>", []),
        (3, "X_<i,t> = X_<i-1,t> + W_i*Y_<i-1,t>\nY_<i,t> = tanh(Y_<i-1,t-1>)", []),
        (3, "Y_<i,t> = tanh(Y_<i-1,t-1>)\nX_<i,t> = X_<i-1,t> + W_i*Y_<i,t>", ["Y_<i-1,t-1>"]),
        (2, "X_<i,t> = X_<i-1,t> + W_i*(X_<i-1,t-1>*shift(Y_i))\nY_<i,t> = X_<i-1,t-1>",
         ["shift(Y_i)"]),
        # What is not zeros at the first position.
        (2, "Y_<i,t> = cos(X_<i-1,t-1>)\nX_<i,t> = X_<i-1,t> + W_i*Y_<i,t-1>", []),
        (2, "Y_<i,t> = B_i*X_<i-1,t-1>\nX_<i,t> = X_<i-1,t> + W_i*Y_<i,t-1>", []),
        (2, "Y_<i,t> = X_<i-1,t-1> + 1\nX_<i,t> = X_<i-1,t> + W_i*Y_<i,t-1>", []),
        (2, "Y_<i,t> = X_<i-1,t-1> + X_<i-1,t>\nX_<i,t> = X_<i-1,t> + W_i*Y_<i,t-1>", []),
        # What is computed before the first block, behind the last one, and in flows.
        (1, "X_<i,t> = X_<i-1,t> + W*shift(input)", ["shift(input)"]),
        (2, "X_<i,t> = X_<i-1,t> + W*shift(shift(input))", ["shift(shift(input))"]),
        (2, "X_<i,t> = X_<i-1,t> + W*shift(input)", []),
        (1, "X_<i,t> = tanh(X_<i-1,t>)\noutput X_L + W*X_<L,t-1>", ["X_<L,t-1>"]),
        (1, "H_<i,t> = tanh(W*H_<i,t-1> + input)\nX_<i,t> = X_<i-1,t> + H_<i,t>",
         ["H_<i,t> = tanh(W*H_<i,t-1> + input)"]),
        (2, "H_<i,t> = tanh(W*H_<i,t-1> + input)\nX_<i,t> = X_<i-1,t> + H_<i,t>", []),
        (2, "X_<i,t> = X_<i-1,t> + S_i*X_<i-1,t-1>", ["shift"]),
        (3, "X_<i,t> = X_<i-1,t> + S_i*X_<i-1,t-1>", []),
    ],
)  # fmt: skip
def test_what_is_told_learns_nothing(
    positions: int, equations: str, places: list[str]
) -> None:
    """As torch has it: what stands in front gets no gradient, and all else does."""
    output = "" if "output" in equations else "\noutput X_L"
    compiled = recform.compile(
        f"input {positions} x 3\nstages 3 x 3\ntimes positions\nstem none\nhead linear(2)\n"
        "W = linear(c, bias=false)\nU = linear(c, bias=false)\nB = linear(c)\n"
        f"S = linear(c, bias=false) > shift\n{equations}{output}\n"
    )
    told = [w for w in compiled.warnings if w.code == "RF319"]
    assert [warning.labels[0].span.text for warning in told] == places
    torch.manual_seed(0)
    module = compiled.module().double()
    module(torch.randn(4, positions, 3).double()).pow(2).sum().backward()
    learns = {
        name: bool(p.grad is not None and p.grad.any())
        for name, p in module.named_parameters()
        if "W." in name or "S." in name
    }
    # A block that is not as far back as others may learn.
    assert all(learns.values()) == (not places)
