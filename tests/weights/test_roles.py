"""Roles: every tensor has one, no two the same, and it is the right one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from recform.compiler import (
    Compiled,
    choose,
    compile_source,
    from_text,
    load_source,
    read,
)
from recform.emit.owners import emit_plain
from recform.weights.correspond import correspondence
from recform.weights.roles import on_meta, roles
from tests.thinned import thinned
from tests.weights.networks import EXAMPLES, example, images, scattered, small

#: A file of each kind: what other files have besides is numbers.
KINDS = {
    *("resnet18_s", "se_resnet_s", "res2next29_s", "eq21_bottleneck", "densenet121"),
    *("inception_resnet_v2", "inception_v3", "googlenet", "vgg16_bn", "vit_b_16"),
    *("efficientnet_b0", "shufflenet_v2_x1_0", "hyper_connections", "momentum_resnet"),
    *("gpt2", "albert", "fractalnet", "resnet50d", "polynet", "highway"),
    *("a5_printed", "mobilenet_v2", "densenet", "feedback", "momentum", "per_channel"),
    *("res2net", "revnet", "several", "shared", "twice", "vision_transformer"),
}
FILES = [path for path in sorted(EXAMPLES.rglob("*.rf")) if path.stem in KINDS]


def name(path: Path) -> str:
    return path.relative_to(EXAMPLES).with_suffix("").as_posix()


def twin_of(compiled: Compiled) -> nn.Module:
    """The plain network, on the meta device."""
    plain = emit_plain(compiled.graph)
    with torch.device("meta"):
        module: nn.Module = getattr(load_source(plain.source, plain.name), plain.name)()
    return module


@pytest.mark.parametrize("path", thinned(FILES, 6, name))
def test_every_tensor_of_an_example_has_a_role_of_its_own(path: Path) -> None:
    source, folder = read(path)
    # The networks of a file differ in their numbers: the smallest shows as much.
    networks = compile_source(source, {}, folder)
    compiled = min(
        networks, key=lambda item: sum(s.blocks for s in item.formula.stages)
    )
    found = roles(compiled)
    here = on_meta(compiled).state_dict()
    there = list(twin_of(compiled).state_dict().values())
    assert list(found) == list(here)
    assert len(set(found.values())) == len(found)
    assert sorted(role.place for role in found.values()) == [*range(len(found))]
    for key, role in found.items():
        assert here[key].shape == there[role.place].shape


CONTAINERS = """
param classes = 10
input 3 x 16 x 16
stem (conv(3, 8) > bn > relu)
stages 8 x 2, 16 x 2 / 2
names stem = "features", stages = "features"
W = (conv(3, c, stride=s) > bn > relu) > conv(3, c) > bn
X_i = relu(X_<i-1> + W_i*X_<i-1>)
head avgpool > linear(classes)
"""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param("zoo/resnet18", marks=pytest.mark.long),
        pytest.param("zoo/seresnet50", marks=pytest.mark.long),
        pytest.param("paper/res2next29_s", marks=pytest.mark.long),
        pytest.param("zoo/fractalnet", marks=pytest.mark.slow),
        "language/boundary",
        "language/names",
        "language/res2net",
        "language/squeeze_excitation",
        "language/shared",
        "language/vision_transformer",
        "language/revnet",
        "language/weighted_sum",
        "containers",
    ],
)
def test_corresponding_tensors_make_the_same_outputs(case: str) -> None:
    """The plain network, given each tensor at the place of its like, is the network."""
    if case == "containers":
        compiled = choose(compile_source(from_text(CONTAINERS)), None)
    else:
        compiled = example(case)
    twin = twin_of(compiled)
    same = correspondence(on_meta(compiled), twin, compiled.formula.inputs)
    module = scattered(compiled).double()
    there = twin.to_empty(device="cpu").double().eval()
    state = module.state_dict()
    there.load_state_dict({same[key]: value for key, value in state.items()})
    x = images(compiled).double()
    if case in ("zoo/resnet18", "zoo/seresnet50"):
        x = x[:, :, :32, :32]
    with torch.no_grad():
        expected = module(x)
        assert float(expected.std()) > 0
        torch.testing.assert_close(there(x), expected, rtol=1e-10, atol=0)


def test_the_roles_of_torchvisions_names() -> None:
    found = {key: str(role) for key, role in roles(example("zoo/resnet18")).items()}
    assert found["conv1.weight"] == "stem conv1.weight"
    assert found["bn1.running_var"] == "stem bn1.running_var"
    assert found["layer1.0.conv1.weight"] == "W_1 conv1.weight"
    assert found["layer1.1.bn2.bias"] == "W_2 bn2.bias"
    adapter = "adapter of X_<i-1> in block 3"
    assert found["layer2.0.downsample.0.weight"] == f"{adapter} conv1.weight"
    assert (
        found["layer2.0.downsample.1.num_batches_tracked"]
        == f"{adapter} bn1.num_batches_tracked"
    )
    assert found["layer4.1.conv2.weight"] == "W_8 conv2.weight"
    assert found["fc.bias"] == "head fc1.bias"


def test_the_roles_of_the_default_names() -> None:
    found = {key: str(role) for key, role in roles(example("paper/eq20")).items()}
    assert found["stage2.0.W.conv1.weight"] == "W_3 conv1.weight"
    second = "adapter of W_<i-1>*X_<i-2> in block 3"
    assert found["stage2.0.shortcut_wx.0.weight"] == f"{second} conv1.weight"


def test_the_roles_inside_of_a_definition() -> None:
    found = {key: str(role) for key, role in roles(small()).items()}
    assert found["stage1.0.k"] == "k_1"
    assert "W_1 SE1.G_fc2.bias" in found.values()


def test_the_roles_of_what_belongs_to_no_block() -> None:
    shared = {str(role) for role in roles(example("language/shared")).values()}
    assert "W conv1.weight" in shared and "U conv1.weight" in shared
    staged = roles(example("language/densenet")).values()
    assert {r.owner.stage for r in staged if r.owner.kind == "transition"} == {2, 3}
    first = [r for r in staged if r.owner.index == 1 and r.part == "conv1.weight"]
    assert [r.owner.stage for r in first] == [1, 2, 3]
    texts = [str(role) for role in staged]
    assert len(set(texts)) == len(texts)
    assert "W_1 of stage 2 conv1.weight" in texts
    assert "transition 2 conv1.weight" in texts


def test_the_roles_of_an_adapter_for_a_finer_grid() -> None:
    text = (
        "input 3 x 8 x 8\nstages 4 x 1, 4 x 1 / 2, 4 x 1 / (1/2)\n"
        "adapter conv(1, c, stride=s)\nadapter up deconv(2, c, stride=1/s) > bn\n"
        "W = conv(3, c, stride=s)\nV = upsample(2) > conv(3, c)\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\nX_3 = X_2 + V_3*X_2"
    )
    (compiled,) = compile_source(from_text(text))
    found = {str(role) for key, role in roles(compiled).items() if "shortcut" in key}
    assert "adapter of X_<i-1> in block 2 conv1.weight" in found
    assert "adapter of X_<i-1> in block 3 deconv1.weight" in found
    assert "adapter of X_<i-1> in block 3 bn1.running_var" in found
