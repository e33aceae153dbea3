"""Tensors of a network of random blocks, as combinations of uncorrelated ones.

A tensor has a width, in widths of the input, and lies at places in it: features that
are put side by side do not add up, and a part of them counts by its width. What an
operator makes is as wide as its argument, and at most as wide as the input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    Input,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.typeset import plain
from recform.analysis.moments_written import Unknown, Written

#: A width or a place, in widths of the input.
Size = int | Fraction


@dataclass(frozen=True)
class Piece:
    """Features of an uncorrelated tensor, at their place in another one.

    Attributes:
        atom: the number of the uncorrelated tensor; 0 is the input.
        start: the first of its features.
        size: how many.
        place: where they lie.
    """

    atom: int
    start: Size
    size: Size
    place: Size

    @property
    def shift(self) -> Size:
        """Pieces of one operator are correlated if they are moved by as much."""
        return self.place - self.start


@dataclass
class Vector:
    """A tensor: its width, and pieces with their weights."""

    width: Size
    parts: dict[Piece, float]

    def times(self, factor: float) -> Vector:
        """A multiple."""
        if factor == 1.0:
            return self
        return Vector(self.width, {p: factor * w for p, w in self.parts.items()})


def _moved(vector: Vector, by: Size) -> Iterator[tuple[Piece, float]]:
    for piece, weight in vector.parts.items():
        yield Piece(piece.atom, piece.start, piece.size, piece.place + by), weight


def _plain(size: Size) -> Size:
    return int(size) if size == int(size) else size


@dataclass
class Field:
    """The network with one gain; holds all that operators made.

    Attributes:
        written: the network.
        gain: of each operator.
        scale: what all of a block is multiplied with.
    """

    written: Written
    gain: float
    scale: float = 1.0
    #: For each result of an operator: which operator it was, and its argument.
    _made: list[tuple[Any, Vector | None]] = field(default_factory=list)
    _results: dict[Any, int] = field(default_factory=dict)
    _norms: list[float] = field(default_factory=list)
    _pairs: dict[tuple[int, int], float] = field(default_factory=dict)
    _values: dict[Tensor, Vector] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._made.append((None, None))
        self._norms.append(1.0)
        # The oldest first, so that nothing nests deeper than its equation.
        for state in self.written.states:
            if self.written.gate(state) is None:
                self.value(state)

    def output(self) -> float:
        """The variance of the output, for each feature."""
        result = self.written.result
        return 0.0 if result is None else self.square(self.value(result))

    def value(self, tensor: Tensor) -> Vector:
        """A tensor that is written out.

        Raises:
            Unknown: if its variance does not follow from the others.
        """
        if isinstance(tensor, State | History):
            if tensor not in self._values:
                made = self.value(self.written.definitions[tensor])
                whole = isinstance(tensor, State) and tensor.index >= 1
                self._values[tensor] = made.times(self.scale) if whole else made
            return self._values[tensor]
        match tensor:
            case Input():
                return Vector(1, {Piece(0, 0, 1, 0): 1.0})
            case Apply():
                which = (tensor.operator, str(tensor.index))
                return self._applied(which, self.value(tensor.argument))
            case Elementwise():
                return self.value(tensor.argument)
            case Scaled():
                return self.value(tensor.tensor).times(self.written.number(tensor))
            case TensorSum():
                return self._sum(list(self._signals(tensor)))
            case Combine() if tensor.kind == "mean":
                total = self._sum(list(self._signals(tensor)))
                return total.times(1 / len(tensor.children))
            case Pointwise():
                return self._product(tensor)
            case Concat():
                return self._side_by_side(list(self._signals(tensor)))
            case Part():
                return self._part(self.value(tensor.tensor), tensor)
        raise Unknown(f"{plain(tensor)} is not linear")

    def _signals(self, tensor: Tensor) -> Iterator[Vector]:
        for child in tensor.children:
            if not isinstance(child, Filled):
                yield self.value(child)

    def _sum(self, vectors: list[Vector]) -> Vector:
        if len({vector.width for vector in vectors}) > 1:
            raise Unknown("tensors of different widths are added")
        parts: dict[Piece, float] = {}
        for vector in vectors:
            for piece, weight in vector.parts.items():
                parts[piece] = parts.get(piece, 0.0) + weight
        return Vector(vectors[0].width, parts)

    def _product(self, tensor: Pointwise) -> Vector:
        factor = 1.0
        signals = []
        for child in tensor.children:
            gate = self.written.gate(child)
            if isinstance(child, Filled):
                factor *= self.written.number(child)
            elif gate is not None:
                factor *= gate.value
            else:
                signals.append(child)
        if len(signals) != 1:
            raise Unknown("tensors are multiplied, and none of them is a gate")
        return self.value(signals[0]).times(factor)

    def _side_by_side(self, vectors: list[Vector]) -> Vector:
        parts: dict[Piece, float] = {}
        width: Size = 0
        for vector in vectors:
            parts.update(_moved(vector, width))
            width += vector.width
        return Vector(_plain(width), parts)

    def _part(self, vector: Vector, tensor: Part) -> Vector:
        width = _plain(Fraction(vector.width) / tensor.parts)
        begin = tensor.which * width
        parts: dict[Piece, float] = {}
        for piece, weight in vector.parts.items():
            low = max(piece.place, begin)
            high = min(piece.place + piece.size, begin + width)
            if low < high:
                cut = Piece(
                    piece.atom,
                    _plain(piece.start + low - piece.place),
                    _plain(high - low),
                    _plain(low - begin),
                )
                parts[cut] = parts.get(cut, 0.0) + weight
        return Vector(width, parts)

    def _applied(self, which: Any, vector: Vector) -> Vector:
        """What an operator makes of a tensor."""
        key = (which, frozenset(vector.parts.items()))
        if key not in self._results:
            self._results[key] = len(self._made)
            self._made.append((which, vector))
            self._norms.append(self.gain**2 * self.square(vector))
        width = min(vector.width, 1)
        return Vector(width, {Piece(self._results[key], 0, width, 0): 1.0})

    # -- covariances

    def square(self, vector: Vector) -> float:
        """The variance of a tensor, for each feature."""
        return self.inner(vector, vector)

    def inner(self, a: Vector, b: Vector) -> float:
        """The covariance of two tensors, the mean over their features."""
        near: dict[Any, list[tuple[Piece, float]]] = {}
        for piece, weight in b.parts.items():
            near.setdefault((self._made[piece.atom][0], piece.shift), []).append(
                (piece, weight)
            )
        total = 0.0
        for piece, weight in a.parts.items():
            for other, factor in near.get((self._made[piece.atom][0], piece.shift), ()):
                low = max(piece.place, other.place)
                high = min(piece.place + piece.size, other.place + other.size)
                if low < high:
                    shared = self._covariance(piece.atom, other.atom)
                    total += float(high - low) * weight * factor * shared
        return total / float(a.width)

    def _covariance(self, atom: int, other: int) -> float:
        """Of two results of one operator."""
        if atom == other:
            return self._norms[atom]
        key = (min(atom, other), max(atom, other))
        if key not in self._pairs:
            first, second = self._made[atom][1], self._made[other][1]
            assert first is not None and second is not None
            self._pairs[key] = self.gain**2 * self.inner(first, second)
        return self._pairs[key]
