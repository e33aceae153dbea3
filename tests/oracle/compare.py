"""Emitted module against oracle: outputs and gradients, in float64."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from recform.compiler import Compiled, compile_source, from_text
from tests.oracle.interpreter import interpret


def compiled(text: str) -> Compiled:
    return compile_source(from_text(text))[0]


def agree(text: str) -> Compiled:
    """Compiles, runs and compares; the compiled network for further questions."""
    item = compiled(text)
    torch.manual_seed(0)
    net = item.module().double()
    _shake(net)
    sizes = [int(size) for size in item.formula.input.sizes]
    images = torch.randn(3, *sizes, dtype=torch.float64)
    for training in (False, True):
        _compare(item, net.train(training), images)
    parameters = sum(p.numel() for p in net.parameters())
    assert item.graph.totals.parameters == parameters
    return item


def _compare(item: Compiled, net: nn.Module, images: Tensor) -> None:
    ours, theirs = copy.deepcopy(net), copy.deepcopy(net)
    made = ours(images)
    expected = interpret(item, theirs, images)
    _close(made, expected, "output")
    weights = torch.randn_like(made)
    (made * weights).sum().backward()
    (expected * weights).sum().backward()
    for (name, ours_p), theirs_p in zip(
        ours.named_parameters(), theirs.parameters(), strict=True
    ):
        assert ours_p.grad is not None, f"{name} gets no gradient"
        assert theirs_p.grad is not None, f"the oracle does not use {name}"
        _close(ours_p.grad, theirs_p.grad, name)
    for name, module in ours.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            other = theirs.get_submodule(name)
            assert isinstance(other, nn.BatchNorm2d)
            calls = int(module.num_batches_tracked)  # type: ignore[arg-type]
            assert calls == int(other.num_batches_tracked)  # type: ignore[arg-type]
            # After several calls the running mean depends on their order, which the
            # equations leave open.
            if calls == 1:
                _close(module.running_mean, other.running_mean, name)  # type: ignore[arg-type]


def _close(a: Tensor, b: Tensor, name: str) -> None:
    scale = max(1.0, float(b.detach().abs().max()))
    worst = float((a - b).detach().abs().max()) / scale
    assert worst <= 1e-10, f"{name}: {worst}"


def _shake(net: nn.Module) -> None:
    """Moves norms and scalars away from their trivial starts."""
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if parameter.dim() <= 1 or "conv" not in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
        for name, buffer in net.named_buffers():
            if "running" in name:
                buffer.add_(0.3 * torch.rand_like(buffer))
