"""Stochastic depth, as it stands in generated files."""

from torch import Tensor, nn


class DropPath(nn.Module):
    """In training, drops the whole of an example with this probability."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = 1 - self.rate
        mask = x.new_empty([x.shape[0]]).bernoulli_(kept)
        # What is kept grows, so that the mean stays.
        scale = mask / kept if kept > 0 else mask
        # A number for each example, of whatever shape: examples are the last axis.
        return (x.transpose(0, -1) * scale).transpose(0, -1)

    def extra_repr(self) -> str:
        return f"rate={self.rate:.4g}"
