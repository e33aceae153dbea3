"""Networks of the zoo that are judged by their papers: counts, figures, behaviour."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import recform
from recform.compiler import Compiled
from recform.report import TableRow
from tests.compiled import networks
from tests.examples import zoo_judges
from tests.examples.modern.judged import model
from tests.examples.zoo_counts import COUNTS, gpt2
from tests.examples.zoo_judges import ZOO, Figure

PAGE = Path(__file__).resolve().parents[2] / "docs" / "zoo.md"


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], TableRow]:
    return {(row.file, row.name): row for row in zoo_judges.rows()}


def network(file: str, name: str | None = None, **settings: object) -> Compiled:
    several = networks(f"zoo/{file}.rf", **settings)
    return next(c for c in several if name is None or c.name == name)


@pytest.mark.parametrize("key", COUNTS, ids=lambda key: key[1])
def test_parameters_are_those_of_the_paper(
    key: tuple[str, str], rows: dict[tuple[str, str], TableRow]
) -> None:
    assert rows[key].parameters == COUNTS[key]()


def test_every_network_has_a_judge(rows: dict[tuple[str, str], TableRow]) -> None:
    judged = {key for key in rows if key[0] in zoo_judges.ELSEWHERE}
    assert judged | set(COUNTS) == set(rows)


def test_figures_are_those_printed(rows: dict[tuple[str, str], TableRow]) -> None:
    known = zoo_judges.figures()
    assert set(known) <= set(rows)
    unmet = {key[1] for key in known if not zoo_judges.agrees(rows[key], known[key])}
    assert unmet == zoo_judges.UNMET


@pytest.mark.parametrize(
    ("text", "value", "agrees"),
    [
        ("1.7e6", 1_727_962, True),
        ("1.7e6", 1_750_001, False),
        ("0.77e6", 769_162, True),
        ("137e6", 136_400_000, False),
    ],
)
def test_a_figure_counts_to_its_digits(text: str, value: int, agrees: bool) -> None:
    assert Figure(text, "parameters").agrees(value) is agrees


def test_highway_layers_have_about_5000_parameters() -> None:
    """As the paper says of layers of 50 units."""
    deep = network("highway", "Highway100").graph.totals.parameters
    shallow = network("highway", "Highway50").graph.totals.parameters
    assert (deep - shallow) / 50 == pytest.approx(5000, rel=0.03)


def small_gpt() -> nn.Module:
    settings = {"width": 128, "depth": 2, "vocabulary": 11, "length": 8}
    return network("gpt2", **settings).module().double().eval()


def test_gpt_is_torchs_pre_norm_transformer() -> None:
    ours = small_gpt()
    assert sum(p.numel() for p in ours.parameters()) == gpt2(128, 2, 11, 8)
    theirs = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(
            128,
            2,
            512,
            activation=partial(F.gelu, approximate="tanh"),
            batch_first=True,
            norm_first=True,
        ),
        2,
        enable_nested_tensor=False,
    )
    theirs = theirs.double().eval()
    names = (
        ("self_attn", "A.attention"),
        ("norm1", "norm.ln"),
        ("norm2", "norm2.ln"),
        ("linear1", "M.fc1"),
        ("linear2", "M.fc2"),
    )
    weights = ours.state_dict()
    for name, value in theirs.state_dict().items():
        mine = name.replace("layers", "blocks")
        for old, new in names:
            mine = mine.replace(f".{old}.", f".{new}.")
        value.copy_(weights[mine])
    ids = torch.randint(0, 11, (3, 8))
    with torch.no_grad():
        x = weights["wte.weight"][ids] + weights["wpe"]
        mask = nn.Transformer.generate_square_subsequent_mask(8, dtype=torch.float64)
        y = theirs(x, mask=mask, is_causal=True)
        y = F.layer_norm(y, (128,), weights["ln_f.weight"], weights["ln_f.bias"])
        torch.testing.assert_close(ours(ids), y @ weights["wte.weight"].T)


#: What parameters of transformers' GPT2LMHeadModel are called here (docs/zoo.md).
GPT2_KEYS = (
    ("transformer.h.", "blocks."),
    ("transformer.", ""),
    ("wpe.weight", "wpe"),
    (".attn.c_attn.", ".A.attention.in_proj_"),
    (".attn.c_proj.", ".A.attention.out_proj."),
    (".ln_1.", ".norm.ln."),
    (".ln_2.", ".norm2.ln."),
    (".mlp.c_fc.", ".M.fc1."),
    (".mlp.c_proj.", ".M.fc2."),
)


def of_transformers(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state_dict of GPT2LMHeadModel as that of examples/zoo/gpt2.rf."""
    made = {}
    for name, value in state.items():
        # Their Conv1D has a matrix as it is multiplied, the transpose of nn.Linear's.
        if ".c_" in name and name.endswith("weight"):
            value = value.T
        for old, new in GPT2_KEYS:
            name = name.replace(old, new)
        made[name] = value[None] if name == "wpe" else value
    return made


