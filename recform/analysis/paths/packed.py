"""Polynomials of counts, packed into one integer each: their values at a power of two.

Without gmpy2, integers of millions of bits are multiplied slowly; Python's decimal numbers
are not (libmpdec multiplies by number-theoretic transforms), so there large ones are packed
at a power of ten. All operations on them are exact, and anything else would raise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import (
    MAX_EMAX,
    MAX_PREC,
    MIN_EMIN,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import Any, TypeAlias

import sympy
from sympy.external.gmpy import GROUND_TYPES, MPZ
from sympy.polys.matrices import DomainMatrix

from recform.linear.model import STEM, Linear, Source
from recform.linear.propagate import Walk, Weigh
from recform.linear.words import Polynomial
from recform.series.places import BLOCK

#: Decimal integers of any length; what is not exact raises.
_EXACT = Context(
    prec=MAX_PREC,
    Emax=MAX_EMAX,
    Emin=MIN_EMIN,
    traps=[Inexact, InvalidOperation, Overflow],
)
#: From so many bits on, decimals are faster than Python's own integers.
_LARGE_BITS = 1_000_000

#: A packed polynomial: a whole number of GMP's, or a Decimal.
Packed: TypeAlias = Any
#: A small polynomial: the number of words by their length.
Small = dict[int, int]
#: How many words of each length a polynomial of a law has, in a block.
Lengths = Callable[[Polynomial, int], Small]


@dataclass(frozen=True)
class Weight:
    """A small polynomial, to be multiplied with a packed one (``bits`` 0: its sum)."""

    small: Small
    bits: int

    def __mul__(self, value: Packed) -> Packed:
        return times(self.small, value, self.bits)


def weights(lengths: Lengths, bits: int) -> Weigh[Packed]:
    """Weights for a walk with packed polynomials."""
    return lambda polynomial, block: Weight(lengths(polynomial, block), bits)


def times(small: Small, value: Packed, bits: int) -> Packed:
    """A packed polynomial times a small one."""
    total = value * 0
    for length, count in small.items():
        moved = _shifted(value, bits * length)
        total += moved if count == 1 else count * moved
    return total


def _shifted(value: Packed, places: int) -> Packed:
    """A packed polynomial with binary places more, or decimal ones."""
    return value.scaleb(places) if isinstance(value, Decimal) else value << places


def product(polynomials: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Polynomials multiplied, each by its coefficients, the lowest first."""
    most = math.prod(sum(map(abs, numbers)) for numbers in polynomials)
    bits = most.bit_length() + 2
    if not _are_large(bits * sum(map(len, polynomials))):
        return unpacked(math.prod(_packed(p, bits, MPZ) for p in polynomials), bits)
    digits = _digits_for(bits)
    with localcontext(_EXACT):
        factors = (_packed(p, digits, Decimal) for p in polynomials)
        return _from_decimal(math.prod(factors, start=Decimal(1)), digits)


def _packed(
    numbers: Sequence[int], bits: int, whole: Callable[[int], Packed]
) -> Packed:
    """A polynomial, packed; by halves, so that no coefficient costs a pass."""
    if len(numbers) < 2:
        return whole(sum(numbers))
    half = len(numbers) // 2
    upper = _packed(numbers[half:], bits, whole)
    return _packed(numbers[:half], bits, whole) + _shifted(upper, bits * half)


def _are_large(bits: int) -> bool:
    """Whether integers of so many bits are multiplied faster as decimals."""
    return GROUND_TYPES == "python" and bits >= _LARGE_BITS


def _digits_for(bits: int) -> int:
    """As many decimal places as so many binary ones."""
    return bits * 30103 // 100_000 + 1  # log 2 to the base 10


class Jump:
    """The recurrence over many equal blocks at once.

    The unknowns of a few blocks are a vector that each block multiplies with the same
    matrix M; by Cayley and Hamilton, M to the power e is a combination of its first
    powers, found by squaring modulo the characteristic polynomial (Fiduccia 1985).
    """

    def __init__(
        self, linear: Linear, length: int, lengths: Lengths, origin: Source
    ) -> None:
        self._linear, self._lengths, self._origin = linear, lengths, origin
        self._one: Packed = MPZ(1)
        self._feedback = _feedback(linear, lengths)
        self._size = len(self._feedback)
        start = origin.at.number if origin != STEM else 0
        # Everything that the output and the laws reach back to is regular from here on.
        self._first = max(linear.first, start) + self._walk(0).window + 1
        self._steps = length - self._first

    def coefficients(self, bits: int) -> tuple[int, ...]:
        """The polynomial at the output.

        Args:
            bits: enough for each coefficient with its sign.
        """
        if not _are_large(bits * self._steps):
            return unpacked(self._value(bits), bits)
        digits = _digits_for(bits)
        self._one = Decimal(1)
        with localcontext(_EXACT):
            return _from_decimal(self._value(digits), digits)

    def _value(self, bits: int) -> Packed:
        powers = self._power(bits)
        window = self._window(bits)
        total = self._one * 0
        for power, value in zip(powers, window, strict=True):
            if power and value:
                total += power * value
        return total

    def _walk(self, bits: int) -> Walk[Packed]:
        weigh = weights(self._lengths, bits)
        return Walk(self._linear, weigh, self._one, self._origin)

    def _window(self, bits: int) -> list[Packed]:
        """What the output is for the first few lengths."""
        walk = self._walk(bits)
        values: list[Packed] = []
        while len(values) < self._size:
            if walk.block >= self._first:
                values.append(walk.output() or self._one * 0)
            walk.step()
        return values

    def _power(self, bits: int) -> list[Packed]:
        """The power z**steps modulo the characteristic polynomial, lowest first."""
        size, feedback = self._size, self._feedback
        if size == 1:
            # z = a: a power of one small polynomial.
            base, power = times(feedback[0], self._one, bits), self._one
            for bit in bin(self._steps)[2:]:
                power = power * power * base if bit == "1" else power * power
            return [power]
        zero = self._one * 0
        result = [self._one, *[zero] * (size - 1)]
        for bit in bin(self._steps)[2:]:
            result = _reduce(_square(result), feedback, bits)
            if bit == "1":
                result = _reduce([zero, *result], feedback, bits)
        return result


