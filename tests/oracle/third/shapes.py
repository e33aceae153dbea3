"""Which shape a block has, and which stride leads there: rules 1 to 5 of the language."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

from tests.oracle.third.grammar import Unread
from tests.oracle.third.operators import axis
from tests.oracle.third.times import Times
from tests.oracle.third.values import Value


class Shapes(Times):
    """Shapes of the blocks of one index."""

    def stage_made(self, value: Value) -> int:
        """The stage that a tensor is of; -1 lies before the first one."""
        first = 0 if self.file.scope == "network" else self.stage
        return self.stage_of(value.newest)[0] if value.newest > 0 else first - 1

    def stride_of(self, stage: int) -> Fraction:
        """The stride of a stage; with a transition it is made there."""
        first = self.file.scope == "network" or stage == 0
        return Fraction(self.network.strides[stage] if first else 1)

    def between(self, older: int, stage: int) -> Fraction:
        """The stride between two stages."""
        made = Fraction(1)
        for number in range(older + 1, stage + 1):
            made *= self.stride_of(number)
        return made

    def shape_of(self, block: int, dims: int) -> tuple[int, ...]:
        """The shape of a block, without the batch."""
        stage = self.stage_of(block)[0]
        grid = list(self.inputs["input"].shape[1:])
        del grid[axis(self.inputs["input"]) - 1]
        if dims == 4:
            first = 0 if self.file.scope == "network" else self.stage
            for number in range(first, stage + 1):
                grid = [divided(size, self.stride_of(number)) for size in grid]
            return (self.network.widths[stage], *grid)
        return (*grid, self.network.widths[stage])

    def leading(self, value: Value, grid: tuple[int, ...], block: int) -> Any:
        """The stride that leads from a tensor to the grid of a block; None for none."""
        older, stage = self.stage_made(value), self.stage_of(block)[0]
        between, own = self.between(older, stage), tuple(value.it.shape[2:])
        if tuple(divided(size, between) for size in own) == grid:
            return between
        for number in range(1, max(own) + 1):
            if tuple(divided(size, Fraction(number)) for size in own) == grid:
                return Fraction(number)
        finer = Fraction(own[0], grid[0])
        if finer.numerator == 1 and tuple(s * finer.denominator for s in own) == grid:
            return finer
        return None


def divided(size: int, stride: Fraction) -> int:
    """A side of a grid behind a stride, rounded up."""
    if stride < 1 and stride.numerator != 1:
        raise Unread(f"a stride of {stride}")
    return ceil(size / stride)