def test_gpt_takes_the_weights_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"n_embd": 128, "n_layer": 2, "n_head": 2, "n_positions": 8}
    config = transformers.GPT2Config(
        vocab_size=11, bos_token_id=0, eos_token_id=0, **sizes
    )
    theirs = transformers.GPT2LMHeadModel(config).double().eval()
    assert theirs.lm_head.weight is theirs.transformer.wte.weight
    ours = small_gpt()
    given = of_transformers(theirs.state_dict())
    assert ours.lm_head.weight is ours.wte.weight
    assert set(given) == set(ours.state_dict())
    ours.load_state_dict(given)
    assert ours.lm_head.weight is ours.wte.weight
    ids = torch.randint(0, 11, (3, 8))
    made, wanted = ours(ids), theirs(ids).logits
    torch.testing.assert_close(made, wanted, rtol=1e-10, atol=1e-10)
    for logits in (made, wanted):
        F.cross_entropy(logits.flatten(0, 1), ids.roll(-1, 1).flatten()).backward()
    grads = {n: p.grad for n, p in theirs.named_parameters() if p.grad is not None}
    mine = {n: p.grad for n, p in ours.named_parameters()}
    for name, value in of_transformers(grads).items():
        torch.testing.assert_close(mine[name], value, rtol=1e-9, atol=1e-12)
    assert len(mine) == len(grads)


