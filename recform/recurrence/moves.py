"""Written-out tensors and steps of one block, for another block."""

from __future__ import annotations

from functools import lru_cache

import sympy

from recform.algebra.expr import Tensor
from recform.algebra.reindex import reindexed
from recform.blocks.symbolic import Symbolic
from recform.recurrence.model import ModuleSlot, Slot, Step


# A network is written out as often as there are lengths that its regular step may show in.
@lru_cache(maxsize=4096)
def move(tensor: Tensor, distance: int, absolute: int) -> Tensor:
    """A written-out tensor for another block; indices up to ``absolute`` stay."""

    def index(value: Symbolic) -> Symbolic:
        return value if value is sympy.nan or value <= absolute else value + distance

    return reindexed(tensor, index, lambda value, at: (value, index(at)))


def is_moved(known: Step, step: Step, distance: int, absolute: int = -1 << 30) -> bool:
    """Whether a step is another one, so many blocks later or earlier.

    Blocks up to ``absolute`` are those blocks, wherever a step stands.
    """
    mine: list[Slot] = [*step.inputs, *step.body, *step.outputs]
    theirs: list[Slot] = [*known.inputs, *known.body, *known.outputs]
    sizes = [(len(s.inputs), len(s.body)) for s in (step, known)]
    if sizes[0] != sizes[1] or len(mine) != len(theirs) or known.aside != step.aside:
        return False
    return all(
        moved(here, distance, absolute) == there
        for here, there in zip(mine, theirs, strict=True)
    ) and all(
        tuple(moved(part, distance, absolute) for part in step.parts(here))
        == known.parts(there)
        for here, there in zip(step.body, known.body, strict=True)
    )


def moved(slot: Slot, distance: int, absolute: int = -1 << 30) -> Slot:
    """A slot some blocks later; what is of blocks up to ``absolute`` stays."""
    if isinstance(slot, ModuleSlot):
        here = slot.index <= absolute
        return slot if here else ModuleSlot(slot.name, slot.index + distance)
    return move(slot, distance, absolute)
