"""Heads side by side, as they stand in generated files."""

import torch
from torch import Tensor, nn


class Beside(nn.Module):
    """Each head of x, and beside it one of y, which several heads in a row may share.

    Args:
        heads: of x, parts of its features.
        shared: those of y; as many if left out.
    """

    def __init__(self, heads: int, shared: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.shared = shared or heads

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x = torch.unflatten(x, -1, (self.shared, self.heads // self.shared, -1))
        y = torch.unflatten(y, -1, (self.shared, 1, -1))
        y = y.expand(x.shape[:-1] + y.shape[-1:])
        return torch.cat((x, y), -1).flatten(-3)
