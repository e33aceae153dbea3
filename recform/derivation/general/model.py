"""General formulas as data: which paths a network is to have.

``dX_L/dX_<L-i> = 1 + sum(k, 1, i, prod(j, 0, k-1, W_<L-j>))`` is a sum of terms. A term has
a coefficient, variables that run over ranges, and factors. Each factor stands on a row of
blocks, ``L - low`` down to ``L - high + 1``, with a choice of moves at each of them: what
``prod`` writes, or a row of one block. Blocks between ``L-i`` and ``L`` that no factor
stands on are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sympy

from recform.algebra.expr import I
from recform.blocks.symbolic import Symbolic
from recform.series.series import SKIP, Move
from recform.source import Span


@dataclass(frozen=True)
class Bound:
    """``base + number``: a count of blocks back from L.

    Attributes:
        base: nothing (for a number alone), ``i``, or a variable of a sum.
        number: what is added.
    """

    base: str
    number: int

    def plus(self, number: int) -> Bound:
        """The bound that many blocks further back."""
        return Bound(self.base, self.number + number)

    @property
    def expression(self) -> Symbolic:
        """As a SymPy expression."""
        return (
            symbol(self.base) + self.number if self.base else sympy.Integer(self.number)
        )


def symbol(base: str) -> Symbolic:
    """The symbol of a bound's base."""
    return I if base == "i" else sympy.Symbol(base, integer=True)


@dataclass(frozen=True)
class Variable:
    """The variable of a sum, from ``low`` to ``high``, both included."""

    name: str
    low: Bound
    high: Bound


@dataclass(frozen=True)
class Factor:
    """One of ``choices`` at every block from ``L - low`` back to ``L - high + 1``.

    Attributes:
        low, high: how many blocks behind L the row starts, and where it has ended.
        choices: weights by move.
        step: how far apart its blocks are.
    """

    low: Bound
    high: Bound
    choices: tuple[tuple[Move, Symbolic], ...]
    place: Span = field(compare=False, repr=False)
    step: int = 1

    @property
    def commutes(self) -> bool:
        """Whether its order among other factors does not matter."""
        return all(not move.operators for move, _ in self.choices)


@dataclass(frozen=True)
class Term:
    """One term of a general formula, summed over its variables.

    Attributes:
        coefficient: a SymPy number that may hold ``i`` and the variables.
        variables: of the sums around it, the outer ones first.
        factors: in the author's order, newest block first.
        multiples: variables that are multiples of a number, with the number.
        slanted: text of a bound ``k <= i/2`` that is left out of ``variables``, with the
            place; None if all bounds are there.
    """

    coefficient: Symbolic
    variables: tuple[Variable, ...] = ()
    factors: tuple[Factor, ...] = ()
    multiples: tuple[tuple[str, int], ...] = ()
    slanted: str | None = None

    def scaled(self, weight: Symbolic) -> Term:
        """The term times a number."""
        return replace(self, coefficient=self.coefficient * weight)

    def times(self, other: Term) -> Term:
        """The product, this term on the left; their variables have different names."""
        return Term(
            self.coefficient * other.coefficient,
            self.variables + other.variables,
            self.factors + other.factors,
            self.multiples + other.multiples,
            self.slanted or other.slanted,
        )


@dataclass(frozen=True)
class General:
    """A general formula.

    Attributes:
        terms: whose sum it is.
        text: as it stands in the file, spaces folded.
        place: where.
        unknown: the tensor that it is about, such as ``X``.
    """

    terms: tuple[Term, ...]
    text: str
    place: Span = field(compare=False, repr=False)
    unknown: str = "X"


def choices(items: Mapping[Move, Symbolic]) -> tuple[tuple[Move, Symbolic], ...]:
    """Moves with their weights, sorted; those that cancel are gone."""
    return tuple(
        (move, sympy.expand(items[move]))
        for move in sorted(items)
        if sympy.expand(items[move]) != 0
    )


def local(terms: tuple[Term, ...]) -> dict[Move, Symbolic] | None:
    """The moves of terms that stand on one block at most, all on the same one."""
    result: dict[Move, Symbolic] = {}
    for term in terms:
        if term.variables or any(factor.step > 1 for factor in term.factors):
            return None
        move = SKIP
        for factor in term.factors:
            if len(factor.choices) != 1 or factor.high != factor.low.plus(1):
                return None
            move = move.after(factor.choices[0][0])
        weight = term.coefficient
        for factor in term.factors:
            weight *= factor.choices[0][1]
        result[move] = result.get(move, sympy.S.Zero) + weight
    return result
