"""Which shape a block has, and which stride leads there: rules 1 to 5 of the language."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import Any

from tests.oracle.third.grammar import Unread
from tests.oracle.third.operators import axis
from tests.oracle.third.times import Times
from tests.oracle.third.values import Place, Value

#: An unknown of a block.
Unknown = tuple[str, int]


class Reads(Times):
    """What the blocks of one index read."""

    def newest_known(self, block: int) -> Unknown | None:
        """The newest unknown that a block gets, for itself or for later ones.

        With two indices nobody looks.
        """
        if self.file.times is not None:
            return None
        if self.newest is None:
            self.newest = {}
            readers = self._readers()
            for unknown in sorted(readers, key=lambda unknown: unknown[1]):
                blocks = range(unknown[1] + 1, readers[unknown] + 1)
                self.newest |= dict.fromkeys(blocks, unknown)
        return self.newest.get(block)

    def _readers(self) -> dict[Unknown, int]:
        """The last block that reads each unknown; the output comes behind all blocks."""
        made: dict[Unknown, int] = {}
        ends = self.length + 1
        waiting = [(x, ends) for x in self._read(self.output_node, Place(self.length))]
        while waiting:
            unknown, reader = waiting.pop()
            seen = unknown in made
            made[unknown] = max(reader, made.get(unknown, reader))
            name, block = unknown
            if seen or (block <= 0 and unknown not in self.file.own):
                continue
            node, at, _ = self._equation(name, block)
            waiting += [(x, block) for x in self._read(node, at)]
        return made

    def _read(self, node: Any, at: Place) -> Iterator[Unknown]:
        """The unknowns in an expression, with the numbers of their blocks."""
        match node:
            case ("call", "sum" | "prod", None, (letter, low, high, body), _):
                for k in range(self.index(low, at), self.index(high, at) + 1):
                    yield from self._read(body, at.knows(**{letter[1]: Fraction(k)}))
            case ("name", name, (("range", low, high), *_)) if self.is_unknown(name):
                for k in range(self.index(low, at), self.index(high, at) + 1):
                    yield name, k
            case ("name", name, (index, *_)) if self.is_unknown(name):
                yield name, self.index(index, at)
            case tuple():
                for part in node:
                    yield from self._read(part, at)


class Shapes(Reads):
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
        if dims == 4:
            known = self._known_image(block)
            between = self.between(self.stage_made(known), stage)
            grid = [divided(size, between) for size in known.it.shape[2:]]
            return (self.network.widths[stage], *grid)
        grid = list(self.inputs["input"].shape[1:])
        del grid[axis(self.inputs["input"]) - 1]
        return (*grid, self.network.widths[stage])

    def _known_image(self, block: int) -> Value:
        """The newest unknown that a block gets, or what comes in, if that is no image."""
        unknown = self.newest_known(block)
        if unknown is not None:
            made = self.state(*unknown, Place(block))
            if made.there and made.it.dim() == 4:
                return made
        return Value("tensor", self.inputs["input"])

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
