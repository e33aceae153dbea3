"""The optimiser of a recipe."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recform.training.recipe import Recipe


def optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Of torch, with the weights that decay apart from those that do not."""
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in module.parameters():
        # A number a channel is C x 1 x 1, where it is multiplied with images.
        single = parameter.numel() == max(parameter.shape, default=1)
        (others if single and not recipe.decay_all else decayed).append(parameter)
    groups: list[dict[str, Any]] = [{"params": decayed}]
    if others:
        groups.append({"params": others, "weight_decay": 0.0})
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(
            groups,
            recipe.lr,
            betas=(recipe.momentum, 0.999),
            weight_decay=recipe.weight_decay,
        )
    return torch.optim.SGD(
        groups,
        recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )
