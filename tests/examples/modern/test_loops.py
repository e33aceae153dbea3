"""Formulas of papers against loops that are written from the papers, at several depths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from recform.compiler import Compiled, compile_source, from_text

EXAMPLES = Path(__file__).parents[3] / "examples" / "modern"
Loop = Callable[[list[Any], Tensor], Tensor]


def _mlp(x: Tensor, p: Any, act: Callable[[Tensor], Tensor] = F.gelu) -> Tensor:
    """Two layers with an activation between, from their parameters."""
    x = act(F.linear(x, p.fc1.weight, p.fc1.bias))
    return F.linear(x, p.fc2.weight, p.fc2.bias)


def _only(p: Any, name: str) -> Any:
    """The one part of an operator, which may be the operator itself."""
    return getattr(p, name, p)


def _ln(x: Tensor, p: Any) -> Tensor:
    p = _only(p, "ln")
    return F.layer_norm(x, x.shape[-1:], p.weight, p.bias)


def _attention(x: Tensor, p: Any, heads: int = 4) -> Tensor:
    """Softmax attention, a head after the other."""
    p, out = _only(p, "attention"), []
    q, k, v = F.linear(x, p.in_proj_weight, p.in_proj_bias).chunk(3, -1)
    parts = (t.chunk(heads, -1) for t in (q, k, v))
    for one, two, three in zip(*parts, strict=True):
        scores = one @ two.transpose(-1, -2) / one.shape[-1] ** 0.5
        out.append(scores.softmax(-1) @ three)
    return F.linear(torch.cat(out, -1), p.out_proj.weight, p.out_proj.bias)


def _conv(x: Tensor, p: Any, padding: int = 1) -> Tensor:
    return F.conv2d(x, p.weight, p.bias, p.stride, padding)


def _short(x: Tensor, block: Any) -> Tensor:
    return block.shortcut(x) if hasattr(block, "shortcut") else x


def deepnorm(blocks: list[Any], x: Tensor) -> Tensor:
    alpha = (2 * len(blocks)) ** 0.25
    for b in blocks:
        x = _ln(alpha * x + _attention(x, b.A), b.N)
        x = _ln(alpha * x + _mlp(x, b.M), b.O)
    return x


def sandwich(blocks: list[Any], x: Tensor) -> Tensor:
    for b in blocks:
        x = x + _ln(_attention(_ln(x, b.A.ln1), b.A.attention), b.A.ln2)
        x = x + _ln(_mlp(_ln(x, b.M.ln1), b.M), b.M.ln2)
    return x


def macaron(blocks: list[Any], x: Tensor) -> Tensor:
    for b in blocks:
        x = x + 0.5 * _mlp(_ln(x, b.M.ln), b.M, F.silu)
        x = x + _attention(_ln(x, b.A.ln), b.A.attention)
        x = x + 0.5 * _mlp(_ln(x, b.P.ln), b.P, F.silu)
    return x


def mixture_of_depths(blocks: list[Any], x: Tensor) -> Tensor:
    for b in blocks:
        weight = torch.sigmoid(F.linear(x, b.G.fc.weight, b.G.fc.bias))
        x = x + weight * _mlp(_ln(x, b.T.ln), b.T)
    return x


def rk4(blocks: list[Any], x: Tensor) -> Tensor:
    h = 1 / len(blocks)
    for b in blocks:
        f = lambda y, p=b.F: _mlp(y, p, torch.tanh)  # noqa: E731
        one = f(x)
        two = f(x + h / 2 * one)
        three = f(x + h / 2 * two)
        four = f(x + h * three)
        x = x + h / 6 * (one + 2 * two + 2 * three + four)
    return x


def leapfrog(blocks: list[Any], x: Tensor) -> Tensor:
    before = x
    for b in blocks:
        moved = F.relu(b.F.bn1(_conv(x, b.F.conv1)))
        moved = b.F.bn2(_conv(moved, b.F.conv2)) / 16
        if x.shape != moved.shape:
            # The paper has one shape; here a change of shape is as in a residual network.
            new = 2 * b.shortcut(x) - b.shortcut_x_prev2(before) + moved
        elif before.shape != x.shape:
            new = 2 * x - b.shortcut_x_prev2(before) + moved
        else:
            new = 2 * x - before + moved
        x, before = new, x
    return x


def skipinit(blocks: list[Any], x: Tensor) -> Tensor:
    for b in blocks:
        branch = _conv(F.relu(_conv(F.relu(x), b.F.conv1)), b.F.conv2)
        x = _short(x, b) + b.alpha * branch
    return x


def fixup(blocks: list[Any], x: Tensor) -> Tensor:
    for b in blocks:
        out = F.relu(_conv(x + b.a, _only(b.F, "conv")) + b.b)
        out = b.g * _conv(out + b.d, _only(b.U, "last")) + b.e
        x = F.relu(_short(x, b) + out)
    return x


LOOPS: dict[str, Loop] = {
    "deepnorm": deepnorm,
    "sandwich": sandwich,
    "macaron": macaron,
    "mixture_of_depths": mixture_of_depths,
    "rk4": rk4,
    "leapfrog": leapfrog,
    "skipinit": skipinit,
    "fixup": fixup,
}


def compiled(name: str, stages: str) -> Compiled:
    """An example, small, with other stages."""
    text = (EXAMPLES / f"{name}.rf").read_text()
    lines = [
        f"stages {stages}" if line.startswith("stages") else line
        for line in text.replace("3 x 32 x 32", "3 x 6 x 6").splitlines()
    ]
    (item,) = compile_source(from_text("\n".join(lines)))
    return item


def blocks_of(net: Any) -> list[Any]:
    if hasattr(net, "blocks"):
        return list(net.blocks)
    return [*net.stage1, *net.stage2]


def shaken(item: Compiled) -> Any:
    """The network in float64 with no parameter at a trivial start."""
    torch.manual_seed(0)
    net = item.module().double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return net


def same(net: Any, run: Callable[[Tensor], Tensor], sizes: tuple[Any, ...]) -> None:
    """The network and a function with its parameters: outputs, all gradients."""
    torch.manual_seed(1)
    start = torch.randn(3, *map(int, sizes), dtype=torch.float64)
    results = []
    for function in (net, run):
        net.zero_grad()
        x = start.clone().requires_grad_()
        y = function(x)
        (y * torch.arange(y.numel()).view_as(y)).sum().backward()
        grads = [p.grad for p in net.parameters()]
        assert x.grad is not None and all(g is not None for g in grads)
        results.append([y.detach(), x.grad, *(g.clone() for g in grads)])
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("name", LOOPS)
def test_as_the_paper_says(name: str, depth: int) -> None:
    images = name in ("leapfrog", "skipinit", "fixup")
    stages = f"4 x {depth}, 6 x {depth} / 2" if images else f"8 x {depth}"
    item = compiled(name, stages)
    net = shaken(item)

    def run(x: Tensor) -> Tensor:
        return net.head(LOOPS[name](blocks_of(net), net.stem(x)))  # type: ignore[no-any-return]

    same(net, run, item.formula.input.sizes)


@pytest.mark.parametrize("turns", [1, 4])
def test_a_loop_with_its_input(turns: int) -> None:
    item = compiled("looped", f"8 x {turns}")
    net = shaken(item)

    def run(x: Tensor) -> Tensor:
        given = state = net.stem(x)
        for _ in range(turns):
            state = state + given
            state = state + _attention(_ln(state, net.A.ln), net.A.attention)
            state = state + _mlp(_ln(state, net.M.ln), net.M)
        return net.head(state)  # type: ignore[no-any-return]

    same(net, run, item.formula.input.sizes)
    blocks = [name for name, _ in net.named_parameters() if "blocks" in name]
    assert not blocks


@pytest.mark.parametrize("steps", [1, 4])
def test_a_field_that_knows_the_time(steps: int) -> None:
    item = compiled("neural_ode", f"8 x {steps}")
    net = shaken(item)

    def run(x: Tensor) -> Tensor:
        state = net.stem(x)
        for n in range(steps):
            time = torch.full_like(state[:, :1], n / steps)
            state = state + _mlp(torch.cat([state, time], 1), net.F, torch.tanh) / steps
        return net.head(state)  # type: ignore[no-any-return]

    same(net, run, item.formula.input.sizes)


def test_deepnorm_starts_small() -> None:
    """Xavier's deviation times (8N)^(-1/4), in which N is the depth of the file."""
    net: Any = compiled("deepnorm", "64 x 2").module()
    weight = net.blocks[0].M.fc1.weight
    expected = (2 / (64 + 256)) ** 0.5 * 16**-0.25
    assert abs(float(weight.detach().std()) / expected - 1) < 0.03


def test_fixup_starts_as_the_paper_says() -> None:
    net: Any = compiled("fixup", "64 x 2, 64 x 2").module()
    blocks = blocks_of(net)
    for b in blocks:
        assert not _only(b.U, "last").weight.any()
    first = _only(blocks[0].F, "conv").weight
    # He's deviation by the outputs, times L^(-1/2) for branches of two convolutions.
    expected = (2 / (64 * 9)) ** 0.5 * 4**-0.5
    assert abs(float(first.detach().std()) / expected - 1) < 0.03
    assert not net.head.classifier.weight.any()
