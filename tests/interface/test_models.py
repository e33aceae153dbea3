"""What timm asks of its own models (its tests/test_models.py), asked of ten of ours."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import Any

import pytest
import timm
import torch
from timm.models import FeatureInfo
from torch import Tensor

import recform
import recform.timm
from tests.interface.networks import NETWORKS, path
from tests.thinned import thinned

STAGES = ("stage", "layer")
SLOW = {"rf_momentumresnet101", "rf_resnetrs50"}
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
    for name in NETWORKS
]


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    for name, (_, network, _) in NETWORKS.items():
        assert recform.timm.register(path(name), network=network) == (name,)


def create(name: str, **arguments: Any) -> Any:
    torch.manual_seed(0)
    return timm.create_model(name, pretrained=False, **arguments)


def images(name: str, count: int = 2, channels: int = 3) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(count, channels, NETWORKS[name][2], NETWORKS[name][2])


def gradients(model: Any, x: Tensor) -> list[Tensor]:
    model.zero_grad()
    torch.manual_seed(2)
    scores = model(x)
    assert scores.shape == (len(x), model.num_classes)
    scores.square().mean().backward()
    found = []
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        found.append(parameter.grad)
    return found


@pytest.mark.parametrize("name", thinned(NAMES, 3))
def test_training(name: str) -> None:
    """Every parameter gets a gradient, and the same one with checkpoints."""
    model = create(name, num_classes=42).train()
    x = images(name)
    expected = gradients(model, x)
    assert all(torch.isfinite(gradient).all() for gradient in expected)
    model.set_grad_checkpointing()
    for one, other in zip(gradients(model, x), expected, strict=True):
        torch.testing.assert_close(one, other)
    model.set_grad_checkpointing(False)
    assert not model.grad_checkpointing


@pytest.mark.parametrize("name", thinned(NAMES, 3, first=1))
@torch.no_grad()
def test_features_and_head(name: str) -> None:
    model = create(name).eval()
    config, x = model.default_cfg, images(name)
    keys = model.state_dict().keys()
    assert f"{config['classifier']}.weight" in keys
    assert f"{config['first_conv']}.weight" in keys
    assert model.get_classifier() is model.get_submodule(config["classifier"])
    assert model.num_classes == config["num_classes"] > 0
    features = model.forward_features(x)
    size = config["input_size"][1]
    expected = [n * x.shape[-1] // size for n in config["pool_size"]]
    assert list(features.shape) == [2, model.num_features, *expected]
    before = model.forward_head(features, pre_logits=True)
    assert before.shape == (2, model.head_hidden_size)
    assert torch.equal(model.get_classifier()(before), model(x))
    model.reset_classifier(0)
    assert model.num_classes == 0
    assert torch.equal(model.forward_head(features), before)
    model.reset_classifier(0, "")
    assert torch.equal(model(x), features)
    model.reset_classifier(7, "max")
    assert model.forward_head(features).shape == (2, 7)
    maxima = model.forward_head(features, pre_logits=True)
    assert torch.equal(maxima, features.amax((2, 3)))


@pytest.mark.parametrize("name", thinned(NAMES, 3, first=2))
@torch.no_grad()
def test_levels(name: str) -> None:
    model = create(name).eval()
    x = images(name)
    info = FeatureInfo(copy.deepcopy(model.feature_info), len(model.feature_info))
    output, levels = model.forward_intermediates(x)
    assert torch.equal(output, model.forward_features(x))
    assert len(levels) == len(info) >= 3
    rows = zip(
        levels, info.channels(), info.reduction(), info.module_name(), strict=True
    )
    for level, channels, reduction, module in rows:
        assert level.shape[:2] == (2, channels)
        assert level.shape[-1] == math.ceil(x.shape[-1] / reduction)
        assert torch.isfinite(level).all()
        assert dict(model.named_modules())[module] is not None
    last, two = model.forward_intermediates(x, [1, -2], stop_early=True)
    assert torch.equal(last, levels[-2])
    assert len(two) == len({1, len(levels) - 2})
    assert torch.equal(two[0], levels[1])
    model.set_grad_checkpointing()
    assert torch.equal(model.forward_intermediates(x)[0], output)


@pytest.mark.parametrize("name", thinned(NAMES, 3, first=1))
def test_features_only(name: str) -> None:
    """The wrapper that timm makes has what is needed, and gives the same levels."""
    whole = create(name, in_chans=1, num_classes=10)
    model = create(
        name, in_chans=1, num_classes=10, features_only=True, out_indices=(1, 2)
    )
    x = images(name, channels=1)
    assert model.feature_info.channels() == [
        whole.feature_info[number]["num_chs"] for number in (1, 2)
    ]
    levels = model.eval()(x)
    expected = whole.eval().forward_intermediates(x, (1, 2), intermediates_only=True)
    for one, other in zip(levels, expected, strict=True):
        assert torch.equal(one, other)
    levels[-1].square().mean().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
    assert len(list(model.parameters())) < len(list(whole.parameters()))


@pytest.mark.parametrize("name", NAMES)
def test_parameters_by_depth(name: str) -> None:
    """timm finds the depth of every parameter: stem, then blocks, then head."""
    from timm.models import group_parameters

    with torch.device("meta"):
        model = create(name)
    for coarse in (False, True):
        groups = group_parameters(model, model.group_matcher(coarse), reverse=True)
        assert groups[model.default_cfg["first_conv"] + ".weight"] == 0
        assert groups[model.default_cfg["classifier"] + ".weight"] == max(
            groups.values()
        )
        stages = [name for name, _ in model.named_children() if name[:-1] in STAGES]
        assert len(stages) == len(model.feature_info) - 1
        depths = [
            {depth for key, depth in groups.items() if key.startswith(f"{stage}.")}
            for stage in stages
        ]
        assert all(max(a) < min(b) for a, b in pairwise(depths))
        blocks = sum(len(model.get_submodule(stage)) for stage in stages)
        assert sum(map(len, depths)) == (len(stages) if coarse else blocks)
