"""Attention on separate tensors, against loops that are written from the papers.

The loops share the modules of the network and nothing else: attention is written out head
by head here, rotary positions as complex numbers that turn.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import recform

MODERN = Path(__file__).resolve().parents[3] / "examples" / "modern"


def turned(x: Tensor, base: float = 10000.0) -> Tensor:
    """The features of one head with rotary positions (Su et al. 2021)."""
    half = x.shape[-1] // 2
    pairs = torch.complex(x[..., :half], x[..., half:])
    # The network has its angles in float32.
    rate = 1 / torch.tensor(base) ** (torch.arange(half) / half)
    angle = torch.outer(torch.arange(x.shape[1]).float(), rate)
    turn = torch.complex(angle.cos().to(x.dtype), angle.sin().to(x.dtype))
    made = pairs * turn
    return torch.cat((made.real, made.imag), dim=-1)


def attention(
    q: Tensor, k: Tensor, v: Tensor, heads: int, *, shared: int = 0, text: bool = True
) -> Tensor:
    """Softmax(q k / sqrt(d)) v, head by head.

    Args:
        q: queries.
        k: keys.
        v: values.
        heads: of the queries.
        shared: heads of keys and values; as many if left out.
        text: whether positions are turned, and no query sees what is behind it.
    """
    made = []
    keys, values = (x.chunk(shared or heads, dim=-1) for x in (k, v))
    for number, query in enumerate(q.chunk(heads, dim=-1)):
        at = number * (shared or heads) // heads
        key, value = keys[at], values[at]
        if text:
            query, key = turned(query), turned(key)
        scores = torch.einsum("bqd,bkd->bqk", query, key) / query.shape[-1] ** 0.5
        if text:
            behind = torch.ones_like(scores, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(behind, -torch.inf)
        made.append(torch.einsum("bqk,bkd->bqd", scores.softmax(-1), value))
    return torch.cat(made, dim=-1)


def palm(net: Any, x: Tensor) -> Tensor:
    for block in net.blocks:
        h = block.N(x)
        made = attention(block.Q(h), block.K(h), block.V(h), 4, shared=1)
        gated = torch.nn.functional.silu(block.G.fc(h)) * block.U(h)
        x = x + block.A.fc(made) + block.D(gated)
    return net.head(x)  # type: ignore[no-any-return]


def resformer(net: Any, x: Tensor) -> Tensor:
    first: Tensor | None = None
    for block in net.blocks:
        h = block.N(x)
        v = block.V(h)
        if first is None:
            first = v
        else:
            v = block.a * v + block.b * first
        x = x + block.A.fc(attention(block.Q(h), block.K(h), v, 4))
        h = block.M(x)
        x = x + block.D(torch.nn.functional.silu(block.G.fc(h)) * block.U(h))
    return net.head(x)  # type: ignore[no-any-return]


def cross_attention(net: Any, image: Tensor) -> Tensor:
    fine = net.E(image)
    x = net.B(image)
    for block in net.blocks:
        q = block.Q(block.N(x))
        made = attention(q, block.K(fine), block.V(fine), 4, text=False)
        x = x + block.A.fc(made)
        x = x + block.F(block.M(x))
    return net.head(x)  # type: ignore[no-any-return]


#: A network's loop, and sizes that are quick.
LOOPS: dict[str, tuple[Callable[[Any, Tensor], Tensor], dict[str, int]]] = {
    "palm": (palm, {"width": 16, "length": 7, "classes": 5}),
    "resformer": (resformer, {"width": 16, "length": 7, "classes": 5}),
    "cross_attention": (cross_attention, {"width": 16, "size": 16, "classes": 5}),
}


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("name", LOOPS)
def test_loop(name: str, depth: int) -> None:
    loop, sizes = LOOPS[name]
    torch.manual_seed(depth)
    compiled = recform.compile(MODERN / f"{name}.rf", **sizes, depth=depth)
    net = compiled.module().double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    judge = copy.deepcopy(net)
    shape = [2, *map(int, compiled.formula.input.sizes)]
    mine = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    its = mine.detach().clone().requires_grad_()
    ours, expected = net(mine), loop(judge, its)
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)
    weights = torch.randn_like(ours)
    (ours * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(mine.grad, its.grad, rtol=1e-9, atol=1e-9)
    others = dict(judge.named_parameters())
    for path, parameter in net.named_parameters():
        assert parameter.grad is not None, path
        torch.testing.assert_close(
            parameter.grad, others[path].grad, rtol=1e-9, atol=1e-9, msg=path
        )
