"""Polynomials over atoms: tensors of written-out equations in a normal form.

A value is a sum of elementwise products of atoms, with numbers in front. What an atom is
made of is its key: the input, an operator or a function applied to a value, features put
side by side. Atoms are equal if their keys are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from itertools import chain
from typing import Any, TypeAlias, TypeVar

import sympy

from recform.algebra.totals import totals
from recform.blocks.symbolic import Symbolic
from recform.equality.weights import TooLarge, count, in_order

#: An atom's number.
Atom = int
Monomial = tuple[Atom, ...]
#: Weights by monomial; none is zero.
Value = dict[Monomial, Symbolic]
#: A value in a key.
Frozen = tuple[tuple[Monomial, Symbolic], ...]
#: What an atom is made of: a word for its kind, then what that kind is told by.
Key: TypeAlias = tuple[Any, ...]

ONE: Monomial = ()
Made = TypeVar("Made")
#: Most terms of a value.
MAX_TERMS = 4096
#: Most terms that the laws of functions look at among some values, and how many of them are
#: as much work as one of a fraction.
MOST_WORK, _QUICKER = 1_500_000, 30


class Atoms:
    """Numbers for atoms: equal ones get the same.

    What the laws of functions made of a value is remembered, for the same values come
    again at every depth. How much they look at is counted, not how long it takes, so that
    an answer does not depend on the machine.

    Args:
        width: of what a key says, or None if it is not known.
        vectors: the learned scalars that are one number for each feature.
    """

    def __init__(
        self,
        width: Callable[[Key], Symbolic | None] = lambda key: None,
        vectors: Collection[str] = (),
    ) -> None:
        self.said_width = width
        self.vectors = vectors
        #: Sums that were made as squares, without a number in them, and that number.
        self.squares: dict[Frozen, Symbolic] = {}
        #: What was multiplied out, and of which sums.
        self.products: dict[Frozen, tuple[Value, Value]] = {}
        self._numbers: dict[Key, Atom] = {}
        self._keys: list[Key] = []
        self._made: dict[Hashable, Any] = {}
        self._work = 0

    def number(self, *key: Hashable) -> Atom:
        """The number of an atom, told by what it is made of."""
        if key not in self._numbers:
            self._numbers[key] = len(self._keys)
            self._keys.append(key)
        return self._numbers[key]

    def key(self, atom: Atom) -> Key:
        """What an atom is made of."""
        return self._keys[atom]

    def count(self) -> int:
        """How many there are."""
        return len(self._keys)

    def value(self, *key: Hashable) -> Value:
        """An atom as a value."""
        return {(self.number(*key),): sympy.S.One}

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What is made for a key, made once."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    def work(self, terms: int) -> None:
        """Counts terms that are looked at.

        Raises:
            TooLarge: if they are too many.
        """
        count(terms / _QUICKER)
        self._work += terms
        if self._work > MOST_WORK:
            raise TooLarge


def frozen(value: Value) -> Frozen:
    """A value as a key."""
    return tuple(sorted(value.items()))


def plus(*values: Value) -> Value:
    """The sum."""
    return cleaned(totals(chain.from_iterable(value.items() for value in values)))


def scaled(weight: Symbolic, value: Value) -> Value:
    """A number times a value."""
    return cleaned({monomial: weight * w for monomial, w in value.items()})


def cleaned(value: Value) -> Value:
    """A value with its weights in normal form and without those that are zero.

    Raises:
        TooLarge: if it has too many terms.
    """
    if len(value) > MAX_TERMS:
        raise TooLarge
    result = {}
    for monomial, weight in value.items():
        plain = in_order(weight)
        if plain != 0:
            result[monomial] = plain
    return result


def product(left: Value, right: Value) -> Value:
    """The elementwise product."""
    return cleaned(
        totals(
            (tuple(sorted(a + b)), v * w)
            for a, v in left.items()
            for b, w in right.items()
        )
    )


def negative(value: Value) -> Value:
    """Minus a value."""
    return scaled(sympy.S.NegativeOne, value)


def without(monomial: Monomial, factors: Monomial) -> Monomial:
    """What is left of a product that has these factors."""
    left = list(monomial)
    for atom in factors:
        left.remove(atom)
    return tuple(left)
