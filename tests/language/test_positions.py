"""Random recurrences over positions against loops over blocks and positions."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn

from recform.compiler import compile_source, from_text
from tests.oracle.positions import Loops

torch.set_num_threads(1)

FORMS = [
    # Linear in one number, a learned one, a tensor; with what is added in front and behind.
    "H_<i,t> = 0.5*H_<i,t-1> + A_i*X_<i-1,t>",
    "H_<i,t> = A_i*X_<i-1,t-1> - k_i*H_<i,t-1> + (1 - k_i)*X_<i-1,t>",
    "H_<i,t> = sigmoid(A_i*X_<i-1,t>)*(H_<i,t-1> - 0.25*B_i*X_<i-1,t-2>) + X_<i-1,t>",
    "H_<i,t> = (k_i - tanh(A_i*X_<i-1,t>))*H_<i,t-1>*0.5 + B_i*H_<i-1,t-1>",
    # Read at two positions, through operators and functions.
    "H_<i,t> = tanh(A_i*H_<i,t-1> + B_i*X_<i-1,t>) + 0.5*H_<i,t-3>",
    "H_<i,t> = tanh(A_i*(H_<i,t-1> + B_i*A_i*X_<i-1,t>)) + B_i*X_<i-1,t-1>",
    "H_<i,t> = max(k_i*H_<i,t-1>, A_i*X_<i-1,t>) - H_<i,t-2>*B_i*X_<i-1,t>",
    "H_<i,t> = tanh(A_i*concat(H_<i,t-1>, X_<i-1,t>) + X_<i-1,t> + X_<i-2,t>)",
    # Several unknowns.
    "H_<i,t> = tanh(A_i*G_<i,t-1> + X_<i-1,t>)\nG_<i,t> = 0.5*H_<i,t> + B_i*H_<i,t-1>",
    "G_<i,t> = 0.5*G_<i,t-1> + A_i*X_<i-1,t>\nH_<i,t> = k_i*H_<i,t-1> + tanh(B_i*G_<i,t>)",
    "H_<i,t+1> = tanh(A_i*H_<i,t> + X_<i-1,t+1>) + B_i*X_<i-1,t>",
]
#: A wider state, a cell that all blocks share, and what that reads.
OTHERS = [
    "H_<i,t> = tanh(E_i*H_<i,t-1> + F_i*X_<i-1,t>)",
    "H_<i,t> = tanh(E_i*concat(H_<i,t-1>, X_<i-1,t>)) - 0.5*H_<i,t-2>",
    "H_<i,t> = k_i*E_i*X_<i-1,t> + sigmoid(F_i*X_<i-1,t>)*H_<i,t-1>",
    "H_<i,t> = tanh(A*H_<i,t-1> + B_i*X_<i-1,t>)",
    "H_<i,t> = l*H_<i,t-1> + B*X_<i-1,t>",
]
#: With a first state: of blocks or shared, a number or a vector, for one unknown of several.
STARTED = [
    "H_<i,t> = sigmoid(A_i*X_<i-1,t>)*H_<i,t-1> + B_i*X_<i-1,t>\nH_<i,0> = k_i",
    "H_<i,t> = H_<i,t-1> + B_i*X_<i-1,t>\nH_<i,0> = 1 - 0.5*k_i",
    "H_<i,t> = k_i*H_<i,t-1> + A_i*X_<i-1,t>\nH_<i,0> = 0.25",
    "H_<i,t> = dot(A_i*X_<i-1,t>, X_<i-1,t>)*H_<i,t-1> + X_<i-1,t>\nH_<i,0> = k_i",
    "H_<i,t> = tanh(A_i*H_<i,t-1> + B_i*X_<i-1,t>) + 0.5*H_<i,t-3>\nH_<i,0> = k_i",
    "H_<i,t> = tanh(A_i*G_<i,t-1> + X_<i-1,t>)\nG_<i,t> = 0.5*H_<i,t> + B_i*H_<i,t-1>\n"
    "G_<i,0> = 2*k_i",
    "H_<i,t+1> = tanh(A_i*H_<i,t> + X_<i-1,t+1>)\nH_<i,0> = k_i",
    "H_<i,t> = tanh(A*H_<i,t-1> + B_i*X_<i-1,t>)\nH_<i,0> = l",
    "H_<i,t> = l*H_<i,t-1> + B*X_<i-1,t>\nH_<i,0> = 2*l",
    "H_<i,t> = tanh(E_i*concat(H_<i,t-1>, X_<i-1,t>))\nH_<i,0> = k_i",
]
READ = [
    "X_<i,t> = X_<i-1,t> + H_<i,t>",
    "X_<i,t> = D_i*H_<i,t-1> + 0.5*X_<i-1,t> + X_<i-1,t-1>",
    "X_i = relu(X_<i-1> - D_i*H_i)",
]
FRAME = """
input 5 x 3
stem linear(c)
head none
stages 3 x {depth}
times positions
A = linear(c)
B = linear(c)
D = linear(c)
E = linear(2*c)
F = linear(2*c)
scalar k_i = 0.5 per channel
scalar l = 0.5
"""


@pytest.mark.parametrize("depth", [1, 2, 8])
@pytest.mark.parametrize("number", range(len(FORMS)))
def test_forms(number: int, depth: int) -> None:
    rng = random.Random(number * 100 + depth)
    lines = [*FORMS[number].split("\n"), READ[(number + depth) % len(READ)]]
    rng.shuffle(lines)
    agree(FRAME.format(depth=depth) + "\n".join(lines) + "\noutput X_L", {})


def test_parts_of_a_split() -> None:
    text = FRAME.format(depth=2) + (
        "U_<i,t>, V_<i,t> = split(E_i*X_<i-1,t>, 2)\n"
        "H_<i,t> = sigmoid(U_<i,t>)*H_<i,t-1> + V_<i,t-1>\n"
        "X_<i,t> = X_<i-1,t> + H_<i,t>\noutput X_L"
    )
    other = text.replace("split(E_i*X_<i-1,t>, 2)", "split(E_i*X_<i-1>, 2)")
    other = other.replace("U_<i,t>, V_<i,t> = split", "U_i, V_i = split")
    (first,), (second,) = (compile_source(from_text(each)) for each in (text, other))
    nets = [each.module().double() for each in (first, second)]
    nets[1].load_state_dict(nets[0].state_dict())
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(nets[0](x), nets[1](x))


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("number", range(len(OTHERS)))
def test_other_forms(number: int, depth: int) -> None:
    line = OTHERS[number]
    read = "X_<i,t> = X_<i-1,t> + D_i*H_<i,t-1>"
    text = FRAME.format(depth=depth) + f"{line}\n{read}\noutput X_L"
    agree(text, {"H": 6} if "E_i" in line else {})


@pytest.mark.parametrize("number", range(len(STARTED)))
def test_recurrences_that_begin_elsewhere(number: int) -> None:
    lines = STARTED[number]
    text = FRAME.format(depth=1 + number % 3) + lines + "\nX_<i,t> = X_<i-1,t> + "
    text += f"{'D_i*' * ('E_i' in lines)}H_<i,t>\noutput X_L"
    agree(text, {"H": 6} if "E_i" in lines else {})


def agree(text: str, widths: dict[str, int]) -> None:
    """The output, and all gradients, are those of the loops."""
    (compiled,) = compile_source(from_text(text))
    torch.manual_seed(len(text))
    net = compiled.module().double().eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.4)
    assert compiled.graph.totals.parameters == sum(p.numel() for p in net.parameters())
    x = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    made = net(x)
    wanted = Loops(text, list(net.blocks), net.stem(x), net, widths).output("X")
    torch.testing.assert_close(made, wanted, rtol=1e-11, atol=1e-11)
    weights = torch.randn_like(made)
    learned = [x, *net.parameters()]
    ours, theirs = (
        torch.autograd.grad((y * weights).sum(), learned) for y in (made, wanted)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
