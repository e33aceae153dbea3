"""From equations to steps: what each block computes, and the state it hands on.

What no block can compute is refused (:mod:`check`). The equations are written out for
single blocks (:mod:`unroll`, with :mod:`numbered` indices), the smallest state between
two blocks is found as a minimum cut (:mod:`state`), and blocks that do the same become
one step (:mod:`steps`).
"""

from recform.recurrence.build import build
from recform.recurrence.model import ModuleSlot, Recurrence, Run, Slot, Step

__all__ = ["ModuleSlot", "Recurrence", "Run", "Slot", "Step", "build"]
