"""Latent attention by equations, and mixtures beside it, against transformers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import recform
from tests.examples.modern.judged import Keys, experts, model, same, transplanted

FILE = Path(__file__).resolve().parents[3] / "examples" / "modern" / "deepseek_v2.rf"
HEADS, RANK, NOPE, ROPE, VALUE, EXPERTS, INNER = 4, 12, 6, 4, 5, 3, 10
PARTS = {"heads": HEADS, "rank": RANK, "nope": NOPE, "rope": ROPE, "value": VALUE}


def rows(first: int, width: int) -> tuple[torch.Tensor]:
    """Those of each head that begin there: keys and values of a head are side by side."""
    each = torch.arange(HEADS)[:, None] * (NOPE + VALUE) + first
    return ((each + torch.arange(width)).flatten(),)


#: transformers makes keys and values in one map, and what they are made of in another.
KEYS: Keys = {
    "N.norm": "input_layernorm",
    "M.norm": "post_attention_layernorm",
    "Q.fc": "self_attn.q_proj",
    "C.fc": ("self_attn.kv_a_proj_with_mqa.weight", (slice(None, RANK),)),
    "C.norm": "self_attn.kv_a_layernorm",
    "R.fc": ("self_attn.kv_a_proj_with_mqa.weight", (slice(RANK, None),)),
    "K.fc": ("self_attn.kv_b_proj.weight", rows(0, NOPE)),
    "V.fc": ("self_attn.kv_b_proj.weight", rows(NOPE, VALUE)),
    "A.fc": "self_attn.o_proj",
    **{
        f"{letter}.gated.{part}": f"mlp.{owner}{name}_proj"
        for letter, owner in (("F", ""), ("S", "shared_experts."))
        for part, name in (("G", "gate"), ("U", "up"), ("D", "down"))
    },
    **experts(EXPERTS, INNER),
    "head.norm": "model.norm",
    "head.fc": "lm_head",
}
#: Queries that are made of few features, too, as larger models have them.
LOW = {"Q = linear(": "Q = linear(8, bias=false) > rmsnorm(eps=1e-6) > linear("}
LOW_KEYS: Keys = {
    "Q.fc1": "self_attn.q_a_proj",
    "Q.norm": "self_attn.q_a_layernorm",
    "Q.fc2": "self_attn.q_b_proj",
}
#: What a file says in place of the one of the smaller model, and what transformers is told.
FORMS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "small": ("DeepseekV2", {}, {"q_lora_rank": None}),
    "large": ("DeepseekV2", LOW, {"q_lora_rank": 8}),
    "third": (
        "DeepseekV3",
        {
            **LOW,
            "normalised=false": "scores=sigmoid, balanced=true",
            "+ E_i": "+ 2.5*E_i",
        },
        {
            "q_lora_rank": 8,
            "routed_scaling_factor": 2.5,
            "n_group": 1,
            "topk_group": 1,
            "num_mtp_layers": 0,
        },
    ),
}


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("form", FORMS)
def test_deepseek(depth: int, form: str) -> None:
    kind, instead, options = FORMS[form]
    text = FILE.read_text(encoding="utf-8")
    for part, other in instead.items():
        assert part in text
        text = text.replace(part, other)
    torch.manual_seed(depth)
    judge = model(
        kind,
        num_hidden_layers=depth,
        num_key_value_heads=HEADS,
        first_k_dense_replace=1,
        kv_lora_rank=RANK,
        qk_nope_head_dim=NOPE,
        qk_rope_head_dim=ROPE,
        v_head_dim=VALUE,
        intermediate_size=44,
        moe_intermediate_size=INNER,
        n_routed_experts=EXPERTS,
        n_shared_experts=2,
        num_experts_per_tok=2,
        **options,
    )
    sizes = {"width": 32, "classes": 50, "length": 9, "dense": 44}
    mixture = {"inner": INNER, "shared": 2 * INNER, "experts": EXPERTS, "top": 2}
    made = recform.compile(text, **PARTS, **sizes, **mixture, depth=depth)
    net, keys = made.module().double(), {**KEYS, **(LOW_KEYS if instead else {})}
    transplanted(net, judge, keys)
    theirs = dict(judge.named_buffers())
    for name, balance in net.named_buffers():
        gate = f"model.layers.{name.split('.')[1]}.mlp.gate.e_score_correction_bias"
        theirs[gate].copy_(balance.normal_(std=0.3))
    assert len(list(net.buffers())) == (depth - 1) * (form == "third")
    same(net, judge, torch.randn(2, 9, 32, dtype=torch.float64), keys)


#: The maps of keys, and of values, stand behind the queries, and behind what attends.
ABSORBED = {
    "Q = linear(heads*(nope + rope)": "P = linear(heads*nope, bias=false) > "
    "conv1d(1, heads*rank, groups=heads)\nQ = linear(heads*rope",
    "turned=rope, last=true, ": "",
    "K = linear(heads*nope, bias=false)\n": "",
    "V = linear(heads*value, bias=false)\n": "",
    "B = beside(heads, 1)\nA = attend(heads, causal=true) > ": "B = beside(heads)\n"
    "J = beside(1)\nA = attend(heads, 1, causal=true, scale=1/sqrt(nope + rope)) > "
    "conv1d(1, heads*value, groups=heads) > ",
    "A_i(Q_i*Z_i, B_i(K_i*T_i, R_i*Z_i), V_i*T_i)": "A_i(B_i(P_i*Z_i, Q_i*Z_i), "
    "J_i(T_i, R_i*Z_i), T_i)",
}


def test_latents_are_all_that_has_to_be_kept() -> None:
    """Of a token stay its features, and the key beside them: as section 2.1.2 has it."""
    text = absorbed = FILE.read_text(encoding="utf-8")
    for part, other in ABSORBED.items():
        assert part in absorbed, part
        absorbed = absorbed.replace(part, other)
    sizes = {**PARTS, "width": 32, "length": 9}
    torch.manual_seed(0)
    wide, few = (
        recform.load(x, **sizes, generation=True).double() for x in (text, absorbed)
    )
    state = dict(wide.state_dict())
    for n in range(4):
        name = f"blocks.{n}."
        keys, values = (
            state.pop(f"{name}{part}.fc.weight").unflatten(0, (HEADS, -1))
            for part in "KV"
        )
        queries = state.pop(f"{name}Q.fc.weight").unflatten(0, (HEADS, -1))
        # Of a query and a key there is the product alone, of values a sum over positions.
        state[f"{name}P.fc.weight"] = queries[:, :NOPE].flatten(0, 1)
        state[f"{name}Q.fc.weight"] = queries[:, NOPE:].flatten(0, 1)
        state[f"{name}P.conv.weight"] = keys.mT.flatten(0, 1)[..., None]
        state[f"{name}A.conv.weight"] = values.flatten(0, 1)[..., None]
    few.load_state_dict(state)
    x = torch.randn(2, 9, 32, dtype=torch.float64)
    kept = []
    for net in (wide, few):
        past = sys.modules[type(net).__module__].Past()
        made = torch.cat([net.step(x[:, n : n + 1], past) for n in range(9)], 1)
        torch.testing.assert_close(made, wide(x))
        kept.append(sum(part[0].numel() for part in past.kept))
    assert kept[0] == 4 * 9 * HEADS * (NOPE + ROPE + VALUE)
    assert kept[1] == 4 * 9 * (2 * RANK + ROPE)
