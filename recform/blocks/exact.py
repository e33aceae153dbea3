"""Numbers of expressions, worked out to very many digits.

Generated code reckons with floats, of which few digits may be left, or none: the sine of
``math.pi`` is no 0, and its floor may be -1. What a number is, is found out here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sympy
from mpmath.ctx_mp import MPContext

from recform.blocks.symbolic import Symbolic

#: More than any float has before or behind its point: 1 + 1e-323 is not 1.
_DIGITS = 400
_EXACT = MPContext()
_EXACT.dps = _DIGITS
#: What so many digits leave of a sum that is 0, beside its terms.
_NOTHING = _EXACT.mpf(10) ** -350
#: Numbers that are larger, or one over which is, are no floats by far.
_MOST = 10**6

#: A number of very many digits.
Exact = Any


def precise(number: float) -> Symbolic:
    """A float that stands in an expression, of which :func:`as_float` makes a number."""
    return sympy.Float(number, _DIGITS)


def as_float(value: Symbolic, at: Mapping[Symbolic, Any] | None = None) -> float:
    """An expression as a number.

    Args:
        value: the expression.
        at: what its symbols stand for.

    Raises:
        OverflowError: if it is larger than any float.
        TypeError: if it is no real number.
    """
    value = sympy.sympify(value)
    known = () if at is None else tuple((n, type(x), x) for n, x in at.items())
    return _as_float(value, known)


def as_any_float(value: Symbolic, at: Mapping[Symbolic, Any] | None = None) -> float:
    """The same: infinite if it is larger than any float, NaN if it is no real number."""
    try:
        return as_float(value, at)
    except OverflowError:
        return math.inf
    except TypeError:
        return math.nan


def reckoning(value: Symbolic, symbols: Sequence[Symbolic]) -> Callable[..., float]:
    """:func:`as_float` of an expression as a function of whole numbers.

    For very many of them: a fraction of polynomials is reckoned with whole numbers, which
    is exact as well, and far sooner there.
    """

    def any_number(*numbers: int) -> float:
        return as_float(value, dict(zip(symbols, numbers, strict=True)))

    sides = _as_fraction(value, symbols)
    if sides is None:
        return any_number
    made = sympy.lambdify(symbols, sides, modules="math")

    def fraction(*numbers: int) -> float:
        over, under = made(*numbers)
        return over / under if over and under else any_number(*numbers)

    return fraction


def _as_fraction(
    value: Symbolic, symbols: Sequence[Symbolic]
) -> tuple[Symbolic, Symbolic] | None:
    """Two polynomials with whole coefficients; the lower one is 0 where there is no value."""
    if not value.is_rational_function(*symbols):
        return None
    lower = [power.base for power in value.atoms(sympy.Pow) if power.exp.is_negative]
    if not all(base.is_polynomial(*symbols) for base in lower):
        return None
    sides = value.as_numer_denom()
    try:
        over, under = (sympy.Poly(side, *symbols, domain=sympy.ZZ) for side in sides)
    except sympy.CoercionFailed:  # a root, a decimal
        return None
    return over.as_expr(), under.as_expr()


def is_nothing(value: Symbolic) -> bool:
    """Whether a number is 0, and not only very small."""
    return bool(_number(value, {}) == 0)


def filled(value: Symbolic, at: Mapping[Symbolic, Any]) -> Symbolic:
    """An expression with others in the place of symbols.

    SymPy compares no maximum of what is 0 and does not look so, as a sum of logarithms.
    """
    try:
        return value.xreplace(at)
    except ValueError:
        return _filled(value, at)


def _filled(value: Symbolic, at: Mapping[Symbolic, Any]) -> Symbolic:
    if value in at:
        return at[value]
    if value.func.__name__ not in _RULES:
        return value.xreplace(at)
    parts = [_filled(part, at) for part in value.args]
    if any(part.is_number and not part.is_extended_real for part in parts):
        return sympy.nan
    made = value.func(*parts)
    is_sum = made.is_number and not made.is_Rational
    return (
        sympy.S.Zero
        if is_sum and as_any_float(made) == 0 and is_nothing(made)
        else made
    )


def runs_over(value: Symbolic, at: Mapping[Symbolic, Any]) -> bool:
    """Whether a power in an expression is larger than any float.

    Code works it out, even where that makes no difference: ``min(2**2**i, 1)``.
    """
    return any(math.isinf(as_any_float(power, at)) for power in _powers(value))


@lru_cache(maxsize=4096)
def _powers(value: Symbolic) -> tuple[Symbolic, ...]:
    """The powers in an expression that are not the same wherever it is worked out."""
    found = value.atoms(sympy.Pow, sympy.exp)
    return tuple(power for power in found if power.exp.free_symbols)


@lru_cache(maxsize=16384)
def _as_float(value: Symbolic, known: tuple[tuple[Symbolic, type, Any], ...]) -> float:
    # The same numbers are asked for in every block, and those of a block again and again.
    return _rounded(_number(value, {name: number for name, _, number in known}))


def _rounded(number: Exact) -> float:
    made = float(number)
    if not math.isfinite(made):
        raise OverflowError(number)
    return made


def _number(value: Symbolic, at: Mapping[Symbolic, Any]) -> Exact:
    if value in at:
        value = sympy.sympify(at[value])
    if value.is_Rational:
        return _EXACT.mpf(int(value.p)) / int(value.q)
    if value.is_Float:
        return _EXACT.make_mpf(value._mpf_)
    rule = _RULES.get(value.func.__name__)
    if rule is None:
        return _of_sympy(value, at)
    return rule(*(_number(part, at) for part in value.args))


def _of_sympy(value: Symbolic, at: Mapping[Symbolic, Any]) -> Exact:
    """What no rule is here for: what a row has for a block, functions of few operators."""
    here = value.xreplace({name: sympy.sympify(number) for name, number in at.items()})
    if here != value:
        return _number(here, {})
    made = value.evalf(_DIGITS)
    if not made.is_Float and not made.is_Rational:
        raise TypeError(f"{value} is no number")
    return _number(made, {})


def _sum(*terms: Exact) -> Exact:
    total = _EXACT.fsum(terms)
    nothing = _NOTHING * max(map(abs, terms))
    # One that has run over is more than anything, or no number.
    return _EXACT.zero if abs(total) <= nothing < _EXACT.inf else total


def _wave(function: Callable[[Exact], Exact]) -> Callable[[Exact], Exact]:
    """A sine or cosine; of a multiple of pi, many digits leave a little."""

    def made(x: Exact) -> Exact:
        value = function(x)
        return _EXACT.zero if abs(value) <= _NOTHING * max(1, abs(x)) else value

    return made


def _cut(function: Callable[[Exact], Exact]) -> Callable[[Exact], Exact]:
    """A floor or ceiling; what is as near to a whole number as that is one.

    A sum that is 0 has become it before: what is left beside 0 is very small, and no 0.
    """

    def made(x: Exact) -> Exact:
        if not _EXACT.isfinite(x):
            return x
        whole = _EXACT.nint(x)
        return whole if whole != 0 and _is_near(x, whole) else function(x)

    return made


def _is_near(x: Exact, whole: Exact) -> bool:
    return bool(abs(x - whole) <= _NOTHING * max(1, abs(x)))


def _exp(x: Exact) -> Exact:
    if abs(x) > _MOST:
        return _EXACT.inf if x > 0 else _EXACT.exp(-_MOST)
    return _EXACT.exp(x)


def _log(x: Exact) -> Exact:
    if x <= 0:
        raise TypeError("a logarithm of no number above 0")
    return _EXACT.zero if _is_near(x, _EXACT.one) else _EXACT.log(x)


def _power(base: Exact, exponent: Exact) -> Exact:
    whole = _EXACT.nint(exponent)
    is_whole = _is_near(exponent, whole)
    if base == 0 and exponent < 0:
        raise TypeError("one over 0")
    if base < 0 and not is_whole:
        raise TypeError("a root of a number below 0")
    if base in (0, 1) or not _EXACT.isfinite(base):
        return base**exponent
    if abs(exponent) * abs(_EXACT.log(abs(base))) > _MOST:
        sign = -1 if base < 0 and int(whole) % 2 else 1
        return sign * _exp(exponent * _EXACT.log(abs(base)))
    return base ** int(whole) if is_whole else base**exponent


def _softplus(x: Exact) -> Exact:
    return max(x, 0) + _EXACT.log1p(_exp(-abs(x)))


_RULES: Mapping[str, Callable[..., Exact]] = {
    "Pi": lambda: _EXACT.pi,
    "Exp1": lambda: _EXACT.e,
    "Add": _sum,
    "Mul": lambda *factors: _EXACT.fprod(factors),
    "Pow": _power,
    "exp": _exp,
    "log": _log,
    "log1p": lambda x: _log(1 + x),
    "sin": _wave(_EXACT.sin),
    "cos": _wave(_EXACT.cos),
    "tanh": _EXACT.tanh,
    "Abs": abs,
    "Max": max,
    "Min": min,
    "floor": _cut(_EXACT.floor),
    "ceiling": _cut(_EXACT.ceil),
    "Sigmoid": lambda x: 1 / (1 + _exp(-x)),
    "Softplus": _softplus,
}
