"""Mixtures of experts by equations against those of transformers: logits and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import recform
from tests.examples.modern.judged import Keys, experts, model, same, transplanted
from tests.examples.modern.test_llama import KEYS

FILE = Path(__file__).resolve().parents[3] / "examples" / "modern" / "mixtral.rf"
EXPERTS, INNER = 5, 12
#: What the formula of a relative says in place of the one of the file.
SHARED = """
G = linear(inner, bias=false) > silu
U = linear(inner, bias=false)
D = linear(c, bias=false)
S = linear(1, bias=false) > sigmoid
Y_i ="""
RELATIVES: dict[str, tuple[dict[str, str], Keys, dict[str, Any]]] = {
    "Mixtral": ({}, {}, {"num_local_experts": EXPERTS, "intermediate_size": INNER}),
    "Qwen3Moe": (
        {
            "rotary=1000000": "qknorm=true, rotary=10000",
            "inner)": "inner, normalised=false)",
            "eps=1e-5": "eps=1e-6",
        },
        {},
        {
            "num_experts": EXPERTS,
            "moe_intermediate_size": INNER,
            "head_dim": 8,
            "rms_norm_eps": 1e-6,
        },
    ),
    # A shared expert is a term of the equation, with a gate of its own.
    "Qwen2Moe": (
        {
            "rotary=1000000": "rotary=10000",
            "Q = linear(c, bias=false)": "Q = linear(c)",
            "kvheads/heads, bias=false": "kvheads/heads",
            "Y_i =": SHARED,
            "+ E_i*M_i*Y_i": "+ E_i*M_i*Y_i + S_i*M_i*Y_i*D_i*(G_i*M_i*Y_i * U_i*M_i*Y_i)",
        },
        {
            "G.fc": "mlp.shared_expert.gate_proj",
            "U.fc": "mlp.shared_expert.up_proj",
            "D.fc": "mlp.shared_expert.down_proj",
            "S.fc": "mlp.shared_expert_gate",
        },
        {
            "num_experts": EXPERTS,
            "moe_intermediate_size": INNER,
            "shared_expert_intermediate_size": INNER,
            "norm_topk_prob": True,
        },
    ),
}


@pytest.mark.parametrize(
    ("name", "top"),
    [
        *(("Mixtral", top) for top in (2, 3, EXPERTS)),
        *(("Qwen3Moe", top) for top in (1, 2, EXPERTS)),
        ("Qwen2Moe", 3),
    ],
)
def test_mixtures_of_experts(name: str, top: int) -> None:
    instead, keys, options = RELATIVES[name]
    text = FILE.read_text(encoding="utf-8")
    for part, other in instead.items():
        assert part in text
        text = text.replace(part, other)
    torch.manual_seed(top)
    options = {"num_experts_per_tok": top, "rms_norm_eps": 1e-5, **options}
    judge = model(name, **options)
    sizes = {
        "width": 32,
        "heads": 4,
        "kvheads": 2,
        "classes": 50,
        "length": 9,
        "depth": 2,
    }
    made = recform.compile(text, **sizes, experts=EXPERTS, top=top, inner=INNER)
    net = made.module().double()
    known = {**KEYS, **experts(EXPERTS, INNER), **keys}
    transplanted(net, judge, known)
    same(net, judge, torch.randn(2, 9, 32, dtype=torch.float64), known)


#: Of a small one.
SMALL = {
    "width": 8,
    "heads": 2,
    "kvheads": 1,
    "length": 5,
    "depth": 1,
    "classes": 3,
    "experts": 3,
    "top": 2,
    "inner": 4,
}


@pytest.mark.long
def test_exported_and_compiled_for_one_choice() -> None:
    """It runs with another one."""
    net = recform.compile(FILE, **SMALL).module().eval()
    first, other = torch.randn(2, 2, 5, 8)
    exported = torch.export.export(net, (first,)).module()
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    for x in (first, other):
        torch.testing.assert_close(exported(x), net(x))
        torch.testing.assert_close(compiled(x), net(x))


def test_an_idle_expert_learns_nothing() -> None:
    """But has gradients, as processes that train together want them."""
    net = recform.compile(FILE, **SMALL).module()
    moe = net.blocks[0].E.moe
    torch.nn.init.zeros_(moe.gate.weight)
    net(torch.randn(2, 5, 8)).sum().backward()
    learn = [all(p.grad.any() for p in expert.parameters()) for expert in moe.experts]
    assert sorted(learn) == [False, True, True]


@pytest.mark.parametrize("examples", [0, 1])
def test_few_examples(examples: int) -> None:
    net = recform.compile(FILE, **SMALL).module()
    x = torch.randn(examples, 5, 8, requires_grad=True)
    made = net(x)
    made.sum().backward()
    assert x.grad is not None
    assert made.shape == (examples, 5, 3)


def test_weights_of_experts_are_found() -> None:
    """What they are for is asked of a network without numbers, which routes nothing."""
    net = recform.load(FILE, **SMALL).eval()
    x = torch.randn(2, 5, 8)
    torch.testing.assert_close(recform.optimize(net)(x), net(x))
