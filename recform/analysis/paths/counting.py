"""How many paths pass through how many blocks: exact, at any depth.

A path is a term of the Jacobian with all products multiplied out. Nothing is ever
multiplied out: the number of paths of each length is a polynomial in one variable, which
obeys the recurrence of the blocks. A polynomial is packed into one integer (its value
at a power of two), so that a step is a few shifts and additions of integers; over many
equal blocks the recurrence is not stepped through but raised to a power.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import sympy
from sympy.external.gmpy import MPZ

from recform.algebra.expr import I, L, Learned
from recform.algebra.formula import Formula
from recform.algebra.totals import totals
from recform.analysis.paths.packed import (
    Jump,
    Packed,
    Small,
    size_of,
    unpacked,
    weights,
)
from recform.blocks.exact import filled, runs_over
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import NoNumber, numeric
from recform.linear.model import STEM, Gradient, Linear, Source
from recform.linear.propagate import owner, propagate
from recform.linear.words import Polynomial

#: From so many blocks on the recurrence is raised to a power.
_FAR = 96
#: The matrix of a recurrence that is raised to a power has at most so many rows.
_LARGE = 8
#: Numbers modulo which a result is tried that has been packed tighter than is proved.
_PRIMES = (2**61 - 1, 2**89 - 1, 2**107 - 1)


def multiplicity(
    formula: Formula, coefficient: Symbolic, block: int, length: int
) -> int:
    """How many paths a coefficient stands for: 2 is two parallel ones, -1 takes one away.

    A number that depends on the block is what it is there. One that is not whole, or is
    learned, is a weight on one path; its sign counts (at the scalars' starts). What is
    learned and starts at zero is a path, too: training opens it.

    Args:
        formula: has the scalars' starts.
        coefficient: of a term.
        block: in which the term stands.
        length: the number of blocks.
    """
    exact = coefficient
    at = {I: sympy.Integer(block), L: sympy.Integer(length)}
    if not (exact.is_Number or exact.has(Learned) or runs_over(exact, at)):
        exact = filled(exact, at)
    if exact.is_Integer:
        return int(exact)
    try:
        value = numeric(formula, coefficient, block, length)
    except NoNumber:
        return 1
    return -1 if value < 0 else int(value > 0 or exact.has(Learned))


@dataclass(frozen=True)
class Counter:
    """Counts paths through one flow of blocks.

    Attributes:
        linear: the laws.
        length: the number of blocks.
        signed: whether terms with a minus sign cancel others; otherwise all are added.
        without: blocks whose operators are taken out.
    """

    linear: Linear
    length: int
    signed: bool = True
    without: Collection[int] = ()

    def lengths(self, polynomial: Polynomial, block: int) -> Small:
        """The words of a polynomial in a block, by length."""
        known = self.linear.lengths
        key = id(polynomial), block, self.length, self.signed
        if self.without or key not in known:
            found = self._lengths(polynomial, block)
            if self.without:
                return found
            # With the polynomial, so that no other one gets its id.
            known[key] = polynomial, found
        return known[key][1]

    def _lengths(self, polynomial: Polynomial, block: int) -> Small:
        found = []
        for word, coefficient in polynomial.terms.items():
            operators = [letter for letter in word if letter.counts]
            if self.without and any(
                owner(letter, block, self.length) in self.without
                for letter in operators
            ):
                continue
            count = self._multiplicity(coefficient, block)
            found.append((len(operators), count if self.signed else abs(count)))
        return {length: count for length, count in totals(found).items() if count}

    @cached_property
    def subtracts(self) -> bool:
        """Whether any term has a minus sign."""
        linear, regular = self.linear, range(self.linear.first + 1, self.length + 1)
        return any(
            self._multiplicity(coefficient, block) < 0
            for gradients, blocks in (
                ([law.gradient for law in linear.laws], regular),
                ([linear.output], range(self.length, self.length + 1)),
                *((g.values(), range(n, n + 1)) for n, g in enumerate(linear.starts)),
            )
            for coefficient in _coefficients(gradients)
            for block in (blocks if coefficient.has(I) else blocks[:1])
        )

    @cached_property
    def _regular(self) -> bool:
        """Whether a coefficient stands for as many paths in every block."""
        blocks = range(self.linear.first + 1, self.length + 1)
        return all(
            len({self._multiplicity(coefficient, block) for block in blocks}) <= 1
            for coefficient in _coefficients(law.gradient for law in self.linear.laws)
            if coefficient.has(I)
        )

    def _multiplicity(self, coefficient: Symbolic, block: int) -> int:
        known, key = self.linear.counts, (coefficient, block, self.length)
        if key not in known:
            known[key] = multiplicity(
                self.linear.formula, coefficient, block, self.length
            )
        return known[key]

    def total(self, origin: Source = STEM) -> int:
        """The number of all paths."""
        return int(self._evaluated(origin, 0))

    def bits(self, origin: Source = STEM) -> int:
        """Binary places enough for each number of paths with its sign."""
        return _enough(replace(self, signed=False).total(origin))

    def by_length(self, origin: Source = STEM) -> tuple[int, ...]:
        """The number of paths that pass through 0, 1, 2, ... blocks."""
        unsigned = replace(self, signed=False).total(origin)
        bits = _enough(unsigned)
        start = origin.at.number if origin != STEM else 0
        near = self.length - max(start, self.linear.first) <= _FAR
        far = not near and not self.without and size_of(self.linear) <= _LARGE
        if not (far and self._regular):
            return unpacked(self._evaluated(origin, bits), bits)
        jump = Jump(self.linear, self.length, self.lengths, origin)
        if self.signed and self.total(origin) != unsigned:
            # Where terms cancel, numbers are far smaller than what can be proved of
            # them: pack tightly, and compare the result with the recurrence itself.
            result = jump.coefficients(64 + 2 * self.length.bit_length())
            if all(self._agrees(result, origin, prime) for prime in _PRIMES):
                return result
        # However large the powers are, integers are exact: only what is unpacked in the
        # end must fit.
        return jump.coefficients(bits)

    def _evaluated(self, origin: Source, bits: int) -> Packed:
        """The polynomial's value at 2 to the power of ``bits``."""
        weigh = weights(self.lengths, bits)
        return propagate(self.linear, self.length, weigh, MPZ(1), origin) or MPZ(0)

    def _agrees(self, result: Sequence[int], origin: Source, prime: int) -> bool:
        """Whether a polynomial has the right value at a point, modulo a prime."""
        field, point = sympy.GF(prime), prime // 3

        def weigh(polynomial: Polynomial, block: int) -> Symbolic:
            small = self.lengths(polynomial, block)
            return field(sum(n * pow(point, k, prime) for k, n in small.items()))

        found = propagate(self.linear, self.length, weigh, field(1), origin)
        expected = 0
        for coefficient in reversed(result):
            expected = (expected * point + coefficient) % prime
        return bool(field(expected) == (found or field(0)))


def _enough(paths: int) -> int:
    return paths.bit_length() + 2


def _coefficients(gradients: Iterable[Gradient]) -> Iterator[Symbolic]:
    for gradient in gradients:
        for polynomial in gradient.values():
            yield from polynomial.terms.values()
