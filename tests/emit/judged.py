"""Networks that are held against those of another library."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

State = Mapping[str, Tensor]


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


def same(
    here: nn.Module,
    there: nn.Module,
    x: Tensor,
    renamed: Callable[[State], State] = lambda state: state,
) -> None:
    """Fails unless two networks make the same of the same weights.

    Args:
        here: of a formula, on the meta device.
        there: the judge, on the meta device.
        x: an input, of type float64.
        renamed: what the judge's weights are called here.
    """
    given = weights(there)
    there.load_state_dict(given, strict=True, assign=True)
    # Parameters are shared, to save time; statistics change, and are each one's own.
    held = {k: v if v.dim() > 1 else v.clone() for k, v in given.items()}
    here.load_state_dict(renamed(held), strict=True, assign=True)
    for training in (True, False):
        outputs = []
        for network in (here, there):
            torch.manual_seed(1)  # dropout and stochastic depth drop alike
            with torch.no_grad():
                outputs.append(network.train(training)(x))
        assert 1e-3 < outputs[1].std() < 1e3
        torch.testing.assert_close(*outputs, rtol=0, atol=1e-6)
    # Batch statistics were gathered alike too.
    gathered = here.state_dict()
    for key, value in renamed(there.state_dict()).items():
        torch.testing.assert_close(gathered[key], value, rtol=1e-9, atol=1e-9)
