"""What paths weigh where a network starts: the coefficients on the way of each, multiplied.

Operators count as 1. A learned scalar is what it starts as, and what ``softmax`` gives each
member of a sum is the same for all where its score starts at zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from recform.algebra.expr import Filled
from recform.algebra.lists import Over
from recform.algebra.totals import Sum, totals
from recform.algebra.typeset import plain
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import NoNumber, numeric
from recform.linear.members import share_at_start
from recform.linear.model import STEM, Linear, Source
from recform.linear.propagate import owner, propagate
from recform.linear.words import Letter, Polynomial, Word


@dataclass(frozen=True)
class Weighed:
    """The weights of the paths of each length.

    Attributes:
        weights: of those that pass 0, 1, 2, ... operators; none if nothing arrives.
    """

    weights: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        """The effective depth: the mean length of a path, each counted by its weight.

        None where weights are negative or beyond all floats, or nothing arrives.
        """
        total = sum(self.weights)
        if not 0 < total < math.inf or min(self.weights) < 0:
            return None
        return sum(n * weight for n, weight in enumerate(self.weights)) / total

    @property
    def ends(self) -> tuple[int, int]:
        """The lengths of the shortest and of the longest path that weighs anything."""
        there = [length for length, weight in enumerate(self.weights) if weight]
        return there[0], there[-1]


def weighed(
    linear: Linear, length: int, origin: Source = STEM, *, size: bool = False
) -> tuple[float, ...]:
    """The weights of the paths of each length, added up.

    Args:
        linear: the laws, without activations.
        length: the number of blocks.
        origin: where the paths start.
        size: whether weights count by their size, so that none cancel.

    Raises:
        NoNumber: if a coefficient or a gate on the way is none.
    """

    def term(word: Word, coefficient: Symbolic, block: int) -> tuple[int, float]:
        count = sum(letter.counts for letter in word)
        value = numeric(linear.formula, coefficient, block, length)
        for letter in word:
            value *= _of_letter(linear, letter, block, length)
        return count, abs(value) if size else value

    def weigh(polynomial: Polynomial, block: int) -> Sum[int, float]:
        return Sum(totals(term(*item, block) for item in polynomial.terms.items()))

    found = propagate(linear, length, weigh, Sum({0: 1.0}), origin)
    terms = {} if found is None else found.terms
    longest = max((n for n, value in terms.items() if value), default=-1)
    return tuple(terms.get(n, 0.0) for n in range(longest + 1))


def _of_letter(linear: Linear, letter: Letter, block: int, length: int) -> float:
    """What a letter of a law in a block multiplies by.

    Raises:
        NoNumber: if that is not known.
    """
    if letter.kind not in ("gate", "gain"):
        return 1.0
    value = letter.tensor
    if isinstance(value, Filled):
        here = owner(letter, block, length) or block
        return numeric(linear.formula, value.coefficient, here, length)
    if isinstance(value, Over):
        share = share_at_start(linear.formula, value, linear.definitions, length)
        if share is not None:
            return share
    assert value is not None
    raise NoNumber(f"{plain(value)} is no number where the network starts")
