"""Sums over depth in examples/modern, each against a loop written from its paper.

The loops take the modules of the network, and put them together as the paper does. Compared
are outputs and the gradients of all parameters and of the input, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from recform.blocks import Layout
from recform.compiler import Compiled, compile_source, from_text, read
from recform.report.summary import summarise
from tests.oracle.compare import shake

MODERN = Path(__file__).resolve().parents[3] / "examples" / "modern"
Loop = Callable[[nn.Module, Tensor], Tensor]


def network(file: str, name: str | None = None, **settings: object) -> Compiled:
    source, folder = read(MODERN / f"{file}.rf")
    several = compile_source(source, settings, folder)
    return next(c for c in several if name is None or c.name == name)


def agree(compiled: Compiled, loop: Loop, x: Tensor) -> None:
    net = compiled.module().double()
    shake(net)
    ids = compiled.formula.input.layout is Layout.IDS
    x = x if ids else x.double().requires_grad_()
    ours, theirs = net(x), loop(net, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    inputs = [*net.parameters(), *([] if ids else [x])]
    weights = torch.randn_like(ours)
    gradients = [
        torch.autograd.grad((made * weights).sum(), inputs) for made in (ours, theirs)
    ]
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-8, atol=1e-9)
    counted = sum(p.numel() for p in net.parameters())
    assert compiled.graph.totals.parameters == counted


def one_hot(length: int, vocabulary: int) -> Tensor:
    tokens = torch.randint(vocabulary, (2, length))
    return nn.functional.one_hot(tokens, vocabulary)


def blocks_of(net: nn.Module) -> list[nn.Module]:
    names = [name for name, _ in net.named_children()]
    stages = [name for name in names if name == "blocks" or name.startswith("stage")]
    return [block for name in stages for block in getattr(net, name)]


def softmax_over(members: list[Tensor], scores: list[Tensor]) -> Tensor:
    """exp(s) over its sum, member by member."""
    top = torch.stack(scores).amax(0)
    weights = [torch.exp(score - top) for score in scores]
    total = sum(weights[1:], start=weights[0])
    terms = [(w / total)[..., None] * y for w, y in zip(weights, members, strict=True)]
    return sum(terms[1:], start=terms[0])


def attended(q: Tensor, norm: nn.Module, members: list[Tensor]) -> Tensor:
    return softmax_over(members, [(q * norm(y)).sum(-1) for y in members])


# ------------------------------------------------------------------------- DenseFormer


def denseformer(net: nn.Module, x: Tensor) -> Tensor:
    given = [net.stem(x)]
    x = given[0]
    for block in blocks_of(net):
        x = x + block.A(x)
        given.append(x + block.M(x))
        x = sum(a * y for a, y in zip(block.a, given, strict=True))
    return net.head(x)


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 17])
def test_denseformer(depth: int) -> None:
    compiled = network("denseformer", depth=depth, vocabulary=7, length=5)
    agree(compiled, denseformer, one_hot(5, 7))


def test_denseformer_starts_as_a_transformer() -> None:
    net = network("denseformer", depth=3, vocabulary=7, length=5).module()
    starts = [block.a.tolist() for block in blocks_of(net)]
    assert starts == [[0, 1], [0, 0, 1], [0, 0, 0, 1]]


def test_code_does_not_grow_with_depth() -> None:
    sizes = [len(network("denseformer", depth=n).source) for n in (12, 40, 90)]
    assert sizes[0] == sizes[1] == sizes[2]


# -------------------------------------------------------------------------------- MUDD


def rms(x: Tensor, weight: Tensor) -> Tensor:
    return weight * x / (x**2).mean(-1, keepdim=True).add(1e-6).sqrt()


def dynamic_weights(x: Tensor, of: nn.Module) -> Tensor:
    """GELU(RMSNorm(X) W1) W2: a number for each tensor, at each position."""
    hidden = rms(x, of.norm.weight) @ of.fc.weight.T
    return nn.functional.gelu(hidden) @ of.last.weight.T


def dense_sum(static: Tensor, dynamic: Tensor, given: list[Tensor]) -> Tensor:
    """Position by position, tensor by tensor."""
    rows = []
    for t in range(given[0].shape[1]):
        terms = [
            (static[k] + dynamic[:, t, k, None]) * x[:, t] for k, x in enumerate(given)
        ]
        rows.append(sum(terms[1:], start=terms[0]))
    return torch.stack(rows, 1)


def turned(x: Tensor) -> Tensor:
    """Rotary positions: of each head, the first half beside the second; angles in single."""
    length, half = x.shape[-2], x.shape[-1] // 2
    speeds = 1 / 10000 ** (torch.arange(half) / half)
    angles = torch.arange(length)[:, None] * speeds
    first, second = x[..., :half], x[..., half:]
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)


def causal_attention(at: nn.Module, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    def heads(x: Tensor) -> Tensor:
        return x.unflatten(-1, (4, -1)).transpose(1, 2)

    q, k, v = (
        rms(x, of.norm.weight) @ of.fc.weight.T
        for x, of in ((q, at.P), (k, at.U), (v, at.V))
    )
    q, k = (
        turned(rms(heads(x), norm.weight))
        for x, norm in ((q, at.T.q_norm), (k, at.T.k_norm))
    )
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    later = torch.ones(scores.shape[-2:]).triu(1).bool()
    weights = torch.softmax(scores.masked_fill(later, -torch.inf), -1)
    made = (weights @ heads(v)).transpose(1, 2).flatten(2)
    return made @ at.O.weight.T


def muddformer(net: nn.Module, ids: Tensor) -> Tensor:
    given = [net.stem.embed.weight[ids]]
    last = blocks_of(net)[-1]
    for block in blocks_of(net):
        ways = dynamic_weights(given[-1], block.D).chunk(4, -1)
        static = (block.q, block.u, block.v, block.r)
        q, k, v, r = (dense_sum(a, d, given) for a, d in zip(static, ways, strict=True))
        x = r + causal_attention(block.A, q, k, v)
        given.append(x + block.M(x))
    return net.head(dense_sum(last.z, dynamic_weights(given[-1], last.E), given))


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_muddformer(depth: int) -> None:
    compiled = network("mudd", depth=depth, vocabulary=7, length=5)
    agree(compiled, muddformer, torch.randint(7, (2, 5)))


def test_muddformer_starts_as_a_transformer() -> None:
    net = network("mudd", depth=3, vocabulary=7, length=5).module()
    x = net.stem(ids := torch.randint(7, (2, 5)))
    for block in blocks_of(net):
        x = x + block.A(x, x, x)
        x = x + block.M(x)
    torch.testing.assert_close(net(ids), net.head(x))


# --------------------------------------------------------------- attention over depth


def attention_residuals(net: nn.Module, x: Tensor) -> Tensor:
    given = [net.stem(x)]
    for block in blocks_of(net):
        given.append(block.M(block.A(attended(block.q, block.N, given))))
    return net.head(attended(net.r, net.R, given))


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 17])
def test_attention_residuals(depth: int) -> None:
    compiled = network("attention_residuals", depth=depth, vocabulary=7, length=5)
    agree(compiled, attention_residuals, one_hot(5, 7))


def grouped(sizes: list[int]) -> Loop:
    def loop(net: nn.Module, x: Tensor) -> Tensor:
        blocks = iter(blocks_of(net))
        finished = [net.stem(x)]
        partial: list[Tensor] = []
        for size in sizes:
            partial = []
            for _ in range(size):
                block = next(blocks)
                h = attended(block.q, block.N, [*finished, *partial])
                y = block.M(block.A(h))
                partial = [partial[0] + y] if partial else [y]
            finished += partial
        return net.head(attended(net.r, net.R, finished))

    return loop


@pytest.mark.parametrize("sizes", [[1], [4], [1, 1, 1], [3, 1, 2], [4, 4, 4], [2] * 9])
def test_grouped_attention_residuals(sizes: list[int]) -> None:
    text = (MODERN / "attention_residuals_grouped.rf").read_text("utf-8")
    stages = ", ".join(f"64 x {size}" for size in sizes)
    text = text.replace("64 x 4, 64 x 4, 64 x 4", stages)
    (compiled,) = compile_source(from_text(text), {"vocabulary": 7, "length": 5})
    agree(compiled, grouped(sizes), one_hot(5, 7))


def test_a_grouped_network_hands_on_a_tensor_for_each_group_and_one_more() -> None:
    """As its authors say: the embedding, the finished groups, and the sum of this one."""
    compiled = network("attention_residuals_grouped")
    summary = summarise(compiled.graph, compiled.proof)
    assert [(row.what, row.kind, row.tensors) for row in summary.state] == [
        ("P_i", "unknown", 1),
        ("finished(P_<0..i-1>)", "list", 3),
    ]
    assert summary.bound == 2


def test_the_steps_of_groups_are_shared() -> None:
    source = network("attention_residuals_grouped").source
    assert source.count("Step(nn.Module)") == 3
    assert (
        "self.stage3 = nn.ModuleList([OpeningStep(), *[Step() for _ in range(3)]])"
        in source
    )


# ------------------------------------------------------------------------------ LAuReL


def previous_activations(net: nn.Module, x: Tensor) -> Tensor:
    xs = [x]
    for block in blocks_of(net):
        terms = [g * block.B(y) for g, y in zip(block.gamma, xs, strict=True)]
        xs.append(block.T(xs[-1]) + xs[-1] + sum(terms))
    return xs[-1]


def low_rank(net: nn.Module, x: Tensor) -> Tensor:
    for block in blocks_of(net):
        x = block.T(x) + block.B(x) + x
    return x


def residual_weights(net: nn.Module, x: Tensor) -> Tensor:
    for block in blocks_of(net):
        x = block.alpha * block.T(x) + block.beta * x
    return x


@pytest.mark.parametrize("depth", [1, 2, 7])
@pytest.mark.parametrize(
    ("name", "loop"),
    [
        ("LaurelRW", residual_weights),
        ("LaurelLR", low_rank),
        ("LaurelPA", previous_activations),
    ],
)
def test_laurel(name: str, loop: Loop, depth: int) -> None:
    compiled = network("laurel", name, depth=depth, width=6, rank=2)
    agree(compiled, loop, torch.randn(3, 6))


# ------------------------------------------------------------------------- depth gates


def depth_gates(net: nn.Module, x: Tensor) -> Tensor:
    given = [x]
    for block in blocks_of(net):
        gates = torch.sigmoid(block.g)
        given.append(block.T(sum(g * y for g, y in zip(gates, given, strict=True))))
    return given[-1]


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_depth_gates(depth: int) -> None:
    agree(network("depth_gates", depth=depth, width=6), depth_gates, torch.randn(3, 6))


def test_depth_gates_start_where_the_file_says() -> None:
    net = network("depth_gates", depth=4, width=6).module()
    starts = [block.g.tolist() for block in blocks_of(net)]
    assert starts == [[1], [-0.5, 1], [-0.75, -0.5, 1], [-1, -0.75, -0.5, 1]]
