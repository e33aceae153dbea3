"""The Jacobian of a network some of whose blocks have equations of their own.

What ``X_j`` gives to block b is said by the equation of block b. So the recurrence of the
derivatives by ``X_j`` depends on the equations of the blocks behind j, and is told for
each group of j; single derivatives are written out with numbers, for one depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import sympy

from recform.algebra.expr import L
from recform.analysis.jacobian.closed import (
    MOST,
    STEPS,
    Case,
    Formulas,
    Jacobian,
    Pieces,
    equation,
    numbered,
    ordered,
    recurrence,
)
from recform.blocks.exact import filled
from recform.diagnostics import Diagnostics
from recform.linear.model import Gradient, Linear, Source
from recform.linear.propagate import place
from recform.linear.recurrence import linearise
from recform.linear.words import Polynomial
from recform.recurrence.regimes import Regime, own_blocks, regimes
from recform.series.places import BACK, BLOCK, START, At

#: A block that later ones name by number has a term for each of them, up to this depth.
_NAMED = 64


def pieced(
    linear: Linear, found: Sequence[Jacobian], lengths: Sequence[int]
) -> tuple[Jacobian, ...]:
    """The derivatives with what holds where blocks have equations of their own.

    Args:
        linear: the general laws, and the first blocks written out.
        found: the derivatives by the general equations.
        lengths: the numbers of blocks of the network, or of its stages.
    """
    formula = linear.formula
    if not own_blocks(formula):
        return tuple(found)
    longest = max(lengths)
    longer = Pieced(linear, regimes(formula, longest), longest)
    written = {
        length: Pieced(linear, regimes(formula, length), length).written()
        for length in dict.fromkeys(lengths)
    }
    return tuple(
        replace(
            item,
            own=Pieces(
                longer.cases(item.unknown),
                longer.last if own_blocks(formula)[-1] < longest else None,
                {n: tuple(rows[item.unknown]) for n, rows in written.items()},
            ),
        )
        for item in found
    )


@dataclass(frozen=True)
class _Term:
    """``df/dV_b`` times what ``V_b`` gets from the block that is asked for."""

    unknown: str
    block: int
    factor: Polynomial
    general: bool


class Pieced:
    """The Jacobian of a network of so many blocks.

    Args:
        linear: the general laws, and the first blocks written out.
        found: which equations hold where.
        length: the number of blocks.
    """

    def __init__(self, linear: Linear, found: Sequence[Regime], length: int) -> None:
        self._linear = linear
        self._length = length
        self._laws: dict[int, Mapping[str, Gradient]] = {}
        #: The last block with an equation of its own.
        self.last = 0
        self._window = linear.order
        for regime in found:
            if regime.general:
                continue
            self.last = max(self.last, *regime.blocks)
            if regime.formula is None:
                continue
            law = linearise(
                regime.formula, Diagnostics(), activations=linear.activations, first=0
            )
            self._window = max(self._window, law.order)
            own = {item.unknown: item.gradient for item in law.laws}
            self._laws |= dict.fromkeys(regime.blocks, own)
        self._special = {
            block for regime in found if not regime.general for block in regime.blocks
        }
        self._general = {law.unknown: law.gradient for law in linear.laws}

    # -- the recurrence

    def cases(self, unknown: str) -> tuple[Case, ...]:
        """The recurrences of the derivatives by one unknown, the general one first."""
        general = self._case(unknown, None)
        blocks: dict[Formulas, list[int]] = {general: []} if general else {}
        for block in range(1, min(self.last, self._length - 1) + 1):
            case = self._case(unknown, block)
            if case is not None:
                blocks.setdefault(case, []).append(block)
        # Deeper networks may have special blocks that this one is too short for.
        onwards = own_blocks(self._linear.formula)[-1] < self._length
        if general is not None:
            known = self.last in blocks[general] or not onwards
            # A deeper network has a block behind the last one that is special.
            end = self._length if known else max(self._length, self.last + 2)
            blocks[general] += range(self.last + 1, end)
        return tuple(
            Case(tuple(numbers), onwards and case == general, case)
            for case, numbers in blocks.items()
            if numbers
        )

    def _case(self, unknown: str, block: int | None) -> Formulas | None:
        """For one block; for any behind the last that is special, without a number."""
        terms = list(self._terms(unknown, block))
        named = block is not None and self._named(unknown, block)
        if named and self._length > _NAMED:
            return None
        by_number = block is not None and any(not term.general for term in terms)
        here = At(START, block or 0) if by_number else At(BACK)
        parts = []
        for term in terms:
            there = here.plus(term.block - (block or 0))
            factor = term.factor.moved(there.base, there.number)
            parts.append((Source(term.unknown, there), factor))
        return recurrence(self._linear.formula.output, Source(unknown, here), parts)

    def _terms(self, unknown: str, block: int | None) -> Iterator[_Term]:
        if block is None:
            for name, gradient in self._general.items():
                for source, factor in gradient.items():
                    if source.unknown == unknown and source.at.base == BLOCK:
                        yield _Term(name, -source.at.number, factor, True)
            return
        last = self._length if self._named(unknown, block) else block + self._window
        near = range(block, min(last, self._length) + 1)
        far = self._by_number.get((unknown, block), ())
        for name in self._general:
            for later in sorted({*near, *far}):
                laws, general = self._at(later)
                for source, factor in laws.get(name, {}).items():
                    at = source.at.number
                    here = at == block if source.at.base == START else False
                    if source.at.base == BLOCK:
                        here = later + at == block
                    if source.unknown == unknown and here:
                        relative = general and source.at.base == BLOCK
                        yield _Term(name, later, factor, relative)

    @cached_property
    def _by_number(self) -> dict[tuple[str, int], list[int]]:
        """The special blocks whose laws name a tensor by number."""
        found: dict[tuple[str, int], list[int]] = {}
        for later in sorted(self._special):
            laws, _ = self._at(later)
            for source in chain.from_iterable(laws.values()):
                if source.at.base == START and source.at.number <= later:
                    found.setdefault((source.unknown, source.at.number), []).append(
                        later
                    )
        return found

    def _at(self, block: int) -> tuple[Mapping[str, Gradient], bool]:
        """The laws of a block, and whether they are said in i."""
        if block not in self._special:
            return self._general, True
        if block in self._laws:
            return self._laws[block], True
        return self._linear.starts[block], False

    def _named(self, unknown: str, block: int) -> bool:
        """Whether the general equations name this block."""
        return any(
            Source(unknown, At(START, block)) in gradient
            for gradient in self._general.values()
        )

    # -- written out

    def written(self) -> dict[str, list[Formulas]]:
        """``df/dX_L``, ``df/dX_<L-1>``, ... in numbers, by unknown."""
        found: dict[tuple[str, int], Polynomial] = {}
        names = list(self._general)
        rows: dict[str, list[Formulas]] = {name: [] for name in names}
        output = self._linear.formula.output.xreplace({L: sympy.Integer(self._length)})
        for block in range(self._length, max(self._length - STEPS, 1) - 1, -1):
            # The last one that a block computes first: what reads a tensor is behind it.
            for name in [*self._written_at(block)][::-1]:
                found[name, block] = self._entry(name, block, found)
            if max(len(found[name, block].terms) for name in names) > MOST:
                break
            for name in names:
                by = Source(name, At(START, block))
                rows[name].append(equation(output, by, ordered(found[name, block])))
        return rows

    def _entry(
        self, unknown: str, block: int, found: Mapping[tuple[str, int], Polynomial]
    ) -> Polynomial:
        total, last = Polynomial(), self._length
        for source, polynomial in self._linear.output.items():
            if source.unknown == unknown and place(source.at, last, last) == block:
                total += self._numbers(polynomial, last)
        for later in range(block, last + 1):
            for name, gradient in self._written_at(later).items():
                for source, polynomial in gradient.items():
                    here = place(source.at, later, later) == block
                    if source.unknown == unknown and here:
                        before = found.get((name, later), Polynomial())
                        total += before * self._numbers(polynomial, later)
        return total

    def _written_at(self, block: int) -> Mapping[str, Gradient]:
        """The laws of a block; what vanishes there is gone."""
        return (
            self._linear.starts[block] if block <= self._linear.first else self._general
        )

    def _numbers(self, polynomial: Polynomial, block: int) -> Polynomial:
        """A polynomial with the numbers of the blocks in it."""
        return polynomial.moved(START, block).mapped(
            lambda letter: numbered(letter, self._length),
            lambda value: filled(value, {L: sympy.Integer(self._length)}),
        )
