"""Sums over depth across stages of other widths, against loops written by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import recform
from recform.compiler import compile_source, from_text
from tests.oracle.search import outcome

FRAME = """
input  5
stages 4 x 2, 6 x 2, 3 x 1
stem   linear(c)
head   none
T = linear(c)
"""
WEIGHED = (
    FRAME
    + """
scalar a_<i,k> = 1/(i+k+1)
Y_i = T_i*X_<i-1>
X_i = sum(k, 0, i, a_<i,k>*Y_k)
output X_L
"""
)


def test_older_members_are_brought_to_the_newest() -> None:
    """In the first block of a stage, by one adapter of it; from there on they are so."""
    torch.manual_seed(0)
    net = recform.load(WEIGHED).double()
    blocks = [*net.stage1, *net.stage2, *net.stage3]

    def by_hand(x: Tensor) -> Tensor:
        x = net.stem(x)
        members = [x]
        for number, block in enumerate(blocks, 1):
            made = block.T(x)
            if number in (3, 5):
                members = [block.shortcut_ys(member) for member in members]
            members.append(made)
            x = sum(a * m for a, m in zip(block.a, members, strict=True))
        return x

    value = torch.randn(2, 5, dtype=torch.float64)
    grads = []
    for run in (net, by_hand):
        net.zero_grad()
        made = run(value)
        made.square().sum().backward()
        grads.append([made, *(p.grad for p in net.parameters())])
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    widths = [4, 4, 6, 6, 3]
    before = [4, *widths]
    operators = sum((a + 1) * b for a, b in zip(before, widths, strict=False))
    adapters = (4 + 1) * 6 + (6 + 1) * 3
    weights = sum(range(2, 7))
    parameters = sum(p.numel() for p in net.parameters())
    assert parameters == (5 + 1) * 4 + operators + adapters + weights
    (compiled,) = compile_source(from_text(WEIGHED))
    products = 5 * 4 + sum(a * b for a, b in zip(before, widths, strict=False))
    # Three members come to the second stage, five to the third.
    adapted = 3 * 4 * 6 + 5 * 6 * 3
    weighed = sum((i + 1) * width for i, width in enumerate(widths, 1))
    assert compiled.graph.totals.multiply_adds == products + adapted + weighed
    assert compiled.graph.totals.parameters == parameters


def test_sums_by_stage() -> None:
    """A block that joins the finished members to a newer one brings them to its shape."""
    text = FRAME + (
        "vector q_i = 0.1\n"
        "Y_i = T_i*sum(k, 0, i-1, softmax(k, dot(q_i, P_k))*P_k, by=stage)\n"
        "P_i = P_<i-1> + Y_i\nP_<first> = Y_<first>\noutput P_L"
    )
    assert outcome(text) == "agreed"
    made = {
        name: tuple(module[0].weight.shape)
        for name, module in recform.load(text).named_modules()
        if name.endswith("shortcut_p_ends") and isinstance(module, nn.Sequential)
    }
    # Block 4 reads P_0 and P_2 beside P_3, block 5 beside P_4.
    assert made == {
        "stage2.1.shortcut_p_ends": (6, 4),
        "stage3.0.shortcut_p_ends": (6, 4),
    }


def test_a_block_that_ends_a_stage_adds_its_own_member() -> None:
    text = FRAME.replace("6 x 2, 3 x 1", "4 x 3, 4 x 2") + (
        "N = ln\nvector q_i = 0.3\nY_i = T_i*X_<i-1>\n"
        "X_i = T_i*X_<i-1> + sum(k, 0, i, sigmoid(dot(q_i, Y_k))*N_i*Y_k, by=stage)\n"
        "output X_L"
    )
    assert outcome(text) == "agreed"


@pytest.mark.parametrize("first", [1, 2])
def test_a_sum_by_stage_begins_where_it_says(first: int) -> None:
    """In the blocks before that it is no term, whatever is at the end of a stage."""
    text = FRAME.replace("6 x 2, 3 x 1", "4 x 3").replace("4 x 2", "4 x 1") + (
        "vector q_i = 0.3\n"
        f"X_i = T_i*X_<i-1> + sum(k, {first}, i-1, softmax(k, dot(q_i, X_k))*X_k, by=stage)\n"
        "Y_i = T_i*X_i + sum(k, 0, i, softmax(k, dot(q_i, X_k))*X_k, by=stage)\n"
        "output Y_L"
    )
    assert outcome(text) == "agreed"


def test_up_and_down_on_a_grid() -> None:
    text = """
input  3 x 6 x 6
stages 4 x 2, 6 x 1 / 2, 5 x 2 / (1/2)
stem   conv(3, c)
head   none
adapter conv(1, c, stride=s)
adapter up upsample(1/s) > conv(1, c) > bn
T = conv(3, c, stride=s) > tanh
U = upsample(1/s) > conv(3, c)
scalar a_<i,k> = 0.5
Y_i = T_i*X_<i-1>
Y_4 = U_4*X_3
X_i = Y_i + sum(k, 0, i, a_<i,k>*Y_k)
output X_L
"""
    assert outcome(text) == "agreed"
