"""Arguments of `timm.create_model`, beside timm's own models."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from timm.layers import calculate_drop_path_rates
from timm.models import FeatureDictNet, FeatureListNet
from timm.optim import create_optimizer_v2, param_groups_layer_decay

import recform.timm
from recform.diagnostics import CompileError
from tests.interface.networks import NETWORKS, ROOT, path
from tests.thinned import thinned

SMALL = "stages 8 x 1, 12 x 2 / 2\nX_i = X_<i-1> + W_i*X_<i-1>\n"
#: What timm's resnet18, densenet121 and vgg16_bn make of `out_indices` with five levels:
#: the numbers of the levels, and the names of `dict`.
INDICES: dict[Any, tuple[list[int], list[str]]] = {
    (0, 1, 2): ([0, 1, 2], ["0", "1", "2"]),
    (1, -1): ([1, -1], ["1", "-1"]),
    (-2,): ([-2], ["-2"]),
    2: ([-2, -1], ["-2", "-1"]),
}


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    for name, (_, network, _) in NETWORKS.items():
        assert recform.timm.register(path(name), network=network) == (name,)
    for file in ("mobilenet_v2", "densenet121", "googlenet"):
        recform.timm.register(ROOT / "examples" / "zoo" / f"{file}.rf", f"rf_{file}")


def create(name: str, **arguments: Any) -> Any:
    torch.manual_seed(0)
    return timm.create_model(name, **arguments).eval()


LEVELS = [
    (name, wanted)
    for name in (
        *("rf_resnet18", "rf_resnet18s", "rf_densenetbc100", "rf_lmresnet20"),
        *("rf_mobilenet_v2", "rf_densenet121", "rf_googlenet"),
    )
    for wanted in INDICES
]


@pytest.mark.parametrize("case", thinned(LEVELS, 24))
@torch.no_grad()
def test_all_ways_give_the_same_levels(case: tuple[str, Any]) -> None:
    """Where the children of a network, one after the other, are another network too."""
    name, wanted = case
    size = NETWORKS[name][2] if name in NETWORKS else 64
    x = torch.randn(1, 3, size, size)
    levels = create(name).forward_intermediates(x)[1]
    numbers, keys = INDICES[wanted]
    for kind in (
        "getter",
        "hook",
        "list",
        "dict",
        "fx",
        FeatureListNet,
        FeatureDictNet,
    ):
        model = create(
            name, features_only=True, feature_cls=kind, out_indices=wanted
        ).eval()
        made = model(x)
        if kind in ("dict", FeatureDictNet):
            assert list(made) == keys
            made = list(made.values())
        assert len(made) == len(numbers)
        for one, number in zip(made, numbers, strict=True):
            torch.testing.assert_close(one, levels[number])
        channels = [level.shape[1] for level in made]
        assert model.feature_info.channels() == channels


@pytest.mark.parametrize("name", thinned(NETWORKS, 3, first=1))
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_device_and_precision(name: str, dtype: torch.dtype) -> None:
    judge = create("resnet18", device="meta", dtype=dtype)
    for more in ({}, {"features_only": True}):
        model = create(name, device="meta", dtype=dtype, **more)
        for kind in ("parameters", "buffers"):
            found = {(t.device, t.dtype) for t in getattr(model, kind)()}
            assert found == {(t.device, t.dtype) for t in getattr(judge, kind)()}
    on_cpu = create("rf_resnet18s", dtype=torch.float64)
    assert on_cpu(torch.randn(1, 3, 16, 16, dtype=torch.float64)).dtype == torch.float64
    on_cpu.reset_classifier(3)
    assert on_cpu.get_classifier().weight.dtype == torch.float64


def rates(model: Any) -> list[float]:
    return [m.rate for m in model.modules() if type(m).__name__ == "DropPath"]


def test_the_rate_of_stochastic_depth() -> None:
    (name,) = recform.timm.register(
        "network Dropping\nW = conv(3, c, stride=s) > bn > droppath(0.2*(i - 1)/(L - 1))\n"
        "stages 8 x 2, 12 x 2 / 2, 16 x 2 / 2\nX_i = relu(X_<i-1> + W_i*X_<i-1>)\n"
    )
    linear = calculate_drop_path_rates
    assert rates(create(name)) == pytest.approx(linear(0.2, 6))
    assert rates(create(name, drop_path_rate=0.3)) == pytest.approx(linear(0.3, 6))
    assert set(rates(create(name, drop_path_rate=0.0))) == {0}
    plain, half = rates(create("rf_stochasticdepth110")), 0.25
    scaled = rates(create("rf_stochasticdepth110", drop_path_rate=half))
    assert max(plain) == 0.5 and len(plain) == 54
    assert scaled == pytest.approx([rate / 2 for rate in plain])
    with pytest.raises(ValueError, match="probability"):
        create(name, drop_path_rate=1.5)


def test_a_network_that_drops_no_paths() -> None:
    """As timm's densenet121 and vgg16_bn, it refuses a rate; none at all is one too."""
    assert create("rf_resnet18s", drop_path_rate=0.0).num_classes == 10
    with pytest.raises(ValueError, match="droppath"):
        create("rf_resnet18s", drop_path_rate=0.1)
    (name,) = recform.timm.register(
        "network Named\nparam drop_path_rate = 0.1\nW = conv(3, c, stride=s) > "
        f"droppath(drop_path_rate)\n{SMALL}"
    )
    assert set(rates(create(name, drop_path_rate=0.4))) == {0.4}


