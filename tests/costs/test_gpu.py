"""What `recform summary --memory` says of a GPU, held against one that is not there."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch

from recform.diagnostics import CompileError
from recform.memory import Memory
from recform.modules import load_source
from recform.target import Target
from tests.costs.measured import on_faked_gpu
from tests.faked import without_numbers
from tests.oracle.compare import compiled
from tests.thinned import thinned

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")

TOKENS = "input 32 x 32\nstages 32 x 4\nstem linear(c)\n"
IMAGES = "input 3 x 8 x 8\nstages 16 x 3\n"
OF_THREE = (
    TOKENS + "Q = linear(c)\nK = linear(c)\nV = linear(c)\nA = attend({}) > linear(c)\n"
    "X_i = X_<i-1> + A_i(Q_i*X_<i-1>, K_i*X_<i-1>, V_i*X_<i-1>)"
)
#: What torch has other kernels for there.
TEXTS = {
    "attention that drops weights": TOKENS
    + "A = ln > attention(4, causal=true, dropout=0.1)\nX_i = X_<i-1> + A_i*X_<i-1>",
    "dropout": TOKENS + "F = ln > linear(2*c) > gelu > dropout(0.2) > linear(c)\n"
    "X_i = X_<i-1> + F_i*X_<i-1>",
    "dropout in a definition": IMAGES
    + "G(x) = tanh(D*x)*x where D = conv(1, c) > dropout(0.3)\n"
    "W = conv(3, c) > bn > G\nX_i = W_i*X_<i-1>",
    # Norms of heads, and attention whatever it drops and however wide values are, are
    # kernels there; before positions are turned, all that is turned has a name.
    "norms of heads": OF_THREE.format("4, qknorm=true, rotary=100, causal=true"),
    "attend that drops weights": OF_THREE.format("4, dropout=0.1, causal=true"),
    "a window that drops weights": OF_THREE.format(
        "2, dropout=0.1, window=3, rotary=9"
    ),
    "sinks": OF_THREE.format("4, sinks=true, causal=true"),
    "wider values": OF_THREE.format("2, causal=true, rotary=9").replace(
        "Q = linear(c)\nK = linear(c)", "Q = linear(c/2)\nK = linear(c/2)"
    ),
    "rmsnorm": TOKENS + "F = rmsnorm > linear(c) > silu > linear(c)\n"
    "X_i = X_<i-1> + F_i*X_<i-1>",
}


CASES = [*product(TEXTS, ("plain", "lean", "checkpoint"), ("fp32", "bf16"))]


@pytest.mark.parametrize("case", thinned(CASES, 5, "-".join))
def test_memory(case: tuple[str, str, str]) -> None:
    name, plan, dtype = case
    item = replace(compiled(TEXTS[name]), target=Target(memory=Memory(plan)))
    with torch.device("meta"):
        net = getattr(load_source(without_numbers(item.source), item.name), item.name)()
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[dtype]
    real = on_faked_gpu(net, item.formula.inputs, 6, kind)
    said = item.memory(batch=6, dtype=dtype, for_device="h100")
    assert said.total.kept == pytest.approx(real.kept, rel=0.04)
    peak = said.training - said.total.optimizer
    assert 0.9 < peak / real.training < 1.1
    # A CPU keeps something else.
    other = item.memory(batch=6, dtype=dtype, for_device="laptop").total.kept
    assert other == item.memory(batch=6, dtype=dtype).total.kept
    assert plan != "plain" or other > said.total.kept or dtype == "bf16"


def test_plans_within_a_budget_are_those_of_the_device() -> None:
    """What fits on a GPU need not fit where the weights of attention are kept."""
    item = compiled(TEXTS["attention that drops weights"])
    most = item.memory(for_device="h100").training
    assert item.memory(budget=f"{most}B", for_device="h100").training <= most
    with pytest.raises(CompileError, match="RF540"):
        item.memory(budget=f"{most}B")
