"""Gemma 2 and 3 by equations against transformers: logits, gradients, windows in turn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import recform
from tests.examples.modern.judged import same, transplanted

transformers = pytest.importorskip("transformers")

FILE = Path(__file__).resolve().parents[3] / "examples" / "modern" / "gemma2.rf"
#: Where the parameters of a block, and of the head, lie in transformers' model.
KEYS = {
    **{f"{letter}.fc": f"self_attn.{letter.lower()}_proj" for letter in "QKV"},
    **{
        f"{letter}.{letter.lower()}_norm": f"self_attn.{letter.lower()}_norm"
        for letter in "QK"
    },
    "A.fc": "self_attn.o_proj",
    "N.norm": "input_layernorm",
    "P.norm": "post_attention_layernorm",
    "M.norm": "pre_feedforward_layernorm",
    "R.norm": "post_feedforward_layernorm",
    "G.fc": "mlp.gate_proj",
    "U.fc": "mlp.up_proj",
    "D.fc": "mlp.down_proj",
    "head.norm": "model.norm",
    "head.fc": "lm_head",
}


SIZES = {"width": 32, "heads": 4, "kvheads": 2, "inner": 44, "classes": 50}
OPTIONS = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 44,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "query_pre_attn_scalar": 8,
    "sliding_window": 3,
    "attn_implementation": "eager",
    "tie_word_embeddings": False,
}


def held(formula: str | Path, judge: nn.Module, depth: int) -> None:
    """Fails if a formula says another network than a model of transformers."""
    settings = {**SIZES, "depth": depth, "length": 9, "window": 3}
    net = recform.compile(formula, **settings).module().double()
    transplanted(net, judge, KEYS, norm=1.0)
    same(net, judge, torch.randn(2, 9, 32, dtype=torch.float64), KEYS)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_gemma2(depth: int) -> None:
    torch.manual_seed(depth)
    config = transformers.Gemma2Config(num_hidden_layers=depth, **OPTIONS)
    held(FILE, transformers.Gemma2ForCausalLM(config).double(), depth)


#: Layers that see all have another base, and positions eight times as near; heads of
#: queries and keys are normalised, and nothing has a cap.
GEMMA3 = {
    "softcap=50, rotary=10000)": "scale=1/sqrt(c/heads))",
    " > cap": "",
    "Q = linear(c, bias=false)": "Q = linear(c, bias=false) > streams(heads) > "
    "q_norm: rmsnorm(eps=1e-6) > join > rotary(heads, base_i, factor=far_i)",
    "K = linear(c*kvheads/heads, bias=false)": "K = linear(c*kvheads/heads, bias=false) > "
    "streams(kvheads) > k_norm: rmsnorm(eps=1e-6) > join > "
    "rotary(kvheads, base_i, factor=far_i)\n"
    "const base_i = 10000 + 990000*(1 + (-1)^i)/2\nconst far_i = 1 + 7*(1 + (-1)^i)/2",
}


@pytest.mark.parametrize("depth", [1, 4])
def test_gemma3(depth: int) -> None:
    text = FILE.read_text(encoding="utf-8")
    for part, other in GEMMA3.items():
        assert part in text, part
        text = text.replace(part, other)
    torch.manual_seed(depth)
    kinds = ("sliding_attention", "full_attention")
    rope = {
        kinds[0]: {"rope_type": "default", "rope_theta": 1e4},
        kinds[1]: {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
    }
    config = transformers.Gemma3TextConfig(
        num_hidden_layers=depth,
        rope_parameters=rope,
        layer_types=[kinds[n % 2] for n in range(depth)],
        **OPTIONS,
    )
    held(text, transformers.Gemma3ForCausalLM(config).double(), depth)
