"""Llama by equations against transformers: logits, gradients, several depths."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import recform
from tests.examples.modern.judged import same, transplanted

transformers = pytest.importorskip("transformers")

FILE = Path(__file__).resolve().parents[3] / "examples" / "modern" / "llama.rf"
#: Where the parameters of a block, and of the head, lie in transformers' model.
KEYS = {
    **{f"{letter}.fc": f"self_attn.{letter.lower()}_proj" for letter in "QKV"},
    "A.fc": "self_attn.o_proj",
    "N.norm": "input_layernorm",
    "M.norm": "post_attention_layernorm",
    "G.fc": "mlp.gate_proj",
    "U.fc": "mlp.up_proj",
    "D.fc": "mlp.down_proj",
    "head.norm": "model.norm",
    "head.fc": "lm_head",
}


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("kvheads", [1, 2, 4])
def test_llama(depth: int, kvheads: int) -> None:
    torch.manual_seed(depth)
    sizes = {"width": 32, "heads": 4, "kvheads": kvheads, "inner": 44, "classes": 50}
    settings = {**sizes, "depth": depth, "length": 9}
    config = transformers.LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=44,
        num_hidden_layers=depth,
        num_attention_heads=4,
        num_key_value_heads=kvheads,
        rms_norm_eps=1e-6,
    )
    judge = transformers.LlamaForCausalLM(config).double()
    net = recform.compile(FILE, **settings).module().double()
    transplanted(net, judge, KEYS)
    same(net, judge, torch.randn(2, 9, 32, dtype=torch.float64), KEYS)
