"""What a linear recurrence over positions begins with, as it stands in generated files."""

import torch
from torch import Tensor


def started(start: Tensor | float, a: Tensor | float, b: Tensor) -> Tensor:
    """What comes into `scan`, with what the value before the first position leads to.

    Args:
        start: that value.
        a: the factors of the recurrence.
        b: what comes in, batch x positions x features.
    """
    if isinstance(a, Tensor) and a.dim() > 2:
        a = a[:, :1]
    return torch.cat((b[:, :1] + a * start, b[:, 1:]), dim=1)
