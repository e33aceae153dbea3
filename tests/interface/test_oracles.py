"""Image classifiers against timm's own, against the plain class, against shorter networks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision

import recform
from tests.interface.networks import NETWORKS, ROOT, path


@pytest.mark.parametrize("name", ["resnet18", "seresnet50"])
@torch.no_grad()
def test_levels_are_those_of_timm(name: str) -> None:
    judge: Any = timm.create_model(name).eval()
    model: Any = recform.load(
        ROOT / "examples" / "zoo" / f"{name}.rf", timm=True
    ).eval()
    model.load_state_dict(judge.state_dict())
    x = torch.randn(2, 3, 64, 64)
    for one, other in zip(
        model.forward_intermediates(x), judge.forward_intermediates(x), strict=True
    ):
        torch.testing.assert_close(one, other)
    for key in ("num_chs", "reduction"):
        assert [i[key] for i in model.feature_info] == [
            i[key] for i in judge.feature_info
        ]
    assert model.num_features == judge.num_features
    assert model.group_matcher(True)["blocks"].startswith(r"^layer(\d+)")


@pytest.mark.parametrize(
    "name", ["rf_resnet18s", "rf_lmresnet20", "rf_revnet110", "rf_densenetbc100"]
)
@torch.no_grad()
def test_the_interface_changes_no_number(name: str) -> None:
    """The same seed gives the same network with the interface and without it."""
    _, network, size = NETWORKS[name]
    torch.manual_seed(0)
    plain = recform.load(path(name), network).eval()
    torch.manual_seed(0)
    model = recform.load(path(name), network, timm=True).eval()
    x = torch.randn(2, 3, size, size)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert torch.equal(model(x), plain(x))


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v2",
        pytest.param("densenet121", marks=pytest.mark.slow),
        pytest.param("efficientnet_b0", marks=pytest.mark.slow),
        pytest.param("googlenet", marks=pytest.mark.slow),
        pytest.param("shufflenet_v2_x1_0", marks=pytest.mark.slow),
        pytest.param("vgg16_bn", marks=pytest.mark.long),
    ],
)
@torch.no_grad()
def test_levels_are_those_of_torchvision(name: str) -> None:
    """Where names put stages into containers: its weights, and its modules by our names."""
    make = getattr(torchvision.models, name)
    options = {"aux_logits": False} if name == "googlenet" else {}
    judge: Any = make(weights=None, **options).eval()
    model: Any = recform.load(
        ROOT / "examples" / "zoo" / f"{name}.rf", timm=True
    ).eval()
    model.load_state_dict(judge.state_dict())
    seen: dict[str, torch.Tensor] = {}
    modules = dict(judge.named_modules())
    names = [info["module"] for info in model.feature_info]
    for key in set(names) & set(modules):
        modules[key].register_forward_hook(
            lambda _, __, made, key=key: seen.update({key: made})
        )
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(model(x), judge(x))
    output, levels = model.forward_intermediates(x)
    assert len(seen) >= len(levels) - 1
    for key, level, info in zip(names, levels, model.feature_info, strict=True):
        torch.testing.assert_close(level, seen.get(key, level))
        assert level.shape[1] == info["num_chs"]
    assert output.shape[1] == model.num_features
    before = model.forward_head(output, pre_logits=True)
    assert before.shape == (1, model.head_hidden_size)
    torch.testing.assert_close(model.get_classifier()(before), judge(x))
    if name == "mobilenet_v2":
        same_gradients(model, judge, x)
    left = sum(parameter.numel() for parameter in model.parameters())
    model.prune_intermediate_layers([1])
    model.reset_classifier(5)
    taken = model.forward_intermediates(x, [1], intermediates_only=True)
    torch.testing.assert_close(taken[0], levels[1])
    assert sum(parameter.numel() for parameter in model.parameters()) < left


def same_gradients(model: Any, judge: Any, x: torch.Tensor) -> None:
    model.set_grad_checkpointing()
    with torch.enable_grad():
        model(x).sum().backward()
        judge(x).sum().backward()
    found = dict(model.named_parameters())
    for key, parameter in judge.named_parameters():
        torch.testing.assert_close(
            found[key].grad, parameter.grad, rtol=1e-3, atol=1e-3
        )


SYSTEMS = {
    "momentum": "stages 8 x 2, 12 x 3 / 2, 16 x 2 / 2\nconst gamma = 0.9\n"
    "V_i = gamma*V_<i-1> + (1 - gamma)*F_i*X_<i-1>\nX_i = X_<i-1> + V_i\n"
    "V_0 = 0\noutput X_L",
    "reversible": "stem conv(3, 16) > bn\nstages 8 x 2, 12 x 3 / 2, 16 x 2 / 2\n"
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
    "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)",
    "mean": "stages 8 x 2, 12 x 1 / 2, 16 x 2 / 2\nA_i = relu(F_i*B_<i-1>)\n"
    "B_i = relu(A_i + G_i*A_<i-1>)\noutput mean(A_L, 2*B_L)",
    "subtractive": "stages 8 x 3, 12 x 2 / 2, 16 x 2 / 2\n"
    "X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\nW_0*X_<-1> = X_0",
    "dense": "scope stage\nstages 8 x 2, 12 x 3 / 2, 16 x 2 / 2\n"
    "X_i = W_i*concat(X_<0..i-1>)\noutput concat(X_<0..L>)",
    "activated": "stages 8 x 2, 12 x 2 / 2, 16 x 1 / 2\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    "output relu(X_L)",
    "borrowed": "stages 8 x 5, 8 x 3, 8 x 2\nscalar a_i = 0.5\n"
    "X_i = X_<i-1> + a_<i-1>*W_<i-1>*X_<i-1> + U*W_i*X_<i-1>",
}


@pytest.mark.parametrize("text", SYSTEMS.values(), ids=SYSTEMS)
@torch.no_grad()
def test_a_level_is_what_a_shorter_network_makes(text: str) -> None:
    """Behind a stage stands what the network would put out if it ended there."""
    torch.manual_seed(0)
    whole: Any = recform.load(text, timm=True).eval()
    x = torch.randn(2, 3, 16, 16)
    levels = whole.forward_intermediates(x, intermediates_only=True)[1:]
    stages = re.findall(r"\d+ x \d+(?: / 2)?", text)
    assert len(levels) == len(stages) == 3
    for count, level in enumerate(levels, 1):
        row = f"stages {', '.join(stages[:count])}"
        short: Any = recform.load(re.sub("stages .*", row, text), timm=True).eval()
        weights = whole.state_dict()
        if count == 1:
            weights = {
                re.sub(r"^stage1\.", "blocks.", k): v for k, v in weights.items()
            }
        kept = {k: v for k, v in weights.items() if not k.startswith("head.")}
        missing = short.load_state_dict(kept, strict=False).missing_keys
        assert all(key.startswith("head.") for key in missing)
        torch.testing.assert_close(level, short.forward_features(x))


def test_checkpoints_hold_less(tmp_path: Path) -> None:
    """With checkpoints a block keeps what it gets, and nothing that it computes."""
    model: Any = recform.load(path("rf_revnet110"), timm=True)
    x = torch.randn(2, 3, 16, 16)

    def kept() -> int:
        sizes: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            scores = model(x)
        held = sum(sizes.values())
        scores.sum().backward()
        return held

    plain = kept()
    model.set_grad_checkpointing()
    assert kept() < plain / 3


@pytest.mark.parametrize("name", ["reversible", "dense", "activated"])
@torch.no_grad()
def test_one_graph_for_the_compiler_of_torch(name: str) -> None:
    model: Any = recform.load(SYSTEMS[name], timm=True).eval()
    x = torch.randn(2, 3, 16, 16)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), model(x))
