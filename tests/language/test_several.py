"""Operators of several tensors in every place where they may stand, against the oracle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import recform
from recform.compiler import Compiled
from tests.oracle.compare import agree

FRAME = (
    "input 4\nstem none\nhead none\nstages 4 x 5\nW = linear(c) > tanh\n"
    "U = linear(2*c) > tanh\nB = bilinear(c) > tanh\n"
)
PLACES = {
    "in a sum": "X_i = X_<i-1> + B_i(W_i*X_<i-1>, X_<i-2>)",
    "the other way round": "X_i = X_<i-1> + B_i(X_<i-2>, W_i*X_<i-1>)",
    "of other widths": "X_i = X_<i-1> + B_i(X_<i-1>, U_i*X_<i-1>)",
    "one tensor twice": "X_i = X_<i-1> + B_i(X_<i-1>, X_<i-1>)",
    "in one another": "X_i = B_i(B_<i-1>(X_<i-2>, X_<i-3>), X_<i-1>) + X_<i-1>",
    "of an older block": "X_i = X_<i-1> + B_<i-1>(X_<i-1>, X_<i-3>)",
    "of all blocks": "X_i = W_i*X_<i-1> + B(X_<i-1>, X_0)",
    "of a block and of all": "X_i = W_i*X_<i-1> - B(X_<i-1>, B_<i-1>(X_<i-1>, X_<i-2>))",
    "called twice": "X_i = B_i(X_<i-1>, X_0) + B_i(X_0, X_<i-1>)",
    "scaled": "scalar a_i = 0.5\nX_i = X_<i-1> + a_i*B_i(0.5*X_<i-1>, a_i*X_<i-2>)",
    "of a history": "X_i = X_<i-1> + B_i(X_<i-1>, sum(X_<0..i-1>))",
    "in a history": "X_i = W_i*X_<i-1> + sum(k, 1, i-1, B_k(X_k, X_<k-1>))",
    "at the start": "X_i = W_i*X_<i-1>\nX_0 = B_0(input, input)",
    "in a boundary": "X_i = W_i*X_<i-1> + B_<i-1>(X_<i-2>, X_<i-2>)\n"
    "B_0(X_<-1>, X_<-1>) = 0.5*X_0\nX_<-1> = 0.5*input",
    "as an unknown": "Y_i = B_i(X_<i-1>, X_<i-2>)\nX_i = X_<i-1> + Y_i\n"
    "X_<-1> = 0.5*input\n"
    "output X_L",
    "in the output": "X_i = W_i*X_<i-1>\noutput B_L(X_L, X_<L-1>)",
    "with theta": "X_i = X_<i-1> + B(X_<i-1>, X_<i-2>, theta_i)",
    "at two times": "times 2\nX_<i,t> = W_i*X_<i-1,t> + B_<i,t>(X_<i-1,t>, X_<i,t-1>)\n"
    "output X_<L,T>",
    "in a definition": "D(x) = x + P(F*x, x) where P = bilinear, F = linear(cin)\n"
    "X_i = X_<i-1> + D_i*X_<i-1>",
    "by numbers in a definition": "D(x) = Y_3 where P = bilinear, Y_0 = x, Y_1 = tanh(x),\n"
    "    Y_k = P_k(Y_<k-1>, Y_<k-2>)\nX_i = X_<i-1> + D_i*X_<i-1>",
    "a definition": "D(x, y) = x*tanh(F*y) + 0.5*y where F = linear(cin)\n"
    "X_i = X_<i-1> + D_i(W_i*X_<i-1>, X_<i-2>)",
    "a definition with B in it": "D(m, q') = P(m, F*q') + Z where P = bilinear,\n"
    "    F = linear(cin), Z = tanh(m + q')\nX_i = D_i(X_<i-1>, D_<i-1>(X_<i-2>, X_<i-3>))"
    " + X_<i-1>",
    "an argument as it is": "D(x, y) = y\nX_i = W_i*X_<i-1> + D_i(W_i*X_<i-1>, X_<i-2>)",
    "a function of the start and the end": "S = softmax > tanh\n"
    "X_i = W_i*X_<i-1> + S*X_0 + S*X_<i-1>\noutput softmax(X_L)",
    "a function by its name": "X_i = W_i*X_<i-1> + bilinear(X_<i-1>, X_0)",
}


@pytest.mark.parametrize("place", PLACES)
def test_place(place: str) -> None:
    agree(FRAME + PLACES[place])


def test_stages_of_two_widths() -> None:
    """The constructor of the operator gets both widths, and each block its own."""
    item = agree(
        "input 4\nstem none\nhead none\nstages 4 x 2, 6 x 3\nW = linear(c)\n"
        "U = linear(3)\nB = bilinear(c)\nX_i = X_<i-1> + B_i(W_i*X_<i-1>, U_i*X_<i-1>)"
    )
    assert "in_features: int, in_features_2: int, features: int" in item.source


def compiled(text: str, plugin: Path) -> Compiled:
    return recform.compile(text, plugins=[plugin])


#: Names its first input twice, and needs brackets around the other.
LEAN = """
from recform.blocks import Emitted, Several