def _square(a: list[Packed]) -> list[Packed]:
    product = [a[0] * 0] * (2 * len(a) - 1)
    for n, x in enumerate(a):
        if not x:
            continue
        product[2 * n] += x * x
        for m in range(n + 1, len(a)):
            if a[m]:
                product[n + m] += 2 * (x * a[m])
    return product


def _reduce(a: list[Packed], feedback: list[Small], bits: int) -> list[Packed]:
    """Modulo z^n - feedback[n-1]*z^(n-1) - ... - feedback[0]."""
    size = len(feedback)
    a = list(a)
    while len(a) > size:
        top = a.pop()
        if not top:
            continue
        shift = len(a) - size
        for n, small in enumerate(feedback):
            if small:
                a[shift + n] += times(small, top, bits)
    return a


def _feedback(linear: Linear, lengths: Lengths) -> list[Small]:
    """z^n as a combination of lower powers, lowest first: the characteristic polynomial."""
    x = sympy.Symbol("x")
    size = len(linear.solved) * linear.order
    fixed = _fixed(linear)
    matrix = sympy.zeros(size + len(fixed), size + len(fixed))
    rank = {law.unknown: n for n, law in enumerate(linear.solved)}
    for row, law in enumerate(linear.solved):
        for source, polynomial in law.gradient.items():
            small = lengths(polynomial, linear.first + linear.order)
            weight = sum(count * x**length for length, count in small.items())
            if source.at.base == BLOCK:
                column = (-source.at.number - 1) * len(rank) + rank[source.unknown]
            else:
                column = size + fixed.index(source.text())
            matrix[row, column] += weight
    for row in range(len(rank), size):
        matrix[row, row - len(rank)] = 1
    for row in range(size, size + len(fixed)):
        matrix[row, row] = 1
    ring = sympy.ZZ[x]
    found = DomainMatrix.from_Matrix(matrix).convert_to(ring).charpoly()
    lower = [sympy.Poly(-ring.to_sympy(c), x) for c in reversed(found[1:])]
    return [
        {int(power): int(count) for (power,), count in poly.terms() if count}
        for poly in lower
    ]


def _fixed(linear: Linear) -> list[str]:
    """Single blocks that laws name by number."""
    return sorted(
        {
            source.text()
            for law in linear.solved
            for source in law.gradient
            if source.at.base != BLOCK
        }
    )


def size_of(linear: Linear) -> int:
    """The number of rows of the matrix of a recurrence."""
    return len(linear.solved) * linear.order + len(_fixed(linear))


def _from_decimal(value: Decimal, digits: int) -> tuple[int, ...]:
    """The coefficients of a polynomial that is packed at ``10**digits``."""
    text = format(abs(value), "f")
    ends = range(len(text), 0, -digits)
    # Through decimals, since Python limits how long a text may be for an integer.
    data = [int(Decimal(text[max(end - digits, 0) : end])) for end in ends]
    return _balanced(data, 10**digits, negative=value < 0)


def unpacked(value: Packed, bits: int) -> tuple[int, ...]:
    """The coefficients of a packed polynomial, each between -2^(bits-1) and 2^(bits-1)."""
    value = MPZ(value)
    data = _digits(abs(value), bits)
    return _balanced(data, 1 << bits, negative=bool(value < 0))


def _balanced(data: list[int], whole: int, *, negative: bool) -> tuple[int, ...]:
    """Digits, lowest first, as numbers that may be negative."""
    result = []
    carry = 0
    half = whole >> 1
    for digit in data:
        digit += carry
        carry = int(digit >= half)
        result.append(digit - whole if carry else digit)
    if carry:
        result.append(1)
    while result and not result[-1]:
        result.pop()
    return tuple(-number for number in result) if negative else tuple(result)


def _digits(value: Packed, bits: int) -> list[int]:
    """Digits to the base 2^bits, lowest first; halving, so that no digit costs a pass."""
    count = -(-int(value).bit_length() // bits) if value else 0
    if count <= 1:
        return [int(value)]
    half = count // 2
    low = value & ((MPZ(1) << (half * bits)) - 1)
    lower = _digits(low, bits)
    lower += [0] * (half - len(lower))
    return lower + _digits(value >> (half * bits), bits)
