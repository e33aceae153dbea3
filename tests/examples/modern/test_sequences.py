"""Mixers, WaveNet and TabResNet against timm, and against loops as the papers have them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recform.compiler import compile_source, read

FILES = Path(__file__).resolve().parents[3] / "examples" / "modern"


def made(file: str, **settings: int) -> nn.Module:
    source, folder = read(FILES / f"{file}.rf")
    (item,) = compile_source(source, settings, folder)
    torch.manual_seed(0)
    module = item.module().double()
    with torch.no_grad():
        for value in module.parameters():
            value.normal_(std=0.3)
    return module


def same(ours: Tensor, theirs: Tensor, parameters: list[tuple[Tensor, Tensor]]) -> None:
    """Both outputs are equal, and so are the gradients of each pair of parameters."""
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)
    weights = torch.randn_like(theirs)
    first, second = zip(*parameters, strict=True)
    mine = torch.autograd.grad((ours * weights).sum(), first)
    wanted = torch.autograd.grad((theirs * weights).sum(), second)
    for a, b in zip(mine, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)


#: What timm's networks of a file are made with.
TIMM = {
    "mixer": ("mixer_b16_224", {}),
    "gmlp": (
        "gmlp_s16_224",
        {"mlp_ratio": 6, "block_layer": "SpatialGatingBlock", "mlp_layer": "GatedMlp"},
    ),
}


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("file", TIMM)
def test_mixers_are_those_of_timm(file: str, depth: int) -> None:
    mixers = pytest.importorskip("timm.models.mlp_mixer")
    told = {
        key: getattr(mixers, value) if isinstance(value, str) else value
        for key, value in TIMM[file][1].items()
    }
    theirs = mixers.MlpMixer(5, 48, num_blocks=depth, embed_dim=12, **told).double()
    ours = made(file, size=48, depth=depth, width=12, classes=5)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 48, 48, dtype=torch.float64)
    mine = dict(ours.named_parameters())
    pairs = [(mine[key], value) for key, value in theirs.named_parameters()]
    same(ours(x), theirs(x), pairs)


@pytest.mark.parametrize("file", TIMM)
def test_state_dicts_are_those_of_timm(file: str) -> None:
    timm = pytest.importorskip("timm")
    source, folder = read(FILES / f"{file}.rf")
    (item,) = compile_source(source, {}, folder)
    with torch.device("meta"):
        ours, theirs = item.module(), timm.create_model(TIMM[file][0])
    shapes = [{k: v.shape for k, v in n.state_dict().items()} for n in (ours, theirs)]
    assert shapes[0] == shapes[1]


def wavenet(w: dict[str, Tensor], ids: Tensor, depth: int, cycle: int) -> Tensor:
    """A loop over layers, written for channels x time."""

    def causal(x: Tensor, key: str, dilation: int = 1) -> Tensor:
        x = F.pad(x, (dilation, 0))
        return F.conv1d(x, w[f"{key}.weight"], w.get(f"{key}.bias"), dilation=dilation)

    def pointwise(x: Tensor, key: str) -> Tensor:
        return F.conv1d(x, w[f"{key}.weight"][:, :, None], w[f"{key}.bias"])

    x = causal(w["stem.embed.weight"][ids].transpose(1, 2), "stem.conv")
    skips = []
    for layer in range(depth):
        block, dilation = f"blocks.{layer}", 2 ** (layer % cycle)
        filtered = causal(x, f"{block}.F.conv", dilation).tanh()
        z = filtered * causal(x, f"{block}.G.conv", dilation).sigmoid()
        skips.append(pointwise(z, f"{block}.Q.fc"))
        if layer < depth - 1:
            x = x + pointwise(z, f"{block}.P.fc")
    out = pointwise(sum(skips).relu(), "head.fc1").relu()
    return pointwise(out, "head.fc2").transpose(1, 2)


@pytest.mark.parametrize(("depth", "cycle"), [(1, 3), (5, 3), (4, 10)])
def test_wavenet_is_a_loop_over_its_layers(depth: int, cycle: int) -> None:
    sizes = {"width": 6, "skip": 7, "levels": 9, "length": 20}
    net = made("wavenet", depth=depth, cycle=cycle, **sizes)
    weights = dict(net.named_parameters())
    ids = torch.randint(9, (2, 20))
    expected = wavenet(weights, ids, depth, cycle)
    same(net(ids), expected, [(v, v) for v in weights.values()])


def test_no_sample_of_wavenet_sees_those_behind_it() -> None:
    sizes = {"width": 6, "skip": 7, "levels": 9, "length": 20}
    net = made("wavenet", depth=5, cycle=3, **sizes)
    ids = torch.randint(9, (1, 20))
    other = ids.clone()
    other[0, 11] = (ids[0, 11] + 1) % 9
    differs = (net(ids) != net(other)).any(2)[0]
    # The stem reads one back, five layers 1 + 2 + 4 + 1 + 2.
    assert not differs[:11].any()
    assert differs[11:].all()


@pytest.mark.parametrize("depth", [1, 4])
def test_tabresnet_is_a_loop_over_its_blocks(depth: int) -> None:
    net = made("tabresnet", features=5, width=6, depth=depth, classes=3).eval()
    w = dict(net.named_parameters())
    statistics = dict(net.named_buffers())
    for value in statistics.values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.5)

    def norm(x: Tensor, key: str) -> Tensor:
        mean = statistics[f"{key}.running_mean"]
        spread = (statistics[f"{key}.running_var"] + 1e-5).sqrt()
        return (x - mean) / spread * w[f"{key}.weight"] + w[f"{key}.bias"]

    def linear(x: Tensor, key: str) -> Tensor:
        return x @ w[f"{key}.weight"].T + w[f"{key}.bias"]

    x = torch.randn(4, 5, dtype=torch.float64)
    y = linear(x, "stem.fc")
    for block in range(depth):
        key = f"blocks.{block}.W"
        hidden = linear(norm(y, f"{key}.bn"), f"{key}.fc1").relu()
        y = y + linear(hidden, f"{key}.fc2")
    expected = linear(norm(y, "head.bn").relu(), "head.fc")
    same(net(x), expected, [(v, v) for v in w.values()])
