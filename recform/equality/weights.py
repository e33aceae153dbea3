"""The numbers in front of terms in a normal form, and how much work that may be.

A weight is made of numbers, learned scalars and names. What is written out is counted
before it is: a short power may have a million terms, and fractions of many names take
seconds to cancel. So an answer comes in time, and does not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from math import comb, prod
from typing import ParamSpec, TypeVar

import sympy

from recform.blocks.symbolic import Symbolic

#: Most work of a comparison, and of a part of it, in terms of fractions times names and
#: powers in them: three seconds.
_WHOLE, _MOST = 10_000, 8_000

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")
#: What is left to the comparison, and to the part of it that is running.
_whole: ContextVar[list[float] | None] = ContextVar("_whole", default=None)
_left: ContextVar[list[float] | None] = ContextVar("_left", default=None)


class TooLarge(Exception):
    """A value has more terms than is reasonable, or takes too long to bring in order."""


def bounded(
    comparison: Callable[_Given, _Made],
) -> Callable[_Given, _Made]:
    """A comparison, with a limit on the work that its parts are together."""

    @wraps(comparison)
    def run(*args: _Given.args, **options: _Given.kwargs) -> _Made:
        token = _whole.set([_WHOLE])
        try:
            return comparison(*args, **options)
        finally:
            _whole.reset(token)

    return run


def limited(part: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """A part of a comparison, with a limit on its work."""

    @wraps(part)
    def run(*args: _Given.args, **options: _Given.kwargs) -> _Made:
        whole = _whole.get() or [_MOST]
        most = min(whole[0], _MOST)
        left = [most]
        token = _left.set(left)
        try:
            return part(*args, **options)
        finally:
            _left.reset(token)
            whole[0] -= most - left[0]

    return run


def in_order(weight: Symbolic) -> Symbolic:
    """A weight in a form that is 0 if and only if it is zero.

    Raises:
        TooLarge: if that is too much work.
    """
    if weight.is_Number or weight.is_Symbol:
        return weight
    # Fractions need more than polynomials, and are rare. They come as sums of fractions
    # that are in order: multiplied out, each term would have a denominator of its own.
    if any(p.exp.is_negative and p.base.is_Add for p in weight.atoms(sympy.Pow)):
        return cancelled(weight)
    count(_terms(weight)[0])
    return sympy.expand(weight)


def cancelled(weight: Symbolic) -> Symbolic:
    """A weight as one fraction in lowest terms.

    Raises:
        TooLarge: if that is too much work.
    """
    powers = (abs(int(p.exp)) for p in weight.atoms(sympy.Pow) if p.exp.is_Integer)
    count(sum(_terms(weight)) * len(weight.free_symbols) * max(powers, default=1))
    return sympy.cancel(weight)


def count(work: float) -> None:
    """Counts work.

    Raises:
        TooLarge: if it is too much.
    """
    left = _left.get()
    if left is None:
        return
    if work > left[0]:
        raise TooLarge
    left[0] -= work


def _terms(weight: Symbolic) -> tuple[int, int]:
    """At most so many terms a weight has above and below one line, once it is written out."""
    if weight.is_Pow and weight.exp.is_Integer:
        power = abs(int(weight.exp))
        above, below = (comb(n + power - 1, power) for n in _terms(weight.base))
        return (below, above) if weight.exp.is_negative else (above, below)
    if weight.is_Mul:
        pairs = [*map(_terms, weight.args)]
        return prod(above for above, _ in pairs), prod(below for _, below in pairs)
    if weight.is_Add:
        fractions = [sympy.fraction(term) for term in weight.args]
        lines = {below: _terms(below)[0] for _, below in fractions}
        whole = prod(lines.values())
        return sum(_terms(a)[0] * whole // lines[b] for a, b in fractions), whole
    return 1, 1