#: Of three pairs one turns as it did, one a little slower, and one eight times.
SCALED = "9, factor=8, length=20, slow=0.4, fast=1.2"
_BIAS, _KEYS = ", bias=false)", "linear(cin*kvheads/heads"
#: What the formula of a relative of Llama says in place of that of the file, and options.
RELATIVES: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "Llama": ({}, {}),
    "Llama, a head of its own": (
        {'"lm_head": unembed(stem)': "lm_head: linear(vocabulary, bias=false)"},
        {"tie_word_embeddings": False},
    ),
    "Mistral": ({"rotary=": "window=4, rotary="}, {"sliding_window": 4, "head_dim": 4}),
    "Qwen2": (
        {"linear(cin, bias=false)": "linear(cin)", f"{_KEYS}{_BIAS}": f"{_KEYS})"},
        {"use_sliding_window": False},
    ),
    # Norms stand behind the layers.
    "Olmo2": (
        {
            f"linear(cin{_BIAS}": f"linear(cin{_BIAS} > q_norm: rmsnorm(eps=1e-5)",
            f"k_proj: {_KEYS}{_BIAS}": f"k_proj: {_KEYS}{_BIAS} > k_norm: rmsnorm(eps=1e-5)",
            "A_i*N_i": "N_i*A_i",
            "G_i*M_i": "M_i*G_i",
            "post_attention_layernorm": "post_feedforward_layernorm",
            "input_layernorm": "post_attention_layernorm",
        },
        {},
    ),
    # Positions turn the first features of a head alone.
    "StableLm": (
        {"rmsnorm(": "ln(", "rotary=100000": "rotary=100000, turned=2"},
        {"layer_norm_eps": 1e-5, "partial_rotary_factor": 0.5},
    ),
    # Pairs that turn slowly turn slower still, as of Llama 3.1 on.
    "Llama, longer than it was trained": (
        {
            f"linear(cin{_BIAS}": f"linear(cin{_BIAS} > q_turn: rotary(heads, {SCALED})",
            f"k_proj: {_KEYS}{_BIAS}": f"k_proj: {_KEYS}{_BIAS} > "
            f"k_turn: rotary(kvheads, {SCALED})",
            ", rotary=100000": "",
        },
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 9.0,
                "factor": 8.0,
                "low_freq_factor": 0.4,
                "high_freq_factor": 1.2,
                "original_max_position_embeddings": 20,
            }
        },
    ),
    # Every other layer knows no positions.
    "SmolLM3": (
        {"rotary=100000": "rotary=100000, turned=4*(i - 2*floor(i/2))"},
        {"no_rope_layer_interval": 2},
    ),
    # The heads of a position are streams, of which each is normalised.
    "Qwen3": (
        {
            f"linear(cin{_BIAS}": f"linear(cin{_BIAS} > streams(heads) > "
            "q_norm: rmsnorm(eps=1e-5) > join",
            f"k_proj: {_KEYS}{_BIAS}": f"k_proj: {_KEYS}{_BIAS} > streams(kvheads) > "
            "k_norm: rmsnorm(eps=1e-5) > join",
        },
        {"head_dim": 4, "use_sliding_window": False},
    ),
}
#: Mixtures of experts, under the names that Qwen3-MoE and OLMoE publish (from memory).
MIXTURE = (
    "gate",
    *(f"experts.{n}.{part}_proj" for n in (0, 1) for part in ("gate", "up", "down")),
)
#: Whose layers read the same, side by side.
PHI = """
network Phi
input   9 of 11
stem    "model.embed_tokens": embed(c)
stages  24 x 2
head    "model.final_layernorm": ln(eps=1e-5) > lm_head: linear(11)
names   stem = ".", head = ".", stages = "model.layers", step = "{0}",
        N = ".", A = "self_attn", M = "mlp"
Attention(x) = O(Q*x, K*x, V*x)
  where Q = q_proj: linear(cin), K = k_proj: linear(cin/3), V = v_proj: linear(cin/3),
        O = attend(6, 2, causal=true, rotary=100000, turned=2) > dense: linear(c)
N = "input_layernorm": ln(eps=1e-5)
A = Attention
M = fc1: linear(40) > gelu(tanh=true) > fc2: linear(c)
X_i = X_<i-1> + A_i*N_i*X_<i-1> + M_i*N_i*X_<i-1>
"""
SMALL = {"width": 24, "heads": 6, "kvheads": 2, "inner": 40, "length": 9, "depth": 2}


def llama(instead: dict[str, str]) -> nn.Module:
    """A small network of the zoo's Llama, which says something else in some places."""
    text = (ZOO / "smollm2_135m.rf").read_text(encoding="utf-8")
    for part, other in instead.items():
        assert part in text, part
        text = text.replace(part, other)
    return recform.load(text, **SMALL, vocabulary=11, generation=True)


