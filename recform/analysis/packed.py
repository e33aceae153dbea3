"""Polynomials of counts, packed into one integer each: their values at a power of two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy
from sympy.external.gmpy import MPZ
from sympy.polys.matrices import DomainMatrix

from recform.analysis.laws import STEM, Linear, Source
from recform.analysis.propagate import Walk, Weigh
from recform.analysis.words import BLOCK, Polynomial

#: A small polynomial: the number of words by their length.
Small = dict[int, int]
#: How many words of each length a polynomial of a law has, in a block.
Lengths = Callable[[Polynomial, int], Small]


@dataclass(frozen=True)
class Weight:
    """A small polynomial, to be multiplied with a packed one (``bits`` 0: its sum)."""

    small: Small
    bits: int

    def __mul__(self, value: Any) -> Any:
        return times(self.small, value, self.bits)


def weights(lengths: Lengths, bits: int) -> Weigh:
    """Weights for a walk with packed polynomials."""
    return lambda polynomial, block: Weight(lengths(polynomial, block), bits)


def times(small: Small, value: Any, bits: int) -> Any:
    """A packed polynomial times a small one."""
    total = MPZ(0)
    for length, count in small.items():
        shifted = value << (bits * length)
        total += shifted if count == 1 else count * shifted
    return total


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
        self._feedback = _feedback(linear, lengths)
        self._size = len(self._feedback)
        start = origin.at.number if origin != STEM else 0
        # Everything that the output and the laws reach back to is regular from here on.
        self._first = max(linear.first, start) + self._walk(0).window + 1
        self._steps = length - self._first

    def value(self, bits: int) -> Any:
        """The packed polynomial at the output."""
        powers = self._power(bits)
        window = self._window(bits)
        total = MPZ(0)
        for power, value in zip(powers, window, strict=True):
            if power and value:
                total += power * value
        return total

    def _walk(self, bits: int) -> Walk:
        weigh = weights(self._lengths, bits)
        return Walk(self._linear, weigh, MPZ(1), self._origin)

    def _window(self, bits: int) -> list[Any]:
        """What the output is for the first few lengths."""
        walk = self._walk(bits)
        values: list[Any] = []
        while len(values) < self._size:
            if walk.block >= self._first:
                values.append(walk.output() or MPZ(0))
            walk.step()
        return values

    def _power(self, bits: int) -> list[Any]:
        """The power z**steps modulo the characteristic polynomial, lowest first."""
        size, feedback = self._size, self._feedback
        if size == 1:
            # z = a: a power of one small polynomial.
            base = times(feedback[0], MPZ(1), bits)
            return [base**self._steps]
        result = [MPZ(1), *[MPZ(0)] * (size - 1)]
        for bit in bin(self._steps)[2:]:
            result = _reduce(_square(result), feedback, bits)
            if bit == "1":
                result = _reduce([MPZ(0), *result], feedback, bits)
        return result


def _square(a: list[Any]) -> list[Any]:
    product = [MPZ(0)] * (2 * len(a) - 1)
    for n, x in enumerate(a):
        if not x:
            continue
        product[2 * n] += x * x
        for m in range(n + 1, len(a)):
            if a[m]:
                product[n + m] += (x * a[m]) << 1
    return product


def _reduce(a: list[Any], feedback: list[Small], bits: int) -> list[Any]:
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


def unpacked(value: Any, bits: int) -> tuple[int, ...]:
    """The coefficients of a packed polynomial, each between -2^(bits-1) and 2^(bits-1)."""
    value = MPZ(value)
    negative = value < 0
    data = _digits(abs(value), bits)
    result = []
    carry = 0
    half, whole = 1 << (bits - 1), 1 << bits
    for digit in data:
        digit += carry
        carry = int(digit >= half)
        result.append(digit - whole if carry else digit)
    if carry:
        result.append(1)
    while result and not result[-1]:
        result.pop()
    return tuple(-number for number in result) if negative else tuple(result)


def _digits(value: Any, bits: int) -> list[int]:
    """Digits to the base 2^bits, lowest first; halving, so that no digit costs a pass."""
    count = -(-int(value).bit_length() // bits) if value else 0
    if count <= 1:
        return [int(value)]
    half = count // 2
    low = value & ((MPZ(1) << (half * bits)) - 1)
    lower = _digits(low, bits)
    lower += [0] * (half - len(lower))
    return lower + _digits(value >> (half * bits), bits)
