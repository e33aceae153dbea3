"""Relations whose numbers depend on the block: ``X_i = i*W_i*X_<i-1> + input``.

The numbers of a relation are known at a few blocks in a row. A function of i is looked for
that has these values: a fraction of polynomials of low degree times a power, whose base
the equations suggest. What is found is a candidate only; the induction decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy

from recform.algebra.expr import I, L, Weighted, subtensors, with_learned
from recform.algebra.formula import Formula
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import power_name

#: At so many blocks the numbers are compared.
SAMPLES = 5
#: Degrees above and below the line that are tried, in this order.
_DEGREES = ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2))
#: More bases of powers are not tried.
_MOST_BASES = 6


def varies(formulas: Iterable[Formula]) -> bool:
    """Whether the number of the block stands in a coefficient.

    A learned number is another one in each block, and no function of its number.
    """
    return any(
        with_learned(value, lambda item: sympy.Symbol(item.name)).has(I, L)
        for value in _coefficients(formulas)
    )


def bases(formulas: Iterable[Formula]) -> tuple[Symbolic, ...]:
    """Numbers whose powers may stand in relations, with their inverses; 1 is the first."""
    found: dict[Symbolic, None] = {sympy.S.One: None}
    for value in _coefficients(formulas):
        powers = [p.base for p in value.atoms(sympy.Pow) if p.exp.has(I, L)]
        for base in (*powers, value):
            if base.is_Rational and (abs(base) not in (0, 1) or base in powers):
                found.setdefault(base)
                found.setdefault(1 / base)
    return tuple(found)[:_MOST_BASES]


def _coefficients(formulas: Iterable[Formula]) -> list[Symbolic]:
    return [
        part.coefficient
        for formula in formulas
        for tensor in (*(e.right for e in formula.equations), formula.output)
        for part in subtensors(tensor)
        if isinstance(part, Weighted)
    ]


def through(
    first: int, values: Sequence[Symbolic], powers: Sequence[Symbolic]
) -> Symbolic | None:
    """A function of i with these values at ``first``, ``first + 1``, ...; None without one.

    Args:
        first: a number for i.
        values: rational numbers.
        powers: bases of powers. A power of i is the name of :func:`power_name`.
    """
    if not all(value.is_Rational for value in values):
        return None
    for base in powers:
        plain = [v / base ** (first + n) for n, v in enumerate(values)]
        for above, below in _DEGREES:
            found = _fraction(first, plain, above, below)
            if found is not None:
                return found if base == 1 else found * power_name(base, I)
    return None


def _fraction(
    first: int, values: Sequence[Symbolic], above: int, below: int
) -> Symbolic | None:
    """``P(i)/Q(i)`` with these values, whose denominator is 0 at no later block."""
    if above == below == 0:
        return values[0] if len(set(values)) == 1 else None
    rows = [
        [sympy.Integer(first + n) ** k for k in range(above + 1)]
        + [-value * sympy.Integer(first + n) ** k for k in range(below + 1)]
        for n, value in enumerate(values)
    ]
    kernel = sympy.Matrix(rows).nullspace()
    if len(kernel) != 1:
        return None
    numbers = list(kernel[0])
    top = sum(c * I**k for k, c in enumerate(numbers[: above + 1]))
    bottom = sum(c * I**k for k, c in enumerate(numbers[above + 1 :]))
    if bottom == 0:
        return None
    zeros = sympy.roots(sympy.Poly(bottom, I), filter="Z") if below else {}
    if any(zero >= first for zero in zeros):
        return None
    return sympy.cancel(top / bottom)
