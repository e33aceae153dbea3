"""Mixtures of experts by equations against those of transformers: logits and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import recform
from tests.examples.modern.judged import Keys, same, transplanted
from tests.examples.modern.test_llama import KEYS

transformers = pytest.importorskip("transformers")

FILE = Path(__file__).resolve().parents[3] / "examples" / "modern" / "mixtral.rf"
EXPERTS, INNER = 5, 12
#: transformers has the maps of all experts of a block in two parameters.
MAPS: Keys = {
    "E.moe.router": "mlp.gate",
    **{
        f"E.moe.experts.{expert}.{name}_proj": (
            f"mlp.experts.{whole}_proj",
            (expert, *part),
        )
        for expert in range(EXPERTS)
        for name, whole, part in (
            ("gate", "gate_up", (slice(None, INNER),)),
            ("up", "gate_up", (slice(INNER, None),)),
            ("down", "down", ()),
        )
    },
}
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
    config = getattr(transformers, f"{name}Config")(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        **{"num_experts_per_tok": top, "rms_norm_eps": 1e-5, **options},
    )
    # Its own default runs no float64.
    config._experts_implementation = "eager"
    judge = getattr(transformers, f"{name}ForCausalLM")(config).double()
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
    known = {**KEYS, **MAPS, **keys}
    transplanted(net, judge, known)
    same(net, judge, torch.randn(2, 9, 32, dtype=torch.float64), known)
