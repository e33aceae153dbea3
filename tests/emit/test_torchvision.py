"""Networks of `examples/zoo` are torchvision's and timm's: names, numbers, weights."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import nn

import recform
from tests.compiled import example
from tests.emit.judged import same
from tests.emit.swin import SWIN, Merge, Windows
from tests.thinned import thinned


def ours(name: str) -> nn.Module:
    return example(f"zoo/{name}.rf").module()


def theirs(name: str) -> nn.Module:
    if name in TIMM:
        return timm.create_model(name)
    make = getattr(torchvision.models, name)
    if name.startswith("regnet"):  # works out its widths with tensors
        with torch.device("cpu"):
            return make().to("meta")
    return make(**OPTIONS.get(name, {}))


#: Without the auxiliary classifiers; their weights need not start as in the paper.
PLAIN = {"aux_logits": False, "init_weights": False}
OPTIONS = {"googlenet": PLAIN, "inception_v3": PLAIN}
#: The smallest input that a network takes, or all that it takes.
SIZES = {"googlenet": 64, "inception_v3": 75, "vit_b_16": 224}
TIMM = ["seresnet50"]
SLOW = [
    "seresnet50",
    "densenet121",
    "regnet_y_400mf",
    "convnext_tiny",
    "mobilenet_v3_small",
]
#: Of these the names and sizes are compared always, the numbers in a long search: they
#: are large, or like others.
LONG = [
    "shufflenet_v2_x1_0",
    "efficientnet_b0",
    "googlenet",
    "resnet18",
    "resnet34",
    "resnet101",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "mobilenet_v2",
    "inception_v3",
    "regnet_x_400mf",
    "efficientnet_v2_s",
    "mnasnet1_0",
    "vgg16_bn",
    "vit_b_16",
]
NAMES = [
    "resnet50",
    *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
    *(pytest.param(name, marks=pytest.mark.long) for name in LONG),
]


@pytest.mark.parametrize("name", LONG)
def test_a_state_dict_has_the_same_names_and_sizes(name: str) -> None:
    with torch.device("meta"):
        here, there = ours(name).state_dict(), theirs(name).state_dict()
    assert [(key, value.shape) for key, value in here.items()] == [
        (key, value.shape) for key, value in there.items()
    ]


@pytest.mark.parametrize("name", thinned(NAMES, 2))
def test_a_state_dict_loads_as_it_is_and_the_outputs_agree(name: str) -> None:
    with torch.device("meta"):
        here, there = ours(name), theirs(name)
    assert list(here.state_dict()) == list(there.state_dict())
    size = SIZES.get(name, 32)
    x = torch.randn(2 if size > 100 else 4, 3, size, size, dtype=torch.float64)
    same(here, there, x)


@pytest.mark.slow
def test_the_formula_of_swin_gives_its_names() -> None:
    """Windows and their merging are torchvision's; all else is said by the formula."""
    torch.manual_seed(0)
    there = torchvision.models.swin_t().double()
    here = recform.compile(SWIN, plugins=[Windows, Merge]).module().double()
    here.load_state_dict(there.state_dict(), strict=True)
    x = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    for training in (False, True):
        outputs = []
        for network in (here, there):
            torch.manual_seed(1)
            outputs.append(network.train(training)(x))
        torch.testing.assert_close(*outputs, rtol=0, atol=1e-12)


def fire(key: str) -> str:
    """Which parameter of ours, named as in the paper, is one of torchvision's."""
    first, place, rest = key.split(".", 2)
    if rest in ("weight", "bias"):
        return f"{'conv1' if first == 'features' else 'conv10'}.{rest}"
    number = 2 + (3, 4, 6, 7, 9, 10, 11, 12).index(int(place))
    # Those behind a pool are a part of their block.
    return f"fire{number}.{'fire.' if number in (4, 6) else ''}{rest}"


@pytest.mark.slow
def test_squeezenet_has_the_names_of_its_paper() -> None:
    torch.manual_seed(0)
    there = theirs("squeezenet1_1").double().eval()
    here = ours("squeezenet1_1").double().eval()
    here.load_state_dict({fire(k): v for k, v in there.state_dict().items()})
    x = torch.randn(2, 3, 65, 65, dtype=torch.float64)
    torch.testing.assert_close(here(x), there(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_weights_start_alike(name: str) -> None:
    """The same seed gives the same weights: rules and order are torchvision's."""
    torch.manual_seed(0)
    there = theirs(name).state_dict()
    torch.manual_seed(0)
    here = ours(name).state_dict()
    for key, value in there.items():
        assert torch.equal(here[key], value), key
