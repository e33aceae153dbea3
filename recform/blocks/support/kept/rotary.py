"""Rotary positions that go on by positions, as they stand in generated files."""

import math

import torch
from torch import Tensor, nn

from recform.blocks.support.kept.past import Past


class Rotary(nn.Module):
    """Pairs of features of each head, turned by angles that grow with the position.

    Args:
        heads: parts of the features, all of which turn alike.
        base: how many times slower the last pair turns than the first, about.
        turned: how many features of a head turn; all if left out.
        last: these are the last ones of a head, not the first.
        adjacent: pairs are features side by side, not those of two halves.
        factor: pairs turn this many times slower.
        length: of them those alone that turn ``slow`` times or fewer along so many
            positions; those that turn ``fast`` times are as they were.
        slow: see ``length``.
        fast: see ``length``.
    """

    past: Past | None = None

    def __init__(
        self,
        heads: int,
        base: float = 10000.0,
        turned: int | None = None,
        last: bool = False,
        adjacent: bool = False,
        factor: float = 1.0,
        length: int | None = None,
        slow: float = 1.0,
        fast: float = 4.0,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.base = base
        self.turned = turned
        self.still = turned == 0
        self.last = last
        self.adjacent = adjacent
        self.factor = factor
        self.length = length
        self.slow = slow
        self.fast = fast

    def forward(self, x: Tensor) -> Tensor:
        if self.still:
            return x
        # Batch x positions x features to batch x positions x heads x width
        x = torch.unflatten(x, 2, (self.heads, -1))
        turned = x.shape[3] if self.turned is None else self.turned
        first = x.shape[3] - turned if self.last else 0
        parts = torch.split(x, [first, turned, x.shape[3] - first - turned], 3)
        return torch.cat((parts[0], self.rotated(parts[1]), parts[2]), 3).flatten(2)

    def rotated(self, x: Tensor) -> Tensor:
        """All features of these heads, turned."""
        at = 0 if self.past is None else self.past.at
        places = torch.arange(at, at + x.shape[1], device=x.device)
        angles = places[:, None, None] * self.turns(x)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        pairs = torch.unflatten(x, 3, (-1, 2) if self.adjacent else (2, -1))
        a, b = pairs.unbind(4 if self.adjacent else 3)
        made = a * cos - b * sin, b * cos + a * sin
        return torch.stack(made, 4).flatten(3) if self.adjacent else torch.cat(made, 3)

    def turns(self, x: Tensor) -> Tensor:
        """By how much each pair turns from one position to the next."""
        half = x.shape[3] // 2
        turns = 1 / self.base ** (torch.arange(half, device=x.device) / half)
        if self.length is None:
            return turns / self.factor
        times = turns * (self.length / (2 * math.pi))
        kept = ((times - self.slow) / (self.fast - self.slow)).clamp(0, 1)
        return turns * (kept + (1 - kept) / self.factor)
