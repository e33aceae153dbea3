"""A linear recurrence that goes on by positions, as it stands in generated files."""

import torch
from torch import Tensor

from recform.blocks.support.kept.past import Past
from recform.blocks.support.scan import scan


def scan_on(a: Tensor | float, b: Tensor, past: Past | None) -> Tensor:
    """What `scan` makes, behind the position that was kept."""
    if past is None:
        return scan(a, b)
    (last,) = past.last(torch.zeros_like(b[:, :1]))
    if isinstance(a, Tensor) and a.dim() > 2:
        # The factor of what was kept leads to what was before, which is zero.
        a = torch.cat((a[:, :1], a), dim=1)
    made = scan(a, torch.cat((last, b), dim=1))[:, 1:]
    past.keep(made[:, -1:])
    return made
