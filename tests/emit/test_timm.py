"""Networks of `examples/zoo` are timm's: its weights load, and outputs agree."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import timm
import torch
from torch import nn

from tests.compiled import example
from tests.emit.judged import same
from tests.examples.timm_keys import renamed

#: What timm calls them, where that is not the name of the file.
MODELS = {"efficientnet_drop_path": "efficientnet_b0"}
#: As timm makes them.
OPTIONS: dict[str, dict[str, Any]] = {"efficientnet_drop_path": {"drop_path_rate": 0.2}}
#: The smallest input that a network takes.
SIZES = {"inception_v4": 75, "inception_resnet_v2": 75}
#: Of these the names and sizes are compared always, the numbers in a long search.
LONG = ["resnet50d", "res2net50_26w_4s", "inception_v4", "inception_resnet_v2"]
SLOW = ["resnetv2_50", "res2next50", "efficientnet_drop_path"]
NAMES = [
    "mobilenetv1_100",
    *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
    *(pytest.param(name, marks=pytest.mark.long) for name in LONG),
]


def both(name: str) -> tuple[nn.Module, nn.Module]:
    """Ours, and timm's, without numbers."""
    with torch.device("meta"):
        there = timm.create_model(MODELS.get(name, name), **OPTIONS.get(name, {}))
        return example(f"zoo/{name}.rf").module(), there


@pytest.mark.parametrize("name", LONG)
def test_a_state_dict_has_the_same_names_and_sizes(name: str) -> None:
    here, there = (network.state_dict() for network in both(name))
    sizes = {key: value.shape for key, value in here.items()}
    assert sizes == {k: v.shape for k, v in renamed(name, there).items()}


@pytest.mark.parametrize("name", NAMES)
def test_weights_load_and_outputs_agree(name: str) -> None:
    here, there = both(name)
    size = SIZES.get(name, 32)
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    same(here, there, x, partial(renamed, name))
