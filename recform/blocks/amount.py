"""How much is kept and computed, whatever the batch and the type of its numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Amount:
    """Memory that is held.

    Attributes:
        numbers: of the network's own type, for each example.
        bytes: what has another type (ids, places of maxima), for each example.
        once: numbers of the network's own type, for all examples together.
    """

    numbers: int = 0
    bytes: int = 0
    once: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.numbers + other.numbers,
            self.bytes + other.bytes,
            self.once + other.once,
        )

    def times(self, count: int) -> Amount:
        """That of ``count`` such things."""
        return Amount(self.numbers * count, self.bytes * count, self.once * count)

    def held(self, batch: int, size: int) -> int:
        """The bytes.

        Args:
            batch: how many examples.
            size: bytes of a number.
        """
        return batch * (size * self.numbers + self.bytes) + size * self.once

    @property
    def single(self) -> int:
        """Numbers for one example, as if all had four bytes."""
        return self.numbers + self.bytes // 4


@dataclass(frozen=True)
class Work:
    """Something that is computed at once, for one example.

    Attributes:
        reads, makes: how many numbers come in, and how many come out.
        parameters: how many of them it reads.
        multiply_adds: of convolutions and products of matrices.
    """

    reads: int
    makes: int
    parameters: int = 0
    multiply_adds: int = 0

    def times(self, count: int) -> Work:
        """As much of it as ``count`` examples have; the parameters are the same."""
        sizes = self.reads * count, self.makes * count
        return Work(*sizes, self.parameters, self.multiply_adds * count)

    @property
    def elementwise(self) -> int:
        """How many numbers it makes otherwise than by products of matrices."""
        return 0 if self.multiply_adds else self.makes


@dataclass(frozen=True)
class Deed:
    """One operation of torch, of several that an operator comes to.

    Attributes:
        makes: a name for its result.
        reads: names of what it is made of: inputs of the operator, and results before.
        numbers: how many it makes for an example.
        asks: those of them that its gradient is computed from.
        cheap: whether a lean pass runs it again.
        multiply_adds: of products of matrices.
        bytes: what it keeps besides, as in :class:`Amount`.
        once: likewise, made of nothing that comes in.
        back: numbers that are held besides while its gradient is computed.
    """

    makes: str
    reads: tuple[str, ...]
    numbers: int
    asks: tuple[str, ...] = ()
    cheap: bool = False
    multiply_adds: int = 0
    bytes: int = 0
    once: int = 0
    back: int = 0
