"""docs/language.md: what its rules say of networks, held against networks.

Which parameters there are, under which names and in which shapes, is written out here by
the rules of the page; some networks are computed by hand besides.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError

FRAME = "input 4\nstem identity\nhead identity\nW = linear(c)\n"


def network(text: str) -> nn.Module:
    """The only network of a file with the frame."""
    (compiled,) = compile_source(from_text(FRAME + text))
    return compiled.module()


def matrices(text: str) -> str:
    """The weights of a network: ``name rows x columns``, by name."""
    found = network(text).named_parameters()
    parts = [
        f"{re.sub(r'(.fc|.0)?.weight$', '', name)} {'x'.join(map(str, value.shape))}"
        for name, value in found
        if not name.endswith("bias")
    ]
    return ", ".join(sorted(parts))


#: Sections of the page; equations, and what they own.
OWNED = {
    # A value is computed once: what the output does not need.
    "nobody reads the last block": (
        "stages 4 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\noutput X_<L-1>",
        "blocks.0.W 4x4",
    ),
    "names count, and no values": (
        "stages 4 x 1\nX_i = X_<i-1> + 0*W_i*X_<i-1>",
        "blocks.0.W 4x4",
    ),
    # Where the history starts.
    "no function of V_0": (
        "stages 4 x 2\nV_i = X_i\nX_i = X_<i-1> + W_i*tanh(V_<i-1>)\n"
        "V_0 = 0\noutput X_L",
        "blocks.1.W 4x4",
    ),
    "concat without V_0": (
        "stages 4 x 2\nV_i = W_i*X_<i-1>\nX_i = U_i*concat(V_<i-1>, X_<i-1>)\n"
        "U = linear(c)\nV_0 = 0\noutput X_L",
        "blocks.0.U 4x4, blocks.0.W 4x4, blocks.1.U 4x8",
    ),
    "W_0 of a boundary equation": (
        "stages 4 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\nX_1 = X_0 + W_0*X_0",
        "W_0 4x4, blocks.1.W 4x4",
    ),
    "W_0 in a range": (
        "stages 4 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\nX_<1..2> = X_<i-1> + W_0*X_0",
        "W_0 4x4",
    ),
    "no W_0 out of i-1": (
        "stages 4 x 3\nX_i = X_<i-1> + W_i*X_<i-1>\n"
        "X_<1..2> = X_<i-1> + W_<i-1>*X_<i-1>",
        "blocks.0.W 4x4, blocks.2.W 4x4",
    ),
    "no W_0 of a function": (
        "stages 4 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\nX_1 = X_0 + W_0*tanh(X_0)",
        "blocks.1.W 4x4",
    ),
    "a block with an equation of its own": (
        "stages 4 x 4\nX_i = X_<i-1> + W_i*X_<i-1>\nX_3 = X_1",
        "blocks.0.W 4x4, blocks.3.W 4x4",
    ),
    # Sorts.
    "operators cancel": (
        "stages 4 x 1\nX_i = X_<i-1> + (W_i - W_i)*X_<i-1>",
        "",
    ),
    "tensors do not": (
        "stages 4 x 1\nX_i = X_<i-1> + W_i*X_<i-1> - W_i*X_<i-1>",
        "blocks.0.W 4x4",
    ),
    # Scalars.
    "a list": (
        "stages 4 x 2\nscalar k_i = 1\nX_i = X_<i-1> + k_1*X_<i-1>\nX_1 = k_0*X_0",
        "k_0 1, k_1 1",
    ),
    "the scalar of no block": (
        "stages 4 x 2\nscalar k_i = 1\nX_i = X_<i-1> + (1 - k_<i-1>)*W_i*X_<i-1>",
        "blocks.0.k 1, blocks.1.W 4x4",
    ),
    # Stages, adapters and scope.
    "scope stage": (
        "scope stage\nstages 4 x 1, 5 x 1\nscalar b = 1\nU = linear(c)\n"
        "X_i = b*X_<i-1> + U*X_<i-1>\nX_0 = W_0*input",
        "U_1 4x4, U_2 5x5, W_0_1 4x4, W_0_2 5x5, b 1, transition2 5x4",
    ),
    # Which shape a block has, rule 6.
    "a sum in an argument": (
        "stages 4 x 1, 5 x 2\nX_i = W_i*(X_<i-1> + X_0)",
        "stage1.0.W 4x4, stage2.0.W 5x4, stage2.1.W 5x5, stage2.1.shortcut 5x4",
    ),
    "the first of the newest": (
        "stages 4 x 1, 5 x 1\nU = linear(3)\n"
        "X_i = W_i*X_<i-1> + relu(U_<i-1>*X_<i-2> + X_<i-1>)",
        "stage1.0.U 3x4, stage1.0.W 4x4, stage2.0.W 5x4, stage2.0.shortcut 3x4, "
        "stage2.0.shortcut_relu_ux_plus_x 5x3",
    ),
    "and the other way around": (
        "stages 4 x 1, 5 x 1\nU = linear(3)\n"
        "X_i = W_i*X_<i-1> + relu(X_<i-1> + U_<i-1>*X_<i-2>)",
        "stage1.0.U 3x4, stage1.0.W 4x4, stage2.0.W 5x4, "
        "stage2.0.shortcut_relu_x_plus_ux 5x4, stage2.0.shortcut_ux 4x3",
    ),
    "by the block that forms the sum": (
        "stages 4 x 1, 5 x 1\nU = linear(3)\nX_i = W_i*relu(U_<i-1>*X_<i-2> + X_<i-1>)",
        "stage1.0.U 3x4, stage1.0.W 4x4, stage1.0.shortcut_ux 4x3, stage2.0.W 5x4",
    ),
    "made by an operator of the block": (
        "stages 4 x 1, 5 x 1\nU = linear(3)\nY_i = U_i*X_<i-1>\n"
        "X_i = X_<i-1> + 2*tanh(Y_i)\noutput X_L",
        "stage1.0.U 3x4, stage1.0.shortcut 3x4, stage2.0.U 3x3",
    ),
    # Rule 7.
    "one term": ("stages 4 x 1, 5 x 2\nX_i = X_<i-1>", "stage2.0.shortcut 5x4"),
    "one term before the first stage": (
        "stages 5 x 2\nX_i = 0.5*X_<i-1>",
        "blocks.0.shortcut 5x4",
    ),
    "around a function": (
        "stages 4 x 1, 5 x 1\nX_i = tanh(X_<i-1> + X_0)",
        "stage2.0.shortcut_tanh_x_plus_x 5x4",
    ),
    "a multiple of a sum": (
        "stages 4 x 1, 5 x 1\nX_i = 2*(X_<i-1> + X_0)",
        "stage2.0.shortcut_x_plus_x 5x4",
    ),
    "a concat": (
        "stages 4 x 1, 5 x 1\nX_i = concat(X_<i-1>, X_0)",
        "stage1.0.shortcut_joined 4x8, stage2.0.shortcut_joined 5x8",
    ),
    "a range": (
        "stages 4 x 1, 5 x 1\nX_i = sum(k, 0, i-1, X_k)",
        "stage2.0.shortcut_x_sum 5x4",
    ),
    "the factors of a product": (
        "stages 4 x 1, 5 x 1\nX_i = X_<i-1>*X_0",
        "stage2.0.shortcut 5x4, stage2.0.shortcut_x_0 5x4",
    ),
    "the output is no unknown": (
        "stages 4 x 1, 5 x 2\nX_i = W_i*X_<i-1>\noutput X_1 + X_0",
        "stage1.0.W 4x4",
    ),
    # Rule 8.
    "brackets are one term": (
        "stages 4 x 1, 5 x 1\nX_i = W_i*X_<i-1> + (X_<i-1> + X_0)",
        "stage1.0.W 4x4, stage2.0.W 5x4, stage2.0.shortcut_x_plus_x 5x4",
    ),
    # Names of parameters.
    "names of adapters": (
        "stages 4 x 1, 5 x 2\nX_i = W_i*X_<i-1> + X_<i-2> + relu(X_<i-1> + X_0)",
        "stage1.0.W 4x4, stage2.0.W 5x4, stage2.0.shortcut_relu_x_plus_x 5x4, "
        "stage2.0.shortcut_x_prev2 5x4, stage2.1.W 5x5, stage2.1.shortcut_x_0 5x4, "
        "stage2.1.shortcut_x_prev2 5x4",
    ),
}


@pytest.mark.parametrize("case", OWNED)
def test_what_a_network_owns(case: str) -> None:
    text, owned = OWNED[case]
    assert matrices(text) == owned


def in_a_start(net: Any, x: Tensor) -> Tensor:
    """``W_0*input`` is X_0, and is a term of block 1."""
    first, second = net.blocks
    start = net.W_0(x)
    one = start + first.W(start) + start
    return one + second.W(one) + first.W(x)  # type: ignore[no-any-return]


def in_early_sums(net: Any, x: Tensor) -> Tensor:
    """Block 3 has one adapter for three terms of its sum."""
    blocks: list[Any] = [*net.stage1, *net.stage2]
    one, two, three, four = blocks
    x1 = one.W(x)
    w2 = two.W(x1)
    x2 = w2 + 0.5 * x1 + x
    w3 = three.W(x2)
    x3 = w3 + three.shortcut_partial(0.5 * w2 + x + x1)
    rest = 0.5 * w3 + three.shortcut_x_prev2(x1) + three.shortcut(x2)
    return four.W(x3) + rest  # type: ignore[no-any-return]


def in_stages(net: Any, x: Tensor) -> Tensor:
    """The output is that of each stage."""
    for number, stage in enumerate((net.stage1, net.stage2)):
        x = net.transition2(x) if number else x
        one = x + stage[0].W(x)
        x = one + stage[1].W(one) + one + x
    return x


def at_time_0(net: Any, x: Tensor) -> Tensor:
    """Time 0 has an equation, so it starts as the input."""
    first, second = net.blocks
    a, b, zero = x, x, x
    for block in (first, second):
        zero = zero + zero
        a = block.W(a) + zero
        b = block.W(b) + a
    return b


def before_time_1(net: Any, x: Tensor) -> Tensor:
    """Time 0 has no equation: what reads it, X_<0,0> included, is not there."""
    a, b = x, x
    for block in net.blocks:
        a, b = block.W(a), block.W(b) + a
    return b


BY_HAND: dict[str, tuple[str, Callable[[Any, Tensor], Tensor]]] = {
    "start": (
        "stages 4 x 2\nX_i = X_<i-1> + W_i*X_<i-1> + W_<i-1>*input\nX_0 = W_0*input",
        in_a_start,
    ),
    "early sums": (
        "stages 4 x 2, 5 x 2\n"
        "X_i = W_i*X_<i-1> + 0.5*W_<i-1>*X_<i-2> + X_<i-3> + X_<i-2>",
        in_early_sums,
    ),
    "stages": (
        "scope stage\nstages 4 x 2, 5 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\n"
        "output X_L + X_1 + input",
        in_stages,
    ),
    "time 0": (
        "times 2\nstages 4 x 2\nX_<i,t> = W_i*X_<i-1,t> + X_<i,t-1>\n"
        "X_<i,0> = 2*X_<i-1,0>",
        at_time_0,
    ),
    "before time 1": (
        "times 2\nstages 4 x 2\nX_<i,t> = W_i*X_<i-1,t> + X_<i-1,t-1> + X_<0,0>",
        before_time_1,
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_what_a_network_computes(case: str) -> None:
    text, computed = BY_HAND[case]
    net = network(text).double()
    x = torch.randn(3, 4, dtype=torch.float64)
    torch.testing.assert_close(net(x), computed(net, x))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("stages 4 x 4\nX_i = X_<i-1> + W_i*X_<i-1> + X_2", "RF301"),
        ("stages 4 x 4\nX_i = X_<i-1> + W_2*X_<i-1>", "RF302"),
        ("stages 4 x 2\nX_i = W_i*X_<i-1>\nX_3 = X_2", "RF302"),
        ("stages 4 x 4\nX_i = W_i*X_<i-1>\nX_3 = i*X_2", "RF217"),
        (
            "stages 4 x 2\nscalar k_i = 1\nX_i = k_i*W_i*X_<i-1>\nX_1 = k_0*X_0",
            "RF304",
        ),
        ("stages 4 x 2\nX_i = (1 - k_<i-1>)*X_<i-1>\nscalar k_i = 1", "RF305"),
        (
            "times 2\nstages 4 x 2\nX_<i,t> = W_i*X_<i-1,t>\nX_<0,0> = 0.5*input",
            "RF208",
        ),
    ],
)
def test_what_is_an_error(text: str, code: str) -> None:
    with pytest.raises(CompileError) as caught:
        network(text)
    assert caught.value.diagnostics[0].code == code
