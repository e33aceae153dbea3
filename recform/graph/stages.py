"""How far the grid of one stage is behind that of another, and which tensor is newest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import sympy

from recform.algebra.expr import Apply, History, State, Tensor
from recform.algebra.formula import Formula, Scope


@dataclass(frozen=True)
class Strides:
    """The strides of the stages.

    Attributes:
        of_stage: in order; 1 for a stage whose transition makes the stride.
    """

    of_stage: tuple[int, ...]

    @staticmethod
    def of(formula: Formula) -> Strides:
        """Those of a network."""
        apart = formula.scope is Scope.STAGE
        return Strides(
            tuple(
                1 if apart and number else stage.stride
                for number, stage in enumerate(formula.stages)
            )
        )

    def between(self, older: int, newer: int) -> int:
        """The stride from a block of one stage to a block of a later one.

        Args:
            older: the number of a stage; one less than the first for what is there
                before it.
            newer: the number of the later one.
        """
        return math.prod(self.of_stage[older + 1 : newer + 1])


def newest(tensor: Tensor) -> int:
    """The newest block that made a part of a written-out tensor, its scalars aside."""
    if isinstance(tensor, State):
        return int(tensor.index)
    if isinstance(tensor, History):
        return int(tensor.last)
    own = 0
    if isinstance(tensor, Apply) and tensor.index is not sympy.nan:
        own = int(tensor.index)
    return max([own, *(newest(child) for child in tensor.children)])
