"""Sinkhorn's steps, as they stand in generated files."""

from torch import Tensor, nn


class Sinkhorn(nn.Module):
    """exp(x), its columns and rows divided by their sums in turn: nearly doubly stochastic.

    x is batch x rows x ... x columns.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        x = (x - x.detach().amax(1, keepdim=True)).exp()
        for _ in range(self.steps):
            x = x / x.sum(1, keepdim=True)
            x = x / x.sum(-1, keepdim=True)
        return x
