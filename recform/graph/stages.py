"""From which stage and block a tensor comes, and how far its grid is behind another's."""

from __future__ import annotations

import math
from dataclasses import dataclass

from recform.algebra.expr import Apply, Filled, Input, State, Tensor
from recform.algebra.formula import Formula, Scope
from recform.algebra.indices import is_of_context
from recform.blocks import Stride
from recform.blocks.shape import as_stride
from recform.recurrence.model import Step


@dataclass(frozen=True)
class Strides:
    """The strides of the stages.

    Attributes:
        of_stage: in order; 1 for a stage whose transition makes the stride.
    """

    of_stage: tuple[Stride, ...]

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

    def between(self, older: int, newer: int) -> Stride:
        """The stride from a block of one stage to a block of a later one.

        Args:
            older: the number of a stage; one less than the first for what is there
                before it.
            newer: the number of the later one.
        """
        return as_stride(math.prod(self.of_stage[older + 1 : newer + 1]))


class TensorStages:
    """The stages that the tensors of a block come from.

    Args:
        step: what the block computes.
        stage: that of the block, or of none before the first.
        strides: of the stages.
        inputs: for each input, the stage of the block that it comes from.
    """

    def __init__(
        self, step: Step, stage: int, strides: Strides, inputs: dict[Tensor, int]
    ) -> None:
        self._step = step
        self._strides = strides
        # What is made of further inputs alone belongs to every stage.
        self._of = {t: stage if is_of_context(t) else n for t, n in inputs.items()}
        self.stage = stage

    def of(self, tensor: Tensor) -> int:
        """The stage that a tensor comes from: that of the newest block in it."""
        if tensor not in self._of:
            here = isinstance(tensor, State | Apply | Input)
            parts = [p for p in self._step.parts(tensor) if not isinstance(p, Filled)]
            self._of[tensor] = (
                self.stage
                if here or not parts
                else max(self.of(part) for part in parts)
            )
        return self._of[tensor]

    def brought_here(self, tensor: Tensor) -> None:
        """Notes that the block brings what is all older to its own stage."""
        self._of[tensor] = self.stage

    def behind(self, tensor: Tensor, stage: int) -> Stride:
        """The stride from the block of a tensor to those of a stage."""
        return self._strides.between(self.of(tensor), stage)

    def is_fresh(self, tensor: Tensor) -> bool:
        """Whether a tensor is made in this block with an operator."""
        if tensor not in self._step.computed:
            return False
        if isinstance(tensor, Apply):
            return True
        return any(self.is_fresh(part) for part in self._step.parts(tensor))
