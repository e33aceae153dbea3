"""Forms of `--memory` on a GPU, against the plain network there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import recform
from recform.blocks.examples import random_examples
from recform.memory import Memory
from tests.classes.test_reversible import TEXTS as BACKWARDS
from tests.emit.test_memory import TEXTS as FORWARDS

NETWORKS = {
    **{(name, form): text for name, text in FORWARDS.items() for form in Memory},
    **{(name, form): text for name, text in BACKWARDS.items() for form in Memory},
}
CASES = [
    (name, form)
    for name, form in NETWORKS
    if form is not Memory.plain and (form is not Memory.reversible or name in BACKWARDS)
]


def both(
    name: str, form: Memory, gpu: torch.device, dtype: torch.dtype
) -> tuple[nn.Module, nn.Module, Tensor]:
    """The plain network and the other one, with the same weights; and examples."""
    text = NETWORKS[name, form]
    torch.manual_seed(0)
    plain, other = (recform.load(text, memory=kind) for kind in ("plain", form))
    other.load_state_dict(plain.state_dict())
    given = recform.compile(text).formula.input
    x = random_examples(given, 4)
    x = x.to(gpu, dtype if x.is_floating_point() else x.dtype)
    return plain.to(gpu, dtype), other.to(gpu, dtype), x


def backward(net: nn.Module, x: Tensor, *, autocast: bool = False) -> list[Any]:
    """What it makes, all gradients, and all statistics, of two passes."""
    torch.manual_seed(5)
    net.zero_grad()
    for _ in range(2):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=autocast):
            made = net(x)
        weights = torch.linspace(-1, 1, made.numel(), device=x.device).view_as(made)
        (made.float() if autocast else made).mul(weights).sum().backward()
    return [made.detach(), *(p.grad for p in net.parameters()), *net.buffers()]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_gradients(name: str, form: Memory, gpu: torch.device) -> None:
    """Equal in float64; statistics are updated once, what is dropped is the same."""
    plain, other, x = both(name, form, gpu, torch.float64)
    for training in (True, False):
        found, wanted = (backward(n.train(training), x) for n in (other, plain))
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_under_autocast(name: str, form: Memory, gpu: torch.device) -> None:
    """Off by roundings of bfloat16 alone: other draws of a dropout would be far more."""
    plain, other, x = both(name, form, gpu, torch.float32)
    ours = backward(other, x, autocast=True)
    theirs = backward(plain, x, autocast=True)
    assert len(ours) == len(theirs) > 2
    found, wanted = (
        torch.cat([t.double().flatten() for t in n]) for n in (ours, theirs)
    )
    assert float((found - wanted).norm() / wanted.norm()) < 0.15
