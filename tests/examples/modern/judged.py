"""Networks of examples/modern held against those of transformers, weights and all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

#: Of modules of a block those of the judge's block, and of others theirs; or the parameter
#: that has theirs within, and where.
Keys = Mapping[str, str | tuple[str, Any]]


def experts(count: int, inner: int) -> Keys:
    """A mixture E of so many layers, whose maps transformers has in two parameters."""
    parts: tuple[tuple[str, str, tuple[slice, ...]], ...] = (
        ("gate", "gate_up", (slice(None, inner),)),
        ("up", "gate_up", (slice(inner, None),)),
        ("down", "down", ()),
    )
    maps = {
        f"E.moe.experts.{n}.{name}_proj": (f"mlp.experts.{whole}_proj", (n, *part))
        for n in range(count)
        for name, whole, part in parts
    }
    return {"E.moe.gate": "mlp.gate", **maps}


def model(kind: str, **options: Any) -> nn.Module:
    """A small language model of transformers, in float64.

    Args:
        kind: the first part of the names of its classes.
        options: of its configuration, beside small sizes, or in their place.
    """
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    config = getattr(transformers, f"{kind}Config")(**{**sizes, **heads, **options})
    # Its own default for mixtures runs no float64.
    config._experts_implementation = "eager"
    made: nn.Module = getattr(transformers, f"{kind}ForCausalLM")(config).double()
    return made


def pairs(
    net: nn.Module, judge: nn.Module, keys: Keys
) -> Iterator[tuple[str, nn.Parameter, nn.Parameter, Any]]:
    """Each parameter of a network, the one of the judge that it stands for, and where.

    Args:
        net: with its blocks in ``blocks``.
        judge: with its blocks in ``model.layers``.
        keys: of the parameters.
    """
    theirs = dict(judge.named_parameters())
    for name, mine in net.named_parameters():
        path, _, kind = name.rpartition(".")
        front, inner = "", path
        if path.startswith("blocks."):
            _, block, inner = path.split(".", 2)
            front = f"model.layers.{block}."
        key = keys[inner]
        other, part = (f"{key}.{kind}", ...) if isinstance(key, str) else key
        yield name, mine, theirs[front + other], part


def transplanted(
    net: nn.Module, judge: nn.Module, keys: Keys, *, norm: float = 0.0
) -> None:
    """Gives a network the weights of the judge, none of which are as they start.

    Args:
        net: gets them.
        judge: gives them.
        keys: of the parameters.
        norm: what the judge adds to the weights of its norms before it uses them.
    """
    with torch.no_grad():
        for its in judge.parameters():
            its.add_(0.1 * torch.randn_like(its))
        for name, mine, whole, part in pairs(net, judge, keys):
            its = whole[part]
            mine.copy_(its + norm if name.endswith("norm.weight") else its)


def same(net: nn.Module, judge: nn.Module, value: Tensor, keys: Keys) -> None:
    """Fails if logits or gradients of the two differ.

    The judge normalises, turns and weighs in float32, whatever it is given, so results
    agree to six digits, and gradients to five of their largest number.

    Args:
        net: with the weights of the judge.
        judge: of transformers.
        value: hidden states.
        keys: of the parameters.
    """
    mine, its = (value.clone().requires_grad_() for _ in range(2))
    ours, expected = net(mine), judge(inputs_embeds=its, use_cache=False).logits
    torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)
    weights = torch.randn_like(ours)
    (ours * weights).sum().backward()
    (expected * weights).sum().backward()
    assert mine.grad is not None
    assert its.grad is not None
    _close(mine.grad, its.grad, "input")
    for name, a, b, part in pairs(net, judge, keys):
        assert a.grad is not None, name
        assert b.grad is not None, name
        _close(a.grad, b.grad[part], name)


def _close(a: Tensor, b: Tensor, what: str) -> None:
    assert float((a - b).abs().max()) <= 1e-5 * float(b.abs().max()), what
