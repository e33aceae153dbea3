"""Tensors of a network of random blocks, as combinations of uncorrelated ones.

A tensor has a width, in widths of the input, and lies at places in it: features that
are put side by side do not add up, and a part of them counts by its width. What an
operator makes is as wide as its argument, and at most as wide as the input.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Context,
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
from recform.algebra.lists import Over
from recform.algebra.totals import totals
from recform.algebra.typeset import plain
from recform.variance.atoms import INPUT, ONE, Atoms, Piece, Size, Vector
from recform.variance.products import Products
from recform.variance.written import Unknown, Written


@dataclass
class Field:
    """The network with one gain.

    Attributes:
        written: the network.
        gain: of each operator.
        scale: what all of a block is multiplied with.
        most: so many pairs of tensors are looked at; without a limit if left out.

    Raises:
        TooMuch: if that does not do.
    """

    written: Written
    gain: float
    scale: float = 1.0
    most: float = math.inf
    _values: dict[Tensor, Vector] = field(default_factory=dict)
    #: Why nothing is known of products from here on; empty as long as they are followed.
    _unfit: str = ""

    def __post_init__(self) -> None:
        self._atoms = Atoms(self.gain, self.most, self.written.normed)
        self._products = Products(self._atoms)
        # The oldest first, so that nothing nests deeper than its equation.
        for state in self.written.states:
            if self.written.gate(state) is None:
                self.value(state)

    @property
    def proportional(self) -> bool:
        """Whether variances are proportional to that of the input."""
        return self._atoms.proportional

    def output(self) -> float:
        """The variance of the output, for each feature."""
        result = self.written.result
        return 0.0 if result is None else self.variance(result)

    def variance(self, tensor: Tensor) -> float:
        """The variance of a tensor, for each feature."""
        return self._atoms.variance(self.value(tensor))

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
                return Vector(1, {Piece(INPUT, 0, 1, 0): 1.0})
            case Context():
                raise Unknown(f"{tensor.name} is an input of which nothing is known")
            case Apply() if len(tensor.arguments) == 1:
                return self._applied(tensor, self.value(tensor.arguments[0]))
            case Apply():
                raise Unknown(
                    f"{tensor.operator} takes {len(tensor.arguments)} tensors, and how "
                    "large it makes them is not known"
                )
            case Elementwise() if tensor.function.moves:
                raise Unknown(
                    f"{tensor.name} moves tokens, and how much each is like those before "
                    "is not known"
                )
            case Elementwise():
                return self.value(tensor.argument)
            case Scaled():
                return self.value(tensor.tensor).times(self.written.number(tensor))
            case TensorSum():
                return self._sum(tensor)
            case Combine() if tensor.kind == "mean":
                total = self._sum(tensor)
                return total.times(1 / len(tensor.children))
            case Over() if tensor.kind == "sum":
                return self._sum(self.written.members(tensor))
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

    def _sum(self, tensor: Tensor) -> Vector:
        vectors = list(self._signals(tensor))
        if len({vector.width for vector in vectors}) > 1:
            raise Unknown("tensors of different widths are added")
        width = vectors[0].width
        terms = [item for vector in vectors for item in vector.parts.items()]
        filled = [child for child in tensor.children if isinstance(child, Filled)]
        added = [self.written.number(child) for child in filled]
        if any(added):
            terms.append((Piece(ONE, 0, width, 0), sum(added)))
        return Vector(width, totals(terms))

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
        if not signals:
            raise Unknown("gates are multiplied with nothing but gates")
        values = [self.value(signal) for signal in signals]
        if len(values) > 1 and self._unfit:
            raise Unknown(
                f"tensors are multiplied, and {self._unfit}; products are followed "
                "for wide layers that mix all features"
            )
        product = reduce(self._products.multiplied, values)
        return product.times(factor)

    def _side_by_side(self, vectors: list[Vector]) -> Vector:
        parts: dict[Piece, float] = {}
        width: Size = 0
        for vector in vectors:
            parts.update(vector.moved(width))
            width += vector.width
        return Vector(_plain(width), parts)

    def _part(self, vector: Vector, tensor: Part) -> Vector:
        width = _plain(Fraction(vector.width) / tensor.parts)
        begin = tensor.which * width
        parts = []
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
                parts.append((cut, weight))
        return Vector(width, totals(parts))

    def _applied(self, tensor: Apply, vector: Vector) -> Vector:
        """What an operator makes of a tensor."""
        self._unfit = self._unfit or self.written.unfit(tensor.operator)
        atom = self._atoms.applied((tensor.operator, tensor.index), vector)
        width = min(vector.width, 1)
        return Vector(width, {Piece(atom, 0, width, 0): 1.0})


def _plain(size: Size) -> Size:
    return int(size) if size == int(size) else size
