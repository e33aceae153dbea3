"""Uncorrelated tensors, of which all others are combinations, and their covariances.

There are four kinds: the input; the number 1, for numbers that are added; what an
operator made; and products. In the limit of wide layers each feature of what operators
made is Gaussian, and independent of the same feature of the input and of what other
operators made (Yang 2019, "Wide feedforward or recurrent neural networks of any
architecture are Gaussian processes"). So a product in which no operator stands twice
has mean zero, products of other operators are uncorrelated with it, and the covariance of
two products of the same operators is the product of the covariances of their factors.

A product is kept as its newest factor and a combination of older ones: ``(1 + W_3)*X_2``
multiplied with ``U_3*X_2`` is one product, not one for each path through ``X_2``.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import sympy

from recform.blocks.symbolic import Symbolic

#: A width or a place, in widths of the input.
Size = int | Fraction

#: A combination in one feature: weights of atoms, each moved by a number of features.
Local = dict[tuple[int, Size], float]

#: The numbers of the input, and of the tensor of ones.
INPUT, ONE = 0, 1


class TooMuch(Exception):
    """More pairs of tensors are correlated than can be looked at in a second or two."""


class Piece(NamedTuple):
    """Features of an uncorrelated tensor, at their place in another one.

    Attributes:
        atom: the number of the uncorrelated tensor.
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
        # All features of the tensor of ones are the same.
        return 0 if self.atom == ONE else self.place - self.start


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

    def moved(self, by: Size) -> Iterator[tuple[Piece, float]]:
        """Its pieces in a wider tensor."""
        for piece, weight in self.parts.items():
            yield Piece(piece.atom, piece.start, piece.size, piece.place + by), weight

    def without_mean(self) -> Vector:
        """Without the numbers that are added to it."""
        parts = {p: w for p, w in self.parts.items() if p.atom != ONE}
        return Vector(self.width, parts)


@dataclass(frozen=True)
class Atom:
    """An uncorrelated tensor.

    Attributes:
        operator: the place of the operator that made it, or of that of its newest
            factor, in ``Atoms.operators``; 0 for the input, -1 for the tensor of ones.
        argument: what the operator was applied to; None for other kinds.
        newest: the number of the newest factor of a product; None for other kinds.
        others: the other factors of a product, as moved against the newest one. They
            hold older operators only, and no numbers that are added.
    """

    operator: int
    argument: Vector | None = None
    newest: int | None = None
    others: tuple[tuple[tuple[int, Size], float], ...] = ()

    @property
    def key(self) -> tuple[int, bool]:
        """Only atoms of one key are correlated."""
        return self.operator, self.newest is None


class Atoms:
    """The uncorrelated tensors of a network.

    Args:
        gain: of each operator.
        most: so many pairs of tensors are looked at.
        normed: operators that make variance ``gain**2`` of all that they get.

    Attributes:
        operators: with their indices, in the order in which they were first applied;
            the first one stands for the input.
        proportional: whether variances are so to that of the input: so far there is no
            product, and no operator is applied to a number that was added.
    """

    def __init__(
        self, gain: float, most: float, normed: frozenset[str] = frozenset()
    ) -> None:
        self.operators: list[tuple[str, Symbolic]] = [("", sympy.nan)]
        self.proportional = True
        self._gain = gain
        self._normed = normed
        self._left = most
        self._atoms = [Atom(0), Atom(-1)]
        self._keys = [atom.key for atom in self._atoms]
        self._places: dict[tuple[str, Symbolic], int] = {}
        self._known: dict[Hashable, int] = {}
        self._pairs: dict[tuple[int, int], float] = {}

    def __getitem__(self, atom: int) -> Atom:
        return self._atoms[atom]

    def applied(self, operator: tuple[str, Symbolic], vector: Vector) -> int:
        """The number of what an operator makes of a tensor."""
        key = (operator, frozenset(vector.parts.items()))
        if key not in self._known:
            if operator not in self._places:
                self._places[operator] = len(self.operators)
                self.operators.append(operator)
            if operator[0] in self._normed or any(
                piece.atom == ONE for piece in vector.parts
            ):
                self.proportional = False
            self._add(key, Atom(self._places[operator], vector))
        return self._known[key]

    def product(self, newest: int, others: Local) -> int:
        """The number of what an operator made, times a combination of older ones."""
        key = (newest, frozenset(others.items()))
        if key not in self._known:
            self.proportional = False
            operator = self._atoms[newest].operator
            self._add(key, Atom(operator, None, newest, tuple(others.items())))
        return self._known[key]

    def _add(self, key: Hashable, atom: Atom) -> None:
        self._known[key] = len(self._atoms)
        self._atoms.append(atom)
        self._keys.append(atom.key)
        # Now, so that nothing nests deeper than an equation when it is asked for.
        self._covariance(self._known[key], self._known[key])

    # -- covariances

    def variance(self, vector: Vector) -> float:
        """The variance of a tensor, for each feature."""
        rest = vector.without_mean()
        return self.inner(rest, rest)

    def inner(self, a: Vector, b: Vector) -> float:
        """The expected product of two tensors, the mean over their features."""
        keys = self._keys
        near: dict[tuple[tuple[int, bool], Size], list[tuple[Piece, float]]] = {}
        for piece, weight in b.parts.items():
            near.setdefault((keys[piece.atom], piece.shift), []).append((piece, weight))
        total = 0.0
        for piece, weight in a.parts.items():
            others = near.get((keys[piece.atom], piece.shift), ())
            self._count(1 + len(others))
            for other, factor in others:
                low = max(piece.place, other.place)
                high = min(piece.place + piece.size, other.place + other.size)
                if low < high and weight and factor:
                    shared = self._covariance(piece.atom, other.atom)
                    total += float(high - low) * weight * factor * shared
        return total / float(a.width)

    def _count(self, pairs: int) -> None:
        self._left -= pairs
        if self._left < 0:
            raise TooMuch

    def _covariance(self, atom: int, other: int) -> float:
        """Of two tensors of one key."""
        if atom in (INPUT, ONE):
            return 1.0
        pair = (min(atom, other), max(atom, other))
        if pair not in self._pairs:
            first, second = self[pair[0]], self[pair[1]]
            if first.argument is not None and second.argument is not None:
                found = self._gain**2 * self.inner(first.argument, second.argument)
                if self.operators[first.operator][0] in self._normed:
                    sizes = [
                        self.inner(a, a) for a in (first.argument, second.argument)
                    ]
                    found = found / math.sqrt(math.prod(sizes)) if all(sizes) else 0.0
            else:
                assert first.newest is not None and second.newest is not None
                found = self._covariance(first.newest, second.newest)
                found *= self._others(first, second)
            self._pairs[pair] = found
        return self._pairs[pair]

    def _others(self, first: Atom, second: Atom) -> float:
        """The covariance of all factors of two products but the newest ones."""
        total = 0.0
        self._count(len(first.others) * len(second.others))
        for (atom, shift), weight in first.others:
            for (other, moved), factor in second.others:
                if shift == moved and self._keys[atom] == self._keys[other]:
                    total += weight * factor * self._covariance(atom, other)
        return total
