"""Gemma 2 by equations against transformers: logits, gradients, windows in turn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import recform
from tests.examples.modern.judged import same, transplanted

transformers = pytest.importorskip("transformers")

FILE = Path(__file__).resolve().parents[3] / "examples" / "modern" / "gemma2.rf"
#: Where the parameters of a block, and of the head, lie in transformers' model.
KEYS = {
    **{f"{letter}.fc": f"self_attn.{letter.lower()}_proj" for letter in "QKV"},
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


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_gemma2(depth: int) -> None:
    torch.manual_seed(depth)
    sizes = {"width": 32, "heads": 4, "kvheads": 2, "inner": 44, "classes": 50}
    settings = {**sizes, "depth": depth, "length": 9, "window": 3}
    config = transformers.Gemma2Config(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=44,
        num_hidden_layers=depth,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        query_pre_attn_scalar=8,
        sliding_window=3,
        attn_implementation="eager",
        tie_word_embeddings=False,
    )
    judge = transformers.Gemma2ForCausalLM(config).double()
    net = recform.compile(FILE, **settings).module().double()
    transplanted(net, judge, KEYS, norm=1.0)
    same(net, judge, torch.randn(2, 9, 32, dtype=torch.float64), KEYS)
