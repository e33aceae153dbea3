"""Forward through the linearised blocks, with values of any kind.

Counts, numbers, polynomials and words all travel the same way: a value starts at one
tensor, every law adds up what it gets from older ones, and the output is what arrives.
A value needs ``+``, and ``*`` with a weight on its left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from recform.linear.model import STEM, Gradient, Linear, Source
from recform.linear.words import Letter, Polynomial
from recform.series.places import BLOCK, LAST, SHARED, START, At


class Carried(Protocol):
    """What is carried along, and added where ways meet."""

    def __add__(self, other: Self, /) -> Self: ...


C = TypeVar("C", bound=Carried)


class Weight(Protocol[C]):
    """What takes a value through a block."""

    def __mul__(self, value: C, /) -> C: ...


#: The weight of a polynomial in a block.
Weigh = Callable[[Polynomial, int], Weight[C]]


def propagate(
    linear: Linear,
    length: int,
    weigh: Weigh[C],
    one: C,
    origin: Source = STEM,
) -> C | None:
    """What arrives at the output; None if nothing does.

    Args:
        linear: the laws.
        length: the number of blocks.
        weigh: the weight of a polynomial in a block (``length`` in the output).
        one: the value that starts.
        origin: where it starts: at the input, or at an unknown of a block.
    """
    walk = Walk(linear, weigh, one, origin)
    while walk.block < length:
        walk.step()
    return walk.output()


class Walk(Generic[C]):
    """Walks the blocks in order, and keeps what later ones may read.

    Attributes:
        block: the last block that is done.
        window: how many blocks back a law or the output reads.
        values: by unknown and block; what is zero is not there.
    """

    def __init__(
        self,
        linear: Linear,
        weigh: Weigh[C],
        one: C,
        origin: Source = STEM,
    ) -> None:
        self._linear, self._weigh = linear, weigh
        self._one, self._origin = one, origin
        self._from = origin.at.number if origin.at.base == START else 0
        reads = [
            -source.at.number
            for gradient in (*(law.gradient for law in linear.laws), linear.output)
            for source in gradient
            if source.at.base in (BLOCK, LAST)
        ]
        self.window = max([1, *reads])
        self.values: dict[tuple[str, int], C] = {}
        self.block = -1
        self.step()

    def step(self) -> None:
        """One block further."""
        self.block += 1
        if self.block < self._from:
            return
        laws = _laws(self._linear, self.block)
        for name, gradient in laws.items():
            here = Source(name, At(START, self.block))
            value = (
                self._one if here == self._origin else self._total(gradient, self.block)
            )
            if value is not None:
                self.values[name, self.block] = value
        old = self.block - self.window - 1
        if old > self._linear.first:
            for name in laws:
                self.values.pop((name, old), None)

    def output(self) -> C | None:
        """What arrives at the output of a network that ends here."""
        return self._total(self._linear.output, self.block)

    def _total(self, gradient: Gradient, block: int) -> C | None:
        total: C | None = None
        for source, polynomial in gradient.items():
            value = self._value(source, block)
            if value is None:
                continue
            term = self._weigh(polynomial, block) * value
            total = term if total is None else total + term
        return total

    def _value(self, source: Source, block: int) -> C | None:
        if source == STEM:
            return self._one if self._origin == STEM else None
        return self.values.get((source.unknown, place(source.at, block, block) or 0))


#: A tensor of a block.
Node = tuple[str, int]


@dataclass(frozen=True)
class Step:
    """What a tensor gets from others.

    Attributes:
        target: the tensor; the last one is the output.
        block: in which it is computed.
        sources: the tensors that anything arrives at, each with what it is taken by.
    """

    target: Node
    block: int
    sources: tuple[tuple[Node, Polynomial], ...]


def steps(
    linear: Linear, length: int, origin: Source = STEM
) -> tuple[Node, list[Step]]:
    """All steps on the ways from a tensor to the output, in the order of computation.

    Returns:
        Where the ways begin, and the steps; none if nothing arrives.
    """
    first = origin.at.number if origin.at.base == START else 0
    begin = origin.unknown, first
    reached, made = {begin}, []

    def step(target: Node, gradient: Gradient, block: int) -> None:
        sources = []
        for source, polynomial in gradient.items():
            if source == STEM:
                node = begin if origin == STEM else None
            else:
                node = source.unknown, place(source.at, block, block) or 0
            if node in reached:
                sources.append((node, polynomial))
        if sources:
            reached.add(target)
            made.append(Step(target, block, tuple(sources)))

    for block in range(first, length + 1):
        for name, gradient in _laws(linear, block).items():
            if (name, block) != begin or origin == STEM:
                step((name, block), gradient, block)
    step(("", length), linear.output, length)
    return begin, made if ("", length) in reached else []


def _laws(linear: Linear, block: int) -> Mapping[str, Gradient]:
    """What the unknowns of a block get."""
    if block <= linear.first:
        return linear.starts[block]
    return {law.unknown: law.gradient for law in linear.laws}


def place(at: At, block: int, length: int) -> int | None:
    """The block that an index means; None if it has no index."""
    if at.base == SHARED:
        return None
    return at.number + {BLOCK: block, LAST: length, START: 0}[at.base]


def owner(letter: Letter, block: int, length: int) -> int | None:
    """The block that a letter of a law in a block belongs to."""
    return place(letter.at, block, length)
