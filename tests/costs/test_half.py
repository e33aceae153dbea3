"""What networks of two bytes a number need: some of torch's numbers have four even so."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch

from recform.diagnostics import CompileError
from recform.memory import Memory
from recform.modules import load_source
from recform.target import Target
from tests.costs.measured import measure, on_faked_gpu
from tests.faked import without_numbers
from tests.oracle.compare import compiled
from tests.thinned import thinned

torch.set_num_threads(1)

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
PLANS = ("plain", "lean", "checkpoint")
TOKENS = "input 12 x 16\nstages 16 x 3\nstem linear(c)\nhead ln > avgpool > linear(4)\n"
HALF = {
    # On a CPU what comes in is copied, and the quotient kept, with four bytes a number.
    "rmsnorm": TOKENS + "W = rmsnorm > linear(2*c) > gelu > linear(c)\n"
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "behind an operator": TOKENS
    + "W = linear(2*c) > rmsnorm > gelu > linear(c) > rmsnorm\n"
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "of each head": TOKENS
    + "N = rmsnorm\nQ = linear(c)\nK = linear(c)\nV = linear(c)\n"
    "A = attend(2, qknorm=true, causal=true) > linear(c)\n"
    "X_i = X_<i-1> + A_i(Q_i*N_i*X_<i-1>, K_i*N_i*X_<i-1>, V_i*N_i*X_<i-1>)",
    # All members are one tensor for it, of which it is one call.
    "of members": "input 6 x 8\nstem linear(c)\nhead none\nstages 8 x 4\nvector q_i = 0\n"
    "N = rmsnorm\nF = rmsnorm > linear(c) > gelu\n"
    "H_i = sum(k, 0, i-1, softmax(k, dot(q_i, N_i*Y_k))*Y_k)\nY_i = F_i*H_i\n"
    "Y_0 = input\noutput Y_L",
    # In training alone: of weights that are dropped torch makes no kernel.
    "dropped weights": TOKENS + "W = ln > attention(2, dropout=0.1, causal=true)\n"
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "dropped weights, turned": TOKENS + "Q = linear(c)\nK = linear(c)\nV = linear(c)\n"
    "A = attend(2, dropout=0.1, rotary=10000) > linear(c)\n"
    "X_i = X_<i-1> + A_i(Q_i*X_<i-1>, K_i*X_<i-1>, V_i*X_<i-1>)",
    "sinks": TOKENS + "Q = linear(c)\nK = linear(c)\nV = linear(c)\n"
    "A = attend(2, causal=true, rotary=100, sinks=true) > linear(c)\n"
    "X_i = X_<i-1> + A_i(Q_i*X_<i-1>, K_i*X_<i-1>, V_i*X_<i-1>)",
    # For values of another width than keys there is none at all.
    "wider values": TOKENS + "Q = linear(c/2)\nK = linear(c/2)\nV = linear(c)\n"
    "A = attend(2, causal=true, rotary=100) > linear(c)\n"
    "X_i = X_<i-1> + A_i(Q_i*X_<i-1>, K_i*X_<i-1>, V_i*X_<i-1>)",
    "wider values, normalised": TOKENS
    + "Q = linear(c/2)\nK = linear(c/2)\nV = linear(c)\nA = attend(2)\nO = linear(c)\n"
    "R = streams(2) > rmsnorm > join\n"
    "Z_i = X_<i-1> - A_i(Q_i*X_<i-1>, K_i*X_<i-1>, V_i*X_<i-1>)\n"
    "X_i = X_<i-1> + O_i*R_i*Z_i",
    # Which of two numbers is the larger is a byte each, half of a number here.
    "the largest": "input 3 x 8 x 8\nstages 8 x 3\nhead none\nW = conv(3, c) > sigmoid\n"
    "X_i = max(X_<i-1>, W_i*X_<i-1>)",
    "other norms": "input 3 x 8 x 8\nstages 8 x 3\n"
    "W = conv(3, c) > bn > relu > maxpool(3, stride=1, padding=1) > conv(3, c) > gn(2)\n"
    "X_i = relu(X_<i-1> + W_i*X_<i-1>)",
}


@pytest.mark.parametrize("case", thinned([*product(HALF, DTYPES)], 3, "-".join))
def test_on_a_cpu(case: tuple[str, str]) -> None:
    name, dtype = case
    item = compiled(HALF[name])
    for plan in PLANS:
        said = item.memory(plan, batch=5, dtype=dtype)
        net = replace(item, target=Target(memory=Memory(plan))).module()
        real = measure(net.to(DTYPES[dtype]), item.formula.inputs, 5)
        assert said.total.kept == real.kept, plan
        peak = said.training - said.total.optimizer
        assert 0.98 < peak / real.training < 1.03, plan
        assert said.inference == pytest.approx(real.inference, rel=0.01), plan


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("plan", PLANS)
def test_statistics_on_a_gpu(plan: str) -> None:
    """Those of batch normalisation have four bytes; with few numbers they are a fifth."""
    item = compiled(
        "input 12\nstages 12 x 3\nW = bn > relu > linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>"
    )
    source = replace(item, target=Target(memory=Memory(plan))).source
    with torch.device("meta"):
        net = getattr(load_source(without_numbers(source), item.name), item.name)()
    real = on_faked_gpu(net, item.formula.inputs, 6, torch.bfloat16)
    said = item.memory(plan, batch=6, dtype="bf16", for_device="h100")
    assert said.total.kept == real.kept


NORM = (
    "input 12 x 16\nstem none\nhead none\nstages 16 x 1\nW = rmsnorm\nX_i = W_i*X_<i-1>"
)


def test_bytes_that_are_moved() -> None:
    """On a CPU most of `rmsnorm` has four bytes a number: twice as many are moved."""
    batch, width, rows, numbers = 3, 16, 12, 12 * 16
    up, mean, root = (
        (numbers, 2 * numbers),
        (2 * numbers, 2 * rows),
        (2 * rows, 2 * rows),
    )
    by, scaled = (2 * (numbers + rows), 2 * numbers), (2 * numbers, 2 * numbers)
    does = (up, mean, root, by, scaled, (2 * numbers, numbers))
    moved = batch * sum(3 * reads + 2 * makes for reads, makes in does)
    moved += 3 * width + 5 * width  # Of the step, and of learning.
    said = compiled(NORM).memory(batch=batch, dtype="bf16")
    assert said.total.moved == 2 * moved
    assert said.total.elementwise == batch * (4 * numbers + 2 * rows)


def test_times_on_a_gpu_are_those_of_its_kernels() -> None:
    """Whatever device memory is told of: `rmsnorm` is one kernel there."""
    item = compiled(NORM)
    here, there = (item.memory(for_device=x).times for x in ("laptop", "h100"))
    for one, other in zip(here, there, strict=True):
        assert (one.training, one.inference) == (other.training, other.inference)
    assert here[0].inference < here[-1].inference


def test_a_budget_is_of_the_type() -> None:
    """Plans are found for what norms keep of numbers of two bytes."""
    item = compiled(HALF["rmsnorm"])
    plain = item.memory(batch=5, dtype="bf16")
    planned = item.memory(budget="50%", batch=5, dtype="bf16")
    assert planned.training < plain.training
    with pytest.raises(CompileError, match="RF540"):
        item.memory(budget="1B", batch=5, dtype="bf16")