class Lean(Several):
    name = "lean"
    about = "some of two tensors"
    inputs = ("one", "other")

    def emit_of(self, inputs, a):
        return Emitted("{one} * torch.sigmoid({one}) - 2 * {other}")
"""


@pytest.fixture
def lean(tmp_path: Path) -> Path:
    path = tmp_path / "lean.py"
    path.write_text(LEAN)
    return path


@pytest.mark.parametrize("names", ["", 'names B = "."\n'])
def test_code_that_needs_names(names: str, lean: Path) -> None:
    item = compiled(
        "input 4\nstem none\nhead none\nstages 4 x 2\nW = linear(c)\nB = lean > tanh\n"
        f"{names}X_i = X_<i-1> + B_i(W_i*X_<i-1> + X_<i-1>, X_<i-1> - 0.5)",
        lean,
    )
    net = item.module()
    x = torch.randn(3, 4)
    expected = x
    for block in net.blocks:
        one, other = block.W(expected) + expected, expected - 0.5
        made = torch.tanh(one * torch.sigmoid(one) - 2 * other)
        expected = expected + made
    torch.testing.assert_close(net(x), expected)
    if names:
        # What the code names twice is computed once.
        assert len(re.findall(r"self\.W\(", item.source)) == 1


def test_a_definition_computes_what_it_says() -> None:
    item = recform.compile(
        "input 8\nstem none\nhead none\nstages 8 x 1\n"
        "Gate(x, y, width=4) = x*sigmoid(G*y) - 0.5*y*Z\n"
        "    where G = linear(width) > tanh > linear(cin), Z = relu(x + y)\n"
        "W = linear(c)\nX_i = Gate_i(W_i*X_<i-1>, X_<i-1>)"
    )
    net = item.module().double()
    x = torch.randn(3, 8, dtype=torch.float64)
    (block,) = net.blocks
    made, gate = block.W(x), block.Gate
    inner = gate.fc2(torch.tanh(gate.fc1(x)))
    expected = made * torch.sigmoid(inner) - 0.5 * x * torch.relu(made + x)
    torch.testing.assert_close(net(x), expected)
    # W, the two maps of the gate; and what they multiply.
    assert item.graph.totals.parameters == 72 + 36 + 40
    assert item.graph.totals.multiply_adds == 64 + 32 + 32
    assert "def forward(self, x: Tensor, y: Tensor) -> Tensor:" in item.source


def test_a_module_that_is_all_of_an_operator_needs_no_class() -> None:
    source = recform.compile(
        "input 6 x 8\nstem none\nhead none\nstages 8 x 1\n"
        "T(q, k, v, heads=2) = O*A(P*q, P*k, v)\n"
        "    where P = linear(cin), A = attend(heads), O = linear(cin)\n"
        "X_i = T_i(X_<i-1>, X_<i-1>, X_<i-1>)"
    ).source
    assert "self.A = Attend(heads)" in source