def judge(name: str, **options: object) -> nn.Module:
    """A small model of transformers, with weights that are nothing like those at the start."""
    torch.manual_seed(0)
    small = {"vocab_size": 11, "hidden_size": 24, "intermediate_size": 40}
    small |= {"num_attention_heads": 6, "rms_norm_eps": 1e-5, "rope_theta": 1e5}
    told = {"eos_token_id": None, "pad_token_id": 0, "tie_word_embeddings": True}
    made = model(name, **{**small, **told, **options}).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def writes_as(ours: nn.Module, theirs: nn.Module) -> None:
    """Fails if scores, or what is written behind some ids, are others with their weights."""
    ours.load_state_dict(theirs.state_dict())
    ids = torch.randint(0, 11, (3, 9))
    # Theirs turns queries and keys, and normalises, in float32.
    wanted = theirs(ids, use_cache=False).logits
    torch.testing.assert_close(ours(ids), wanted, rtol=1e-5, atol=1e-6)
    past, told = sys.modules[type(ours).__module__].Past(), ids[:, :3]
    with torch.no_grad():
        scores = ours.step(told, past)
        for _ in range(6):
            told = torch.cat((told, scores[:, -1:].argmax(-1)), 1)
            scores = ours.step(told[:, -1:], past)
        seen = {
            "attention_mask": torch.ones(3, 3)
        }  # or ids like the one of the rim are not
        wanted = theirs.generate(ids[:, :3], max_new_tokens=6, do_sample=False, **seen)
    assert torch.equal(told, wanted)


@pytest.mark.parametrize("name", RELATIVES)
def test_llama_and_others_take_the_state_of_transformers(name: str) -> None:
    instead, options = RELATIVES[name]
    theirs = judge(name.partition(",")[0], **options)
    writes_as(llama(instead).double().eval(), theirs)


def test_phi_takes_the_state_of_transformers() -> None:
    options = {"layer_norm_eps": 1e-5, "partial_rotary_factor": 0.5}
    theirs = judge("Phi", **{**options, "tie_word_embeddings": False})
    writes_as(recform.load(PHI, generation=True).double().eval(), theirs)


def test_mixtures_of_experts_have_the_names_that_are_published() -> None:
    experts = {"G = Gated": "G = mlp: experts(2, 2, 5)", 'G = "mlp"': 'G = "."'}
    keys = llama(experts).state_dict()
    assert {f"model.layers.1.mlp.{name}.weight" for name in MIXTURE} <= {*keys}


def test_stochastic_depth_drops_later_blocks_more_often() -> None:
    """Eq. (4): block i of L is dropped with probability i/L * (1 - p_L), p_L = 0.5."""
    with torch.device("meta"):
        module = network("stochastic_depth").module()
    rates = [m.rate for m in module.modules() if type(m).__name__ == "DropPath"]
    assert rates == pytest.approx([0.5 * i / 54 for i in range(1, 55)])


def test_rezero_starts_as_the_identity() -> None:
    """ReZero's blocks do nothing at first: what comes in is what goes out."""
    module = network("rezero", "ReZeroResNet56").module().eval()
    x = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        start = module.stem(x)
        pooled = F.avg_pool2d(F.avg_pool2d(start, 2), 2).mean((2, 3))
        wanted = module.head.fc(F.pad(pooled, (0, 48)))
        torch.testing.assert_close(module(x), wanted)


def test_poly_2_applies_one_module_twice() -> None:
    poly, mpoly = (network("polynet", name) for name in ("Poly2", "MPoly2"))
    assert poly.graph.totals.multiply_adds == mpoly.graph.totals.multiply_adds
    assert poly.graph.totals.parameters < mpoly.graph.totals.parameters


def test_hyper_connections_start_as_pre_norm_residual() -> None:
    """n streams with the paper's start hold alternating residual sums."""
    module = network("hyper_connections").module().double().eval()
    x = torch.randn(2, 64, 48, dtype=torch.float64)
    with torch.no_grad():
        a = b = module.stem(x)
        for number, block in enumerate(module.blocks, start=1):
            made = block.T(a if number % 2 else b)
            a, b = a + made, b + made
        torch.testing.assert_close(module(x), module.head(a + b))


@pytest.mark.golden
def test_page_has_the_table(request: pytest.FixtureRequest) -> None:
    begin, end = "<!-- table: begin -->", "<!-- table: end -->"
    text = PAGE.read_text()
    head, _, rest = text.partition(begin)
    made = zoo_judges.table()
    wanted = f"{head}{begin}\n{made}\n{end}{rest.partition(end)[2]}"
    if request.config.getoption("--update-goldens"):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted, "run `make goldens`"
