"""What timm may ask of any model that it makes, besides what the class itself takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn


def builder(
    made: type[nn.Module], drop_path: type[nn.Module] | None
) -> Callable[..., nn.Module]:
    """What makes a network, on a device and of a precision.

    Args:
        made: the class of the network.
        drop_path: that of its stochastic depth, if it has any.
    """
    takes_rate = "drop_path_rate" in inspect.signature(made).parameters

    def build(
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        drop_path_rate: float | None = None,
        **arguments: Any,
    ) -> nn.Module:
        import torch

        if takes_rate and drop_path_rate is not None:
            arguments["drop_path_rate"] = drop_path_rate
        with nullcontext() if device is None else torch.device(device):
            model = made(**arguments)
        if not takes_rate and drop_path_rate is not None:
            _set_rates(model, drop_path, drop_path_rate)
        return model.to(dtype=dtype)

    return build


def _set_rates(
    model: nn.Module, drop_path: type[nn.Module] | None, rate: float
) -> None:
    """Makes a rate that of the block with the highest; the others stay in proportion.

    Raises:
        ValueError: if the formula leaves no rate to set, or it is no probability.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"drop_path_rate is a probability, not {rate}")
    drops: list[Any] = [
        m for m in model.modules() if drop_path and type(m) is drop_path
    ]
    highest = max((drop.rate for drop in drops), default=0)
    if highest == 0:
        if rate == 0:
            return
        raise ValueError(
            "the formula drops no paths, so there is no drop_path_rate to set; "
            "W = ... > droppath(0.1*i/L) drops some"
        )
    for drop in drops:
        drop.rate *= rate / highest
