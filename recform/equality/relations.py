"""Linear relations among tensors, and the numbers that are in them.

A relation is a sparse row: by the place of a tensor, what it is multiplied with for the
sum to be zero. Numbers are fixed, or functions of the block ``i``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import sympy
from sympy.polys.matrices.sdm import sdm_irref

from recform.algebra.expr import I
from recform.blocks.symbolic import Symbolic
from recform.equality.terms import Monomial, Value, plus, scaled
from recform.equality.weights import TooLarge, cancelled, count
from recform.series.automaton import Span
from recform.series.series import Row, add_to, field_of

#: Steps of linear algebra over rational numbers, how many one is where numbers have names,
#: and how many of them are as much work as a term of a fraction.
_MOST_STEPS, _SLOWER, _QUICKER = 1_000_000, 100, 100

Column = TypeVar("Column", bound=Hashable)
#: A value of which i and other names in weights are parts of the monomials.
_Separated: TypeAlias = Mapping[tuple[Monomial, tuple[int, ...]], Symbolic]


@dataclass
class Work:
    """How many steps of linear algebra were done: an answer does not hang on the machine."""

    steps: int = 0

    def count(self, steps: int) -> None:
        """Counts steps.

        Raises:
            TooLarge: if they are too many.
        """
        count(steps / _QUICKER)
        self.steps += steps
        if self.steps > _MOST_STEPS:
            raise TooLarge


class Field:
    """The numbers of relations, and linear algebra over them.

    Args:
        numbers: what must be in it.
        work: counts what is done.
        powers: for numbers that are functions of i, the powers in them, by their names.
    """

    def __init__(
        self,
        numbers: Iterable[Symbolic],
        work: Work,
        powers: Mapping[Symbolic, Symbolic] | None = None,
    ) -> None:
        self._work, self._powers = work, powers
        in_i = () if powers is None else (I, *powers)
        self._domain = field_of([*numbers, *in_i] or [sympy.S.One])

    def row(self, numbers: Mapping[int, Symbolic]) -> Row:
        """A relation of this field."""
        return {n: self._domain.from_sympy(weight) for n, weight in numbers.items()}

    def numbers(self, row: Row) -> dict[int, Symbolic]:
        """A relation as SymPy writes it, with names for powers."""
        return {n: self._domain.to_sympy(weight) for n, weight in row.items()}

    def written(self, row: Row) -> dict[int, Symbolic]:
        """A relation as it is shown: in order, with powers for their names."""
        names = {name: base**I for name, base in (self._powers or {}).items()}
        return {n: w.xreplace(names) for n, w in sorted(self.numbers(row).items())}

    def before(self, row: Row) -> Row:
        """A relation of the block before: with ``i - 1`` for i."""
        if self._powers is None:
            return row
        moved = {I: I - 1} | {name: name / base for name, base in self._powers.items()}
        return self.row({n: w.xreplace(moved) for n, w in self.numbers(row).items()})

    def relations(self, values: Iterable[Mapping[Column, Symbolic]]) -> list[Row]:
        """All relations among values.

        Raises:
            TooLarge: if that is too much work.
        """
        span = Span(self._domain)
        basis: list[int] = []
        columns: dict[Column, int] = {}
        relations = []
        for number, value in enumerate(values):
            row = {
                columns.setdefault(monomial, len(columns)): self._domain.from_sympy(
                    weight
                )
                for monomial, weight in value.items()
            }
            before = span.work
            made = span.coordinates(row)
            # Numbers with names are slow.
            slowness = 1 if self._domain.is_QQ else _SLOWER
            self._work.count((span.work - before) * slowness)
            if made is None:
                span.add(row)
                basis.append(number)
                continue
            relation = {number: self._domain.one}
            for position, weight in made.items():
                add_to(relation, basis[position], -weight)
            relations.append(relation)
        return relations

    def holding(self, relations: Sequence[Row], values: Sequence[Value]) -> list[Row]:
        """The combinations of relations that hold among values, too.

        Raises:
            TooLarge: if that is too much work.
        """
        sums = []
        for relation in relations:
            total: Value = {}
            for number, weight in self.numbers(relation).items():
                total = plus(total, scaled(weight, values[number]))
            sums.append(total)
        result = []
        for combination in self.relations(self._separated(sums)):
            total_row: Row = {}
            for position, factor in combination.items():
                for number, weight in relations[position].items():
                    add_to(total_row, number, factor * weight)
            result.append(total_row)
        return result

    def solved(self, relations: Iterable[Row]) -> dict[int, Row]:
        """Relations by a tensor that stands in no other of them, there with the number 1."""
        # The last tensor of a relation is the one that it was found for.
        turned = ({-n: w for n, w in row.items()} for row in relations)
        rows, pivots, _ = sdm_irref(dict(enumerate(turned)))
        return {
            -pivot: {-n: w for n, w in sorted(rows[place].items(), reverse=True)}
            for place, pivot in enumerate(pivots)
        }

    def _separated(self, values: Sequence[Value]) -> Sequence[_Separated]:
        """Values in which i and other names in weights are parts of the monomials.

        A combination has fixed weights, so it is zero for every i only if it is zero for
        every power of i.
        """
        weights = [w for value in values for w in value.values()]
        known = {str(name) for name in getattr(self._domain, "symbols", ())}
        known -= {str(name) for name in (I, *(self._powers or ()))}
        free = {s for w in weights for s in w.free_symbols if str(s) not in known}
        if not free:
            return [{(m, ()): w for m, w in value.items()} for value in values]
        names = sorted(free, key=str)
        common = sympy.S.One
        for weight in weights:
            common = sympy.lcm(common, sympy.fraction(cancelled(weight))[1])
        return [
            {
                (monomial, powers): number
                for monomial, weight in value.items()
                for powers, number in sympy.Poly(
                    cancelled(weight * common), *names
                ).terms()
            }
            for value in values
        ]
