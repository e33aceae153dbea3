"""Networks of `examples/zoo` are timm's: its weights load, and outputs agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from recform.compiler import compile_source, read
from tests.examples.timm_keys import renamed

ZOO = Path(__file__).resolve().parents[2] / "examples" / "zoo"

#: What timm calls them, where that is not the name of the file.
MODELS = {"efficientnet_drop_path": "efficientnet_b0"}
#: As timm makes them.
OPTIONS: dict[str, dict[str, Any]] = {"efficientnet_drop_path": {"drop_path_rate": 0.2}}
#: The smallest input that a network takes.
SIZES = {"inception_v4": 75, "inception_resnet_v2": 75}
NAMES = [
    "mobilenetv1_100",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in (
            "resnet50d",
            "resnetv2_50",
            "res2net50_26w_4s",
            "res2next50",
            "efficientnet_drop_path",
            "inception_v4",
            "inception_resnet_v2",
        )
    ),
]


def ours(name: str) -> nn.Module:
    source, folder = read(ZOO / f"{name}.rf")
    (compiled,) = compile_source(source, {}, folder)
    return compiled.module()


def weights(network: nn.Module) -> dict[str, Tensor]:
    """Numbers for a state_dict, none of them 0 or 1, so that no two layers are alike."""
    torch.manual_seed(0)
    made = {}
    for key, like in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            made[key] = torch.zeros((), dtype=torch.long)
            continue
        noise = torch.randn(like.shape)
        if key.endswith("running_var") or (like.dim() == 1 and key.endswith("weight")):
            noise = 1 + 0.2 * noise.tanh()
        elif like.dim() > 1:
            noise /= like[0].numel() ** 0.5
        made[key] = noise.double()
    return made


@pytest.mark.parametrize("name", NAMES)
def test_weights_load_and_outputs_agree(name: str) -> None:
    with torch.device("meta"):
        there = timm.create_model(MODELS.get(name, name), **OPTIONS.get(name, {}))
        here = ours(name)
    given = weights(there)
    there.load_state_dict(given, strict=True, assign=True)
    # Parameters are shared, to save time; statistics change, and are each one's own.
    held = {k: v if v.dim() > 1 else v.clone() for k, v in given.items()}
    here.load_state_dict(renamed(name, held), strict=True, assign=True)
    size = SIZES.get(name, 32)
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    for training in (True, False):
        outputs = []
        for network in (here, there):
            torch.manual_seed(1)  # stochastic depth drops alike
            with torch.no_grad():
                outputs.append(network.train(training)(x))
        assert 1e-3 < outputs[1].std() < 1e3
        torch.testing.assert_close(*outputs, rtol=0, atol=1e-6)
    # Batch statistics were gathered alike too.
    gathered = here.state_dict()
    for key, value in renamed(name, there.state_dict()).items():
        torch.testing.assert_close(gathered[key], value, rtol=1e-9, atol=1e-9)
