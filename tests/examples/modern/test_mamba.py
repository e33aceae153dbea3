"""Mamba by equations against transformers: logits, gradients, several depths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import recform

transformers = pytest.importorskip("transformers")

FILE = Path(__file__).resolve().parents[3] / "examples" / "modern" / "mamba.rf"
WIDTH, STATE, RANK, VOCABULARY = 8, 3, 2, 11


def pairs(net: nn.Module, judge: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """Each parameter of the network, and the part of one of the judge's that it stands for."""
    for block, layer in zip(net.blocks, judge.backbone.layers, strict=True):
        mixer, inner = layer.mixer, 2 * WIDTH
        given, gate = mixer.in_proj.weight.split(inner)
        rank, b, c = mixer.x_proj.weight.split([RANK, STATE, STATE])
        yield block.N.norm.weight, layer.norm.weight
        yield block.I.fc.weight, given
        yield block.G.fc.weight, gate
        yield block.K.conv.weight, mixer.conv1d.weight
        yield block.K.conv.bias, mixer.conv1d.bias
        yield block.R.fc1.weight, rank
        yield block.R.fc2.weight, mixer.dt_proj.weight
        yield block.R.fc2.bias, mixer.dt_proj.bias
        yield block.B.fc.weight, b
        yield block.C.fc.weight, c
        yield block.O.fc.weight, mixer.out_proj.weight
        yield block.a, mixer.A_log.flatten()
        yield block.d, mixer.D
    yield net.head.norm.weight, judge.backbone.norm_f.weight
    yield net.head.fc.weight, judge.lm_head.weight


@pytest.mark.parametrize("depth", [1, 3])
def test_mamba(depth: int) -> None:
    torch.manual_seed(depth)
    config = transformers.MambaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        state_size=STATE,
        num_hidden_layers=depth,
        time_step_rank=RANK,
        residual_in_fp32=False,
        tie_word_embeddings=False,
    )
    judge = transformers.MambaForCausalLM(config).double().eval()
    sizes = {"width": WIDTH, "n": STATE, "rank": RANK, "vocabulary": VOCABULARY}
    made = recform.compile(FILE, depth=depth, length=7, **sizes)
    net = made.module().double()
    with torch.no_grad():
        for value in judge.parameters():
            value.add_(0.1 * torch.randn_like(value))
        for mine, its in pairs(net, judge):
            mine.copy_(its)
    x = torch.randn(2, 7, WIDTH, dtype=torch.float64)
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    logits = net(ours)
    expected = judge(inputs_embeds=theirs, use_cache=False).logits.double()
    # The judge works out some of it in single precision, whatever it is given.
    torch.testing.assert_close(logits, expected, rtol=1e-6, atol=1e-6)
    weights = torch.randn_like(logits)
    mine = [ours, *(value for value, _ in pairs(net, judge))]
    found = torch.autograd.grad((logits * weights).sum(), mine)
    (expected * weights).sum().backward()
    assert len(mine) == 1 + len(list(net.parameters()))
    assert theirs.grad is not None
    for one, other in zip(found, [theirs.grad, *gradients(judge, net)], strict=True):
        assert float((one - other).abs().max()) < 1e-5 * float(other.abs().max())


def gradients(judge: nn.Module, net: nn.Module) -> list[Tensor]:
    """Of the judge's parameters, cut as they are."""
    with torch.no_grad():
        for value in judge.parameters():
            if value.grad is not None:
                value.copy_(value.grad)
    return [value.detach() for _, value in pairs(net, judge)]
