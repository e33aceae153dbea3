"""Who judges the networks of examples/modern; the tests beside this file hold them to it."""

from __future__ import annotations

from pathlib import Path

from website.examples import Example

MODERN = Path(__file__).parents[3] / "examples" / "modern"

LOOP = "a loop written from the paper"
#: By the name of the file.
JUDGES = {
    "attention_residuals": LOOP,
    "attention_residuals_grouped": LOOP,
    "cait": "timm's Cait, narrow",
    "cross_attention": LOOP,
    "decoder": "torch's nn.TransformerDecoder",
    "deepnorm": LOOP,
    "deepseek_v2": "transformers' DeepseekV2ForCausalLM",
    "deit3": "timm's DeiT III",
    "deltanet": "products of matrices",
    "denseformer": LOOP,
    "depth_gates": LOOP,
    "diagonal_ssm": LOOP,
    "differential": LOOP,
    "dit": LOOP,
    "fixup": LOOP,
    "gemma2": "transformers' Gemma2ForCausalLM",
    "gmlp": "timm's gmlp_s16_224",
    "gpt_small": "GPT-2's blocks (zoo); it trains, and goes on by positions",
    "griffin": LOOP,
    "gru": "torch's nn.GRU",
    "hyper_connections": "hyper-connections, n = 1, 2, 4",
    "hyper_connections_dynamic": "hyper-connections, n = 1, 2, 4",
    "laurel": LOOP,
    "leapfrog": LOOP,
    "linear_attention": "its parallel form",
    "llama": "transformers' LlamaForCausalLM",
    "looped": LOOP,
    "lstm": "torch's nn.LSTM",
    "macaron": LOOP,
    "mamba": "transformers' MambaForCausalLM",
    "mhc": "hyper-connections, n = 1, 2, 4",
    "mingru": LOOP,
    "minlstm": LOOP,
    "mixer": "timm's mixer_b16_224",
    "mixtral": "transformers' MixtralForCausalLM",
    "mixture_of_depths": LOOP,
    "mudd": LOOP,
    "neural_ode": "torchdiffeq",
    "nfnet": "timm's NormFreeNet, narrow",
    "ngpt": LOOP,
    "palm": LOOP,
    "repvgg": "timm's repvgg_a0",
    "resformer": LOOP,
    "rk4": LOOP,
    "rnn": "torch's nn.RNN",
    "sandwich": LOOP,
    "skipinit": LOOP,
    "tabresnet": LOOP,
    "unet": LOOP,
    "uvit": f"{LOOP}; x-transformers",
    "wavenet": LOOP,
}


def table() -> str:
    """The table of docs/zoo.md: each file, what its first lines say, and its judge."""
    rows = ["| file | scheme | judge |", "|---|---|---|"]
    for path in sorted(MODERN.glob("*.rf")):
        header = Example(path, path.read_text(encoding="utf-8")).header
        first = header.split(":")[0].replace("|", "\\|")
        link = f"[{path.stem}](../examples/modern/{path.name})"
        rows.append(f"| {link} | {first} | {JUDGES[path.stem]} |")
    return "\n".join(rows) + "\n"
