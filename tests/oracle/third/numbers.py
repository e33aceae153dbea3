"""Numbers of formulas: fractions as long as they last, then 50 digits of mpmath."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isqrt
from typing import Any, TypeAlias

import mpmath

from tests.oracle.third.grammar import Unread

mpmath.mp.dps = 50

Number: TypeAlias = Any  # Fraction or mpmath.mpf

#: Closer than this a number that is not known exactly may be whole or not.
CLOSE = mpmath.mpf(10) ** -40
#: Smaller is what is left of 0 where a number is not known exactly, as of sin(pi).
ZERO = mpmath.mpf(10) ** -45
#: Larger exponents of fractions are worked out with 50 digits.
LARGEST = 4096


class NoNumber(Exception):
    """An expression has no value: a root of -1, say, or 1/0."""


def read(text: str) -> Fraction:
    """A literal."""
    return Fraction(text)


def _exact(a: Number, b: Number) -> bool:
    return isinstance(a, Fraction) and isinstance(b, Fraction)


def precise(a: Number) -> Any:
    """A number with 50 digits."""
    if isinstance(a, Fraction):
        return mpmath.mpf(a.numerator) / a.denominator
    return a


def binary(sign: str, a: Number, b: Number) -> Number:
    """``a + b``, ``a - b``, ``a * b``, ``a / b``, ``a ^ b``."""
    if sign == "^":
        return power(a, b)
    if sign == "*" and 0 in (a, b):
        return Fraction(0)
    if not _exact(a, b):
        a, b = precise(a), precise(b)
    match sign:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            if b == 0:
                raise NoNumber("/ 0")
            return a / b
    raise Unread(sign)


def power(a: Number, b: Number) -> Number:
    if a == 0 and b < 0:
        raise NoNumber("0^-1")
    if isinstance(b, Fraction) and b.denominator == 1:
        if isinstance(a, Fraction) and abs(b) <= LARGEST:
            return a ** int(b)
        return precise(a) ** int(b)
    if a < 0:
        raise NoNumber("root of a negative number")
    if b == Fraction(1, 2):
        return _sqrt(a)
    return precise(a) ** precise(b)


def _sqrt(a: Number) -> Number:
    if a < 0:
        raise NoNumber("root of a negative number")
    if isinstance(a, Fraction):
        above, below = isqrt(a.numerator), isqrt(a.denominator)
        if above**2 == a.numerator and below**2 == a.denominator:
            return Fraction(above, below)
    return mpmath.sqrt(precise(a))


def _floor(a: Number) -> Number:
    if isinstance(a, Fraction):
        return Fraction(a.numerator // a.denominator)
    if abs(a - mpmath.nint(a)) < CLOSE:
        return Fraction(int(mpmath.nint(a)))
    return Fraction(int(mpmath.floor(a)))


def _log(a: Number) -> Number:
    if a <= 0:
        raise NoNumber("log of 0")
    return Fraction(0) if a == 1 else mpmath.log(precise(a))


def _of(function: Callable[[Any], Any]) -> Callable[[Number], Number]:
    return lambda a: function(precise(a))


def _wave(function: Callable[[Any], Any]) -> Callable[[Number], Number]:
    """Of an angle of which the digits behind the point have to be known."""

    def of(a: Number) -> Number:
        digits = len(str(int(abs(a))))
        if not isinstance(a, Fraction) and digits > 20:
            raise Unread("an angle of many digits")
        with mpmath.workdps(mpmath.mp.dps + digits):
            return function(precise(a))

    return of


def _exp(a: Number) -> Number:
    return Fraction(1) if a == 0 else mpmath.exp(precise(a))


def _sigmoid(a: Any) -> Any:
    return 1 / (1 + mpmath.exp(-a))


FUNCTIONS: dict[str, Callable[..., Number]] = {
    "sqrt": _sqrt,
    "exp": _exp,
    "log": _log,
    "abs": abs,
    "sin": _wave(mpmath.sin),
    "cos": _wave(mpmath.cos),
    "tanh": _of(mpmath.tanh),
    "sigmoid": _of(_sigmoid),
    "softplus": _of(lambda a: mpmath.log(1 + mpmath.exp(a))),
    "relu": lambda a: a if a > 0 else Fraction(0),
    "floor": _floor,
    "ceil": lambda a: -_floor(-a),
    "min": lambda *given: min(given, key=precise),
    "max": lambda *given: max(given, key=precise),
}
CONSTANTS = {"pi": lambda: +mpmath.pi, "e": lambda: +mpmath.e}


def whole(a: Number) -> int:
    """A number that has to be whole."""
    if not isinstance(a, Fraction) or a.denominator != 1:
        raise Unread(f"{a} is not whole")
    return int(a)