def test_names_that_timm_keeps_for_itself() -> None:
    for name in ("dtype", "device", "features_only", "img_size"):
        text = f"param {name} = 9\nhead avgpool > linear({name}) > linear(3)\n{SMALL}"
        recform.compile(text)
        with pytest.raises(CompileError, match=f"{name} is a keyword"):
            recform.compile(text, timm=True)


@pytest.mark.parametrize("layers", [False, True])
def test_weight_decay(layers: bool) -> None:
    """timm's own optimizers ask the model what not to shrink, and how deep it is."""
    (name,) = recform.timm.register(
        "network Scaled\nscope stage\nstages 8 x 2, 12 x 2 / 2\n"
        "scalar g_i = 0.1 per channel\nX_i = X_<i-1> + g_i*U*W_i*X_<i-1>\n"
    )
    model = create(name)
    names = {id(p): key for key, p in model.named_parameters()}
    decay = {"layer_decay": 0.5} if layers else {}
    groups = create_optimizer_v2(
        model, opt="sgd", lr=0.1, weight_decay=0.05, **decay
    ).param_groups
    free = {names[id(p)] for g in groups if not g["weight_decay"] for p in g["params"]}
    assert {key for key in names.values() if key.endswith(".g")} <= free
    assert free == {k for k, p in model.named_parameters() if p.ndim == 1} | {
        f"stage{s}.{b}.g" for s in (1, 2) for b in (0, 1)
    }
    scaled = param_groups_layer_decay(model, layer_decay=0.5)
    scales = {names[id(p)]: g["lr_scale"] for g in scaled for p in g["params"]}
    # stem and U_1; two blocks; U_2 and the transition; two blocks; head
    assert scales["U_1.conv1.weight"] == scales["stem.conv.weight"] == 0.5**6
    assert scales["U_2.conv1.weight"] == scales["transition2.conv.weight"] == 0.5**3
    assert scales["stage2.0.g"] == 0.5**2 and scales["head.fc.weight"] == 1


def test_a_stage_of_one_block_with_checkpoints() -> None:
    """A block keeps what it gets; its own layers are no blocks."""
    text = (
        'names stages = "features"\nW = conv(3, c, stride=s) > relu\n'
        "stages 8 x 1, 12 x 1 / 2\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    )
    model: Any = recform.load(text, timm=True)
    x = torch.randn(2, 3, 16, 16)
    plain = model(x)
    model.set_grad_checkpointing()
    torch.testing.assert_close(model(x), plain)
