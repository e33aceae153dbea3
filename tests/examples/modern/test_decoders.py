"""Griffin, nGPT and the differential transformer against loops written from the papers."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import recform
from tests.examples.modern.test_sequences import FILES, made, same

Weights = dict[str, Tensor]


def linear(w: Weights, x: Tensor, key: str) -> Tensor:
    return F.linear(x, w[f"{key}.weight"], w.get(f"{key}.bias"))


def rms(w: Weights, x: Tensor, key: str, eps: float = 1e-6) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt() * w[f"{key}.weight"]


def turned(x: Tensor, base: float = 10000) -> Tensor:
    """Rotary positions of batch x heads x positions x features, halves in pairs.

    The angles are of float32, as transformers has them.
    """
    half = x.shape[-1] // 2
    speed = 1 / base ** (torch.arange(half) / half)
    angle = torch.arange(x.shape[-2])[:, None] * speed
    one, two = x[..., :half], x[..., half:]
    sin, cos = angle.sin().to(x.dtype), angle.cos().to(x.dtype)
    return torch.cat((one * cos - two * sin, two * cos + one * sin), -1)


def heads(x: Tensor, count: int) -> Tensor:
    return x.unflatten(-1, (count, -1)).transpose(1, 2)


def scores(q: Tensor, k: Tensor, scale: float) -> Tensor:
    """The causal softmax of each head."""
    found = torch.einsum("bhqd,bhkd->bhqk", q, k) * scale
    later = torch.ones(found.shape[-2:], dtype=torch.bool).triu(1)
    return found.masked_fill(later, -math.inf).softmax(-1)


def griffin(w: Weights, x: Tensor, depth: int) -> Tensor:
    for block in range(depth):
        key = f"blocks.{block}"
        normed = rms(w, x, f"{key}.N.norm")
        v = linear(w, normed, f"{key}.C.fc").transpose(1, 2)
        conv = w[f"{key}.C.conv.weight"], w[f"{key}.C.conv.bias"]
        v = F.conv1d(F.pad(v, (3, 0)), *conv, groups=v.shape[1]).transpose(1, 2)
        opened = linear(w, v, f"{key}.R.fc").sigmoid()
        entered = linear(w, v, f"{key}.I.fc").sigmoid() * v
        # Eq. 3: the decay of an open gate, to the power of 8 times the gate.
        logarithm = -8 * F.softplus(w[f"{key}.d"]) * opened
        state, states = torch.zeros_like(v[:, 0]), []
        for t in range(v.shape[1]):
            decay = logarithm[:, t].exp()
            state = decay * state + (1 - decay**2).sqrt() * entered[:, t]
            states.append(state)
        gate = F.gelu(linear(w, normed, f"{key}.B.fc"))
        x = x + linear(w, torch.stack(states, 1) * gate, f"{key}.O.fc")
        normed = rms(w, x, f"{key}.M.norm")
        wide = F.gelu(linear(w, normed, f"{key}.G.fc")) * linear(
            w, normed, f"{key}.U.fc"
        )
        x = x + linear(w, wide, f"{key}.D.fc")
    return linear(w, rms(w, x, "head.norm"), "head.fc")


def ngpt(w: Weights, x: Tensor, depth: int, count: int) -> Tensor:
    def unit(x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1, eps=0)

    width = x.shape[-1]
    for block in range(depth):
        key = f"blocks.{block}"
        q, k, v = (heads(linear(w, x, f"{key}.{name}.fc"), count) for name in "QKV")
        # Section 2.3.2: unit queries and keys with a learned scale, and sqrt of their
        # features as the scale of scores; the root mean square is the norm over that root.
        root = math.sqrt(width / count)
        q, k = (
            turned(rms(w, part, f"{key}.A.attend.{name}_norm") / root)
            for part, name in ((q, "q"), (k, "k"))
        )
        mixed = (scores(q, k, root) @ v).transpose(1, 2).flatten(2)
        moved = unit(linear(w, mixed, f"{key}.A.fc"))
        x = unit(x + w[f"{key}.a"] * (moved - x))
        inner = math.sqrt(width) * w[f"{key}.g"] * linear(w, x, f"{key}.G.fc")
        inner = F.silu(inner) * (w[f"{key}.u"] * linear(w, x, f"{key}.U.fc"))
        moved = unit(linear(w, inner, f"{key}.D.fc"))
        x = unit(x + w[f"{key}.b"] * (moved - x))
    return linear(w, x, "head.fc")


def differential(w: Weights, x: Tensor, depth: int, count: int) -> Tensor:
    for block in range(depth):
        key, start = f"blocks.{block}", 0.8 - 0.6 * math.exp(-0.3 * block)
        normed = rms(w, x, f"{key}.N.norm")
        p, q, j, k, v = (
            heads(linear(w, normed, f"{key}.{name}.fc"), count) for name in "PQJKV"
        )
        scale = 1 / math.sqrt(p.shape[-1])
        first, second = (
            scores(turned(a), turned(b), scale) for a, b in ((p, j), (q, k))
        )
        # Eq. 1, and the norm of each head of Eq. 3 with its factor.
        mixed = (first - w[f"{key}.l"] * second) @ v
        mixed = (1 - start) * rms(w, mixed, f"{key}.R.norm").transpose(1, 2).flatten(2)
        x = x + linear(w, mixed, f"{key}.O.fc")
        normed = rms(w, x, f"{key}.M.norm")
        wide = F.silu(linear(w, normed, f"{key}.G.fc")) * linear(
            w, normed, f"{key}.U.fc"
        )
        x = x + linear(w, wide, f"{key}.D.fc")
    return linear(w, rms(w, x, "head.norm"), "head.fc")


SIZES = {"vocabulary": 7, "length": 9, "width": 8}


@pytest.mark.parametrize("depth", [1, 3])
def test_griffin_is_a_loop_over_blocks_and_tokens(depth: int) -> None:
    net = made("griffin", depth=depth, **SIZES)
    weights = dict(net.named_parameters())
    x = torch.randn(2, 9, 8, dtype=torch.float64)
    same(net(x), griffin(weights, x, depth), [(v, v) for v in weights.values()])


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("count", [1, 2])
def test_differential_attention_is_the_difference_of_softmaxes(
    depth: int, count: int
) -> None:
    net = made("differential", depth=depth, heads=count, **SIZES)
    fresh = recform.load(FILES / "differential.rf", depth=depth)
    for block, part in enumerate(fresh.blocks):
        start = 0.8 - 0.6 * math.exp(-0.3 * block)
        torch.testing.assert_close(part.l.detach(), torch.tensor([start]))
    weights = dict(net.named_parameters())
    x = torch.randn(2, 9, 8, dtype=torch.float64)
    expected = differential(weights, x, depth, count)
    same(net(x), expected, [(v, v) for v in weights.values()])


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("count", [1, 2])
def test_ngpt_moves_on_the_sphere(depth: int, count: int) -> None:
    net = made("ngpt", depth=depth, heads=count, **SIZES)
    weights = dict(net.named_parameters())
    x = torch.randn(2, 9, 8, dtype=torch.float64)
    states: list[Tensor] = []
    for block in net.blocks:
        block.register_forward_hook(lambda _, __, out: states.append(out))
    stemmed = F.linear(x, weights["stem.fc.weight"])
    start = F.normalize(stemmed, dim=-1, eps=0)
    expected = ngpt(weights, start, depth, count)
    same(net(x), expected, [(v, v) for v in weights.values()])
    for state in states:
        torch.testing.assert_close(state.norm(dim=-1), torch.ones(2, 9).double())
