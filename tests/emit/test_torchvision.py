"""The ResNets of `examples/zoo` are torchvision's: names, numbers, initialisation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from recform.compiler import compile_source, from_text, read

ZOO = Path(__file__).resolve().parents[2] / "examples" / "zoo"
RESNET34 = """
names   stem = ".", head = ".", W = ".", stages = "layer{}", adapter = "downsample"
param   classes = 1000
input   3 x 224 x 224
stem    conv1: conv(7, 64, stride=2) > bn1: bn > relu > maxpool(3, stride=2, padding=1)
stages  64 x 3, 128 x 4 / 2, 256 x 6 / 2, 512 x 3 / 2
head    avgpool > fc: linear(classes)
X_i = relu(W_i*X_<i-1> + X_<i-1>)
"""


def ours(name: str) -> nn.Module:
    if name == "resnet34":
        source, folder = from_text(RESNET34), ZOO
    else:
        source, folder = read(ZOO / f"{name}.rf")
    (compiled,) = compile_source(source, {}, folder)
    return compiled.module()


def theirs(name: str) -> nn.Module:
    return getattr(torchvision.models, name)()


DEPTHS = ["resnet18", pytest.param("resnet34", marks=pytest.mark.slow), "resnet50"]


@pytest.mark.parametrize("name", DEPTHS)
def test_a_state_dict_loads_as_it_is_and_the_outputs_agree(name: str) -> None:
    torch.manual_seed(0)
    there = theirs(name).double()
    here = ours(name).double()
    here.load_state_dict(there.state_dict(), strict=True)
    assert list(here.state_dict()) == list(there.state_dict())
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for training in (False, True):
        torch.testing.assert_close(
            here.train(training)(x), there.train(training)(x), rtol=0, atol=1e-6
        )
    # Batch statistics were gathered alike too.
    for key, value in there.state_dict().items():
        torch.testing.assert_close(here.state_dict()[key], value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", DEPTHS)
def test_weights_start_alike(name: str) -> None:
    """The same seed gives the same weights: rules and order are torchvision's."""
    torch.manual_seed(0)
    there = theirs(name).state_dict()
    torch.manual_seed(0)
    here = ours(name).state_dict()
    for key, value in there.items():
        assert torch.equal(here[key], value), key
