"""A linear recurrence over positions, as it stands in generated files."""

import torch
from torch import Tensor


def scan(a: Tensor | float, b: Tensor) -> Tensor:
    """The y with ``y[:, t] = a[:, t] * y[:, t - 1] + b[:, t]``, which starts at zero.

    Two steps in a row are one step: those of the pairs are a recurrence of half the
    length. So it takes as many rounds as the length has binary digits, and nothing is
    divided by: it is as exact as a loop for factors of any sign and size.

    Args:
        a: the factors, which spread over the shape of ``b``; without an axis of positions
            they are the same at all of them.
        b: what comes in, batch x positions x features.
    """
    length = b.shape[1]
    if length < 2:
        return b
    factor = torch.as_tensor(a, dtype=b.dtype, device=b.device)
    if factor.dim() < 2:
        factor = factor.reshape(-1).expand(length, -1)
    early, late = slice(0, length - 1, 2), slice(1, length, 2)
    step = factor[..., late, :]
    pairs = scan(step * factor[..., early, :], step * b[:, early] + b[:, late])
    # What is between the pairs follows from the pair before.
    between = factor[..., 2::2, :] * pairs[:, : (length - 1) // 2] + b[:, 2::2]
    first = torch.cat((b[:, :1], between), dim=1)
    both = torch.stack((first[:, : length // 2], pairs), dim=2).flatten(1, 2)
    return torch.cat((both, first[:, length // 2 :]), dim=1)
