"""Networks of more inputs than one: a decoder against torch's, DiT against its paper."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import recform
from recform.blocks.examples import random_inputs
from tests.examples.modern.judges import MODERN

#: What has to be the same: what it is called, ours, and the judge's.
Pairs = Iterator[tuple[str, Any, Any]]


def agree(
    given: tuple[Tensor, ...],
    net: Callable[..., Tensor],
    judge: Callable[..., Tensor],
    pairs: Callable[[], Pairs],
) -> None:
    """Fails if outputs differ, or gradients by inputs or of parameters."""
    mine, its = (
        [x.clone().requires_grad_(x.is_floating_point()) for x in given]
        for _ in range(2)
    )
    ours, expected = net(*mine), judge(*its)
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)
    weights = torch.randn_like(ours)
    (ours * weights).sum().backward()
    (expected * weights).sum().backward()
    found = [
        (f"input {n}", *both) for n, both in enumerate(zip(mine, its, strict=True))
    ]
    for name, a, b in [(n, a.grad, b.grad) for n, a, b in found if b.requires_grad]:
        assert a is not None, name
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9, msg=name)
    for name, a, b in pairs():
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9, msg=name)


# ------------------------------------------------------------------------- cross attention

#: Modules of a block of `decoder`, and what they are in torch's layer.
LAYER = {
    "S.attention": "self_attn",
    "S.attention.out_proj": "self_attn.out_proj",
    "A.fc": "multihead_attn.out_proj",
    "P.fc1": "linear1",
    "P.fc2": "linear2",
    "M.ln": "norm1",
    "N.ln": "norm2",
    "O.ln": "norm3",
}


def in_decoders(
    net: Any, judge: nn.TransformerDecoder, read: Callable[[Any], Any]
) -> Pairs:
    """Parameters of the blocks; torch has the maps of queries, keys and values in one."""
    for number, (block, other) in enumerate(zip(net.blocks, judge.layers, strict=True)):
        theirs = dict(other.named_parameters())
        for kind in ("weight", "bias"):
            parts = read(theirs[f"multihead_attn.in_proj_{kind}"]).chunk(3)
            for letter, part in zip("QKV", parts, strict=True):
                mine = dict(block.named_parameters())[f"{letter}.fc.{kind}"]
                yield f"{number}.{letter}.{kind}", read(mine), part
        for path, inner in LAYER.items():
            own = block.get_submodule(path).named_parameters(recurse=False)
            for kind, mine in own:
                yield f"{number}.{path}", read(mine), read(theirs[f"{inner}.{kind}"])


@pytest.mark.parametrize("depth", [1, 4])
def test_decoder(depth: int) -> None:
    torch.manual_seed(depth)
    sizes = {"width": 16, "inner": 24, "length": 5, "source": 7, "classes": 3}
    made = recform.compile(MODERN / "decoder.rf", **sizes, depth=depth)
    net = made.module().double()
    layer = nn.TransformerDecoderLayer(16, 4, 24, dropout=0.0, batch_first=True)
    judge = nn.TransformerDecoder(layer, depth).double()
    for parameter in judge.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    for _, mine, its in in_decoders(net, judge, lambda parameter: parameter.data):
        mine.copy_(its)
    behind = torch.ones(5, 5, dtype=torch.bool).triu(1)
    agree(
        random_inputs(made.formula.inputs, 2, dtype=torch.float64),
        net,
        lambda x, memory: net.head(judge(x, memory, tgt_mask=behind)),
        lambda: in_decoders(net, judge, lambda parameter: parameter.grad),
    )
    # The memory is no state: each block has it, and none hands it on.
    assert [str(slot) for slot in made.recurrence.state] == ["X_3"]


# --------------------------------------------------------------------------- adaptive norms


def attended(module: Any, x: Tensor, heads: int) -> Tensor:
    """Attention of all tokens, head by head."""
    maps = (x @ module.in_proj_weight.T + module.in_proj_bias).chunk(3, dim=-1)
    made = []
    for q, k, v in zip(*(part.chunk(heads, dim=-1) for part in maps), strict=True):
        scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
        made.append(scores.softmax(-1) @ v)
    return module.out_proj(torch.cat(made, dim=-1))  # type: ignore[no-any-return]


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    mean, deviation = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
    normal = (x - mean) / (deviation + 1e-6) ** 0.5
    return normal * (1 + scale.unsqueeze(1)) + shift.unsqueeze(1)


def dit(net: Any, x: Tensor, time: Tensor, kind: Tensor) -> Tensor:
    """Figure 3 of the paper, with the modules of the network."""
    x = net.stem(x)
    said = net.T(time) + net.E.embed.weight[kind[:, 0]]
    for block in net.blocks:
        maps = block.M.zero(F.silu(said)).chunk(6, dim=1)
        shift1, scale1, gate1, shift2, scale2, gate2 = maps
        made = attended(block.A.attention, modulated(x, shift1, scale1), 4)
        x = x + gate1.unsqueeze(1) * made
        made = block.P(modulated(x, shift2, scale2))
        x = x + gate2.unsqueeze(1) * made
    scale, shift = net.G.zero(F.silu(said)), net.H.zero(F.silu(said))
    return net.head(modulated(x, shift, scale))  # type: ignore[no-any-return]


@pytest.mark.parametrize("depth", [1, 4])
def test_dit(depth: int) -> None:
    torch.manual_seed(depth)
    sizes = {"width": 16, "size": 8, "times": 6}
    made = recform.compile(MODERN / "dit.rf", **sizes, depth=depth)
    net = made.module().double()
    given = random_inputs(made.formula.inputs, 2, dtype=torch.float64)
    # Without biases each block starts as the identity, and the last map gives zeros.
    for block in net.blocks:
        block.M.zero.bias.data.zero_()
        x = torch.randn(2, 16, 16, dtype=torch.float64)
        said = torch.randn(2, 16, dtype=torch.float64)
        assert torch.equal(block(net.N, x, said), x)
    net.head.zero.bias.data.zero_()
    assert not net(*given).any()
    for parameter in net.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    judge = copy.deepcopy(net)

    def gradients() -> Pairs:
        theirs = dict(judge.named_parameters())
        for name, parameter in net.named_parameters():
            yield name, parameter.grad, theirs[name].grad

    agree(given, net, lambda *inputs: dit(judge, *inputs), gradients)
