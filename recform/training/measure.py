"""The loss and the accuracy of a network on examples."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recform.training.examples import Examples, Pass


def scored(model: nn.Module, inputs: Tensor) -> Tensor:
    """The scores of a batch; some networks give them among other things."""
    found = model(inputs)
    scores: Tensor = found[0] if isinstance(found, tuple | list) else found
    return scores


@torch.no_grad()
def measured(
    model: nn.Module, examples: Examples, batch: int, rank: int = 0, world: int = 1
) -> Tensor:
    """Sums over examples: cross-entropy in nats, how many are right, how many there are.

    Args:
        model: it is put into evaluation mode.
        examples: on its device.
        batch: examples at a time.
        rank: of this process, which sees its own part.
        world: processes; all of them run as many batches.
    """
    model.eval()
    count = len(examples)
    rounds = -(-count // world)
    mine = torch.arange(rounds) * world + rank
    picks = torch.split(mine % count, batch)
    sums = torch.zeros(3, dtype=torch.float64)
    valid = torch.split(mine < count, batch)
    pairs = zip(examples.batches(picks, Pass()), valid, strict=True)
    for (inputs, targets), here in pairs:
        scores = scored(model, inputs).float()
        losses = F.cross_entropy(scores.movedim(-1, 1), targets, reduction="none")
        right = (scores.argmax(-1) == targets).double()
        weight = here.to(losses.device).double().reshape(-1, *[1] * (losses.dim() - 1))
        whole = torch.ones_like(losses, dtype=torch.float64) * weight
        found = [(losses.double() * weight).sum(), (right * weight).sum(), whole.sum()]
        sums += torch.stack(found).cpu()
    return sums
