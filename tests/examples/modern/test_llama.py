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


@pytest.mark.parametrize("name", RELATIVES)
def test_relatives(name: str) -> None:
    said, options = RELATIVES[name]
    text = FILE.read_text(encoding="utf-8").replace("rotary=10000", said)
    judged(text, name, num_hidden_layers=2, num_key_value_heads=2, **options)
