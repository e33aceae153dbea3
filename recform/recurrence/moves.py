"""Written-out tensors of one block, for another block."""

from __future__ import annotations

import sympy

from recform.algebra.expr import Apply, Filled, Learned, Scaled, Tensor
from recform.algebra.reindex import reindexed
from recform.blocks.symbolic import Symbolic
from recform.recurrence.model import ModuleSlot


def move(tensor: Tensor, distance: int, absolute: int) -> Tensor:
    """A written-out tensor for another block; indices up to ``absolute`` stay."""

    def index(value: Symbolic) -> Symbolic:
        return value if value is sympy.nan or value <= absolute else value + distance

    return reindexed(tensor, index, lambda value, at: (value, index(at)))


def scalars_in(tensor: Tensor) -> list[ModuleSlot]:
    """The learned scalars with an index in a written-out coefficient."""
    if not isinstance(tensor, Scaled | Filled):
        return []
    return sorted(
        (
            ModuleSlot(item.name, int(item.index))
            for item in tensor.coefficient.atoms(Learned)
            if item.index is not sympy.nan
        ),
        key=lambda slot: (slot.name, slot.index),
    )


def used_in(tensor: Tensor) -> list[ModuleSlot]:
    """The operator and the learned scalars of a block that a tensor is made with."""
    if isinstance(tensor, Apply) and tensor.index is not sympy.nan:
        return [ModuleSlot(tensor.operator, int(tensor.index))]
    return scalars_in(tensor)
