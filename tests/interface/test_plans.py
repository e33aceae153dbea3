"""timm's interface whose parts keep each their own: each pass, and timm's checkpointing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

import recform
from recform.compiled import emit_source
from recform.compiler import compile_source
from recform.costs.needs import needs, setting_of
from recform.costs.planning import budget_of
from recform.memory import Memory, Plan, checkpoints
from recform.source import Source
from recform.target import Target
from tests.costs.measured import kept
from tests.costs.test_budget import SMALL, SOLVED

PLAIN, LEAN, AGAIN, BACK = Memory
SMALL = f"{SMALL}\nhead avgpool > linear(3)"
PLANS = {
    "checkpoints": (SMALL, checkpoints(6)),
    "mixed": (SMALL, Plan((PLAIN, LEAN, LEAN, AGAIN, PLAIN, AGAIN, LEAN, LEAN))),
    "backwards": (SOLVED.format(5), Plan((LEAN, PLAIN, LEAN, BACK, BACK, AGAIN, LEAN))),
}
#: The passes of the interface.
PASSES: tuple[Callable[..., Tensor], ...] = (
    lambda net, x: net(x),
    lambda net, x: net.forward_head(net.forward_features(x)),
    lambda net, x: sum(level.sum() for level in net.forward_intermediates(x)[1]),
)


def after(net: nn.Module, run: Callable[..., Tensor], x: Tensor) -> list[Tensor | None]:
    """What a pass makes, its gradients, and the statistics behind it."""
    net, x = copy.deepcopy(net), x.clone().requires_grad_()
    made = run(net, x)
    made.pow(2).sum().backward()
    return [made.detach(), x.grad, *(p.grad for p in net.parameters()), *net.buffers()]


@pytest.mark.parametrize("name", PLANS)
def test_each_pass(name: str) -> None:
    """As of the plain network, and with timm's checkpointing; what is kept is as said."""
    text, plan = PLANS[name]
    item = recform.compile(text, timm=True)
    target = Target(timm=True, memory=LEAN)
    plain = item.module().double()
    net = replace(item, target=target, budget=plan).module().double()
    net.load_state_dict(plain.state_dict())
    x = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    for again in (False, True):
        for one in (plain, net):
            one.set_grad_checkpointing(again)  # type: ignore[operator]
        for run in PASSES:
            torch.testing.assert_close(after(net, run, x), after(plain, run, x))
    images = x.float()
    checked = kept(net.float(), [images])
    assert checked <= kept(plain.float(), [images])
    net.set_grad_checkpointing(False)  # type: ignore[operator]
    said = needs(item.graph, setting_of(3), plan).total.kept
    assert kept(net, [images]) == pytest.approx(said, rel=0.001)
    assert checked != said


def test_within_a_budget() -> None:
    """The plan is a field of the class; several networks of a file have each their own."""
    text = SMALL.replace("stages 4 x 3, 6 x 3 / 2\n", "")
    text += "\nnetwork A\nstages 4 x 2\nnetwork B\nstages 4 x 9"
    target = Target(timm=True, budget=budget_of("80%", 64))
    found = compile_source(Source("two.rf", text), target=target)
    code = emit_source(list(found))
    module = ModuleType("two")
    exec(code, module.__dict__)
    for item in found:
        assert item.budget is not None
        assert getattr(module, item.name)._memory == item.budget.rows
    assert code.count("@Lean.told\n    def ") == len(PASSES)
    plain = recform.compile(SMALL, timm=True).source
    assert "_memory" not in plain
    assert "_forms" not in plain
