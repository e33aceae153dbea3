"""Llama by equations, and its relatives, against transformers: logits and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import recform
from tests.examples.modern.judged import model, same, transplanted

FILE = Path(__file__).resolve().parents[3] / "examples" / "modern" / "llama.rf"
#: Where the parameters of a block, and of the head, lie in transformers' model.
KEYS = {
    **{f"{letter}.fc": f"self_attn.{letter.lower()}_proj" for letter in "QKV"},
    **{f"A.attend.{letter}_norm": f"self_attn.{letter}_norm" for letter in "qk"},
    "A.attend": "self_attn",
    "A.fc": "self_attn.o_proj",
    "N.norm": "input_layernorm",
    "M.norm": "post_attention_layernorm",
    "G.fc": "mlp.gate_proj",
    "U.fc": "mlp.up_proj",
    "D.fc": "mlp.down_proj",
    "head.norm": "model.norm",
    "head.fc": "lm_head",
}
SIZES = {"width": 32, "heads": 4, "inner": 44, "classes": 50, "length": 9}


def judged(formula: str | Path, kind: str, **options: Any) -> None:
    """Fails if a formula and a model of transformers differ, at a depth and heads."""
    depth, kvheads = options["num_hidden_layers"], options["num_key_value_heads"]
    torch.manual_seed(depth)
    judge = model(kind, intermediate_size=44, rms_norm_eps=1e-6, **options)
    made = recform.compile(formula, **SIZES, depth=depth, kvheads=kvheads)
    net = made.module().double()
    transplanted(net, judge, KEYS)
    same(net, judge, torch.randn(2, 9, 32, dtype=torch.float64), KEYS)


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("kvheads", [1, 2, 4])
def test_llama(depth: int, kvheads: int) -> None:
    judged(FILE, "Llama", num_hidden_layers=depth, num_key_value_heads=kvheads)


#: What the attention of a relative says besides, and what transformers calls that.
RELATIVES: dict[str, tuple[str, dict[str, Any]]] = {
    "Mistral": ("window=3, rotary=10000", {"sliding_window": 3, "head_dim": 8}),
    "Qwen3": ("qknorm=true, rotary=10000", {"head_dim": 8}),
}


#: Scores of no key, windows of every other layer, which alone know positions, and numbers
#: in front of the branches, the logits and what comes in.
GRANITE = {
    "rotary=10000": "scale=0.3, sinks=true, window=length - (length - 3)*(i - 2*floor(i/2)), "
    "rotary=10000, turned=8*(i - 2*floor(i/2))",
    "+ A_i": "+ 0.7*A_i",
    "+ D_i": "+ 0.7*D_i",
    "linear(classes, bias=false)": "linear(classes, bias=false) > Third",
    "output": "Third(x) = x/3\nX_0 = 12*input\noutput",
}


def test_granite_with_sinks() -> None:
    text = FILE.read_text(encoding="utf-8")
    for part, other in GRANITE.items():
        assert part in text, part
        text = text.replace(part, other)
    judged(
        text,
        "GraniteSWA",
        num_hidden_layers=4,
        num_key_value_heads=2,
        tie_word_embeddings=False,
        attention_multiplier=0.3,
        residual_multiplier=0.7,
        logits_scaling=3.0,
        embedding_multiplier=12.0,
        sliding_window=3,
        layer_types=["sliding_attention", "full_attention"] * 2,
        layer_rope_theta=[10000, 0] * 2,
    )


@pytest.mark.parametrize("name", RELATIVES)
def test_relatives(name: str) -> None:
    said, options = RELATIVES[name]
    text = FILE.read_text(encoding="utf-8").replace("rotary=10000", said)
    judged(text, name, num_hidden_layers=2, num_key_value_heads=2, **options)
