"""The ResNets of `examples/zoo` are torchvision's and timm's: names, numbers, weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import nn

from recform.compiler import compile_source, read

ZOO = Path(__file__).resolve().parents[2] / "examples" / "zoo"


def ours(name: str) -> nn.Module:
    source, folder = read(ZOO / f"{name}.rf")
    (compiled,) = compile_source(source, {}, folder)
    return compiled.module()


def theirs(name: str) -> nn.Module:
    if name in TIMM:
        return timm.create_model(name)
    return getattr(torchvision.models, name)()


TIMM = ["seresnet50"]
NAMES = [
    "resnet18",
    "resnet50",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in (
            "resnet34",
            "resnet101",
            "resnext50_32x4d",
            "wide_resnet50_2",
            "seresnet50",
        )
    ),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_state_dict_loads_as_it_is_and_the_outputs_agree(name: str) -> None:
    torch.manual_seed(0)
    there = theirs(name).double()
    here = ours(name).double()
    here.load_state_dict(there.state_dict(), strict=True)
    assert list(here.state_dict()) == list(there.state_dict())
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    for training in (False, True):
        torch.testing.assert_close(
            here.train(training)(x), there.train(training)(x), rtol=0, atol=1e-6
        )
    # Batch statistics were gathered alike too.
    for key, value in there.state_dict().items():
        torch.testing.assert_close(here.state_dict()[key], value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_weights_start_alike(name: str) -> None:
    """The same seed gives the same weights: rules and order are torchvision's."""
    torch.manual_seed(0)
    there = theirs(name).state_dict()
    torch.manual_seed(0)
    here = ours(name).state_dict()
    for key, value in there.items():
        assert torch.equal(here[key], value), key
