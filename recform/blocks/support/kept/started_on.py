"""What a linear recurrence goes on with by positions, as it stands in generated files."""

from torch import Tensor

from recform.blocks.support.kept.past import Past
from recform.blocks.support.started import started


def started_on(
    start: Tensor | float, a: Tensor | float, b: Tensor, past: Past | None
) -> Tensor:
    """What `started` makes, before any position was kept."""
    return b if past is not None and past.at else started(start, a, b)
