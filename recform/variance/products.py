"""Tensors multiplied element by element, as combinations of uncorrelated ones.

Only products in which no operator stands twice are followed, and the input once at most:
otherwise there may be a mean that is not zero, or a fourth moment of the input.
"""

from __future__ import annotations

from itertools import pairwise

from recform.algebra.totals import totals
from recform.algebra.typeset import indexed
from recform.variance.atoms import ONE, Atoms, Local, Piece, Size, Vector
from recform.variance.written import Unknown

#: More pairs of factors are not multiplied.
_MOST = 5_000


class Products:
    """Multiplies tensors of one network.

    Args:
        atoms: the uncorrelated tensors; gets the products.
    """

    def __init__(self, atoms: Atoms) -> None:
        self._atoms = atoms
        self._pairs = 0

    def multiplied(self, a: Vector, b: Vector) -> Vector:
        """The product of two tensors.

        Raises:
            Unknown: if an operator, or the input, stands in both.
        """
        if a.width != b.width:
            raise Unknown("tensors of different widths are multiplied")
        pieces = (*a.parts, *b.parts)
        borders = {p.place for p in pieces} | {p.place + p.size for p in pieces}
        steps = sorted(borders)
        parts: dict[Piece, float] = {}
        for low, high in pairwise(steps):
            made = self._times(_between(a, low), _between(b, low))
            for (atom, shift), weight in made.items():
                parts[Piece(atom, low - shift, high - low, low)] = weight
        return Vector(a.width, parts)

    def _times(self, left: Local, right: Local) -> Local:
        """The product in one feature."""
        self._pairs += len(left) * len(right)
        if self._pairs > _MOST:
            raise Unknown("there are too many products of tensors")
        made: list[tuple[tuple[int, Size], float]] = []
        for one, other in ((left, right), (right, left)):
            for spot, weight in one.items():
                if spot[0] == ONE:
                    # Only once for the product of two numbers that are added.
                    made += (
                        (found, weight * factor)
                        for found, factor in other.items()
                        if found[0] != ONE or one is left
                    )
                elif older := self._older(spot[0], other):
                    made.append((self._with(spot, older), weight))
        return totals(made)

    def _older(self, atom: int, terms: Local) -> Local:
        """The terms of older operators than the newest of an atom.

        Raises:
            Unknown: if it stands in one of them, too.
        """
        own = self._atoms[atom].operator
        for other, _ in terms:
            if other != ONE and self._atoms[other].operator == own:
                raise Unknown(self._twice(own))
        return {
            spot: weight
            for spot, weight in terms.items()
            if spot[0] != ONE and self._atoms[spot[0]].operator < own
        }

    def _with(self, spot: tuple[int, Size], older: Local) -> tuple[int, Size]:
        """What a term gives with a combination of older ones."""
        number, shift = spot
        newest = self._atoms[number].newest
        if newest is not None:
            others = self._atoms[number].others
            moved = {(atom, by + shift): weight for (atom, by), weight in others}
            number, older = newest, self._times(moved, older)
        against = {(atom, by - shift): weight for (atom, by), weight in older.items()}
        return self._atoms.product(number, against), shift

    def _twice(self, operator: int) -> str:
        if operator == 0:
            return (
                "tensors are multiplied that both hold the input itself, "
                "of which only the variance is known"
            )
        name, index = self._atoms.operators[operator]
        return (
            f"tensors are multiplied that both hold what {indexed(name, index)} makes, "
            "so the mean of their product need not be zero"
        )


def _between(vector: Vector, low: Size) -> Local:
    """What a tensor is in a feature, and up to the next border."""
    return totals(
        ((piece.atom, piece.shift), weight)
        for piece, weight in vector.parts.items()
        if piece.place <= low < piece.place + piece.size and weight
    )
