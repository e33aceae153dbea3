"""Bounds such as ``floor(i/2)`` for variables that are counted in steps of two blocks.

A variable k whose blocks are ``L - 2*k`` is replaced by ``2*k``, a multiple of 2:
``k <= floor(i/2)`` is ``2*k <= i`` then, and all bounds are differences again.
"""

from __future__ import annotations

import sympy

from recform.algebra.expr import I
from recform.blocks.symbolic import Symbolic
from recform.derivation.general.model import Bound, Term
from recform.reading.sorts import MAX_TERMS

#: Most blocks that a variable goes back in one step.
MAX_STEP = 6


def as_bound(value: Symbolic) -> Bound | None:
    """One variable and a whole number; None for anything else."""
    value = sympy.expand(value)
    symbols = sorted(value.free_symbols, key=str)
    base = symbols[0] if symbols else None
    number = value - base if base is not None else value
    if len(symbols) > 1 or not number.is_Integer or abs(number) > MAX_TERMS:
        return None
    name = "" if base is None else "i" if base == I else str(base)
    return Bound(name, int(number))


def end(value: Symbolic, step: int, *, last: bool) -> Bound | None:
    """The bound on ``step*k`` that says ``k <= value`` (or ``k >= value``).

    None if it is not a difference of two variables.
    """
    exact = straight(value, last=last)
    if exact is None:
        return None
    scaled = sympy.expand(step * exact)
    numbers = scaled.as_coefficients_dict()
    whole = sympy.floor(numbers[1]) if last else sympy.ceiling(numbers[1])
    return as_bound(scaled - numbers[1] + whole)


def straight(value: Symbolic, *, last: bool) -> Symbolic:
    """A linear value that is passed at the same whole number as one that is rounded."""
    value = sympy.expand(value)
    parts = value.atoms(sympy.floor, sympy.ceiling)
    if not parts:
        return value if _is_linear(value) else None
    (part, *others) = parts
    (inside,) = part.args
    if others or value.coeff(part) != 1 or not _is_linear(inside):
        return None
    rest = sympy.expand(value - part)
    whole = all(c.is_Integer for c in rest.as_coefficients_dict().values())
    if not _is_linear(rest) or not whole:
        return None
    down = isinstance(part, sympy.floor)
    if down == last:
        return sympy.expand(inside + rest)
    # k <= ceil(y) is k < y + 1, and k >= floor(y) is k > y - 1, for whole k.
    by = sympy.ilcm(1, *(c.q for c in inside.as_coefficients_dict().values()))
    shift = sympy.Integer(1) - sympy.Rational(1, by)
    return sympy.expand(inside + rest + (shift if last else -shift))


def _is_linear(value: Symbolic) -> bool:
    numbers = value.as_coefficients_dict()
    return all(x == 1 or x.is_Symbol for x in numbers) and all(
        c.is_Rational for c in numbers.values()
    )


def is_slanted(value: Symbolic) -> bool:
    """Whether the last value of a variable is a part of i, such as ``floor(i/2)``."""
    exact = straight(value, last=True)
    if exact is None or exact.free_symbols != {I}:
        return False
    return bool(0 < exact.coeff(I) < 1)


def covers(value: Symbolic, step: int) -> bool:
    """Whether the multiples of the step up to ``step*value`` are all those up to i."""
    exact = straight(value, last=True)
    if exact is None or exact.free_symbols != {I}:
        return False
    slope = exact.coeff(I) * step
    # step*value + step > i, for all i from 1 on.
    return bool(slope >= 1 and step * exact.subs(I, 1) + step > 1)


def vanishes_behind(term: Term, name: str) -> bool:
    """Whether a term with ``name > i`` has an operator behind the first block of a path.

    Such an operator vanishes, and so does the term.
    """
    for factor in term.factors:
        low, high = factor.low, factor.high
        if any(move.is_skip for move, _ in factor.choices) or factor.step > 1:
            continue
        if low.base == high.base == name and -1 <= low.number < high.number:
            return True
        if high.base == name and high.number >= 0 and not low.base and low.number <= 0:
            return True
    return False
