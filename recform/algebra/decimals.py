"""Numbers as an author writes them: ``0.5`` where the file has it, and not ``1/2``.

All reckoning is with fractions. What the equations have as decimals is kept beside them,
and whoever shows a coefficient of theirs writes it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import sympy

from recform.blocks.symbolic import Symbolic

#: How numbers are written that are no fractions to their author.
Decimals: TypeAlias = Mapping[Symbolic, str]

_DECIMAL = re.compile(
    r"(?<![\w.])(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?(?!\w)"
)
_FRACTION = re.compile(r"(?<![\w.^])(\d+)\s*/\s*(\d+)(?![\w.])")


def decimals_in(texts: Iterable[str]) -> Decimals:
    """The decimals of equations, by their values.

    Whole numbers stay whole, and what stands there as a fraction, too, stays one.
    """
    found: dict[Symbolic, str] = {}
    fractions = set()
    for text in texts:
        for decimal in _DECIMAL.findall(text):
            found.setdefault(sympy.Rational(decimal), decimal)
        for above, below in _FRACTION.findall(text):
            if int(below):
                fractions.add(sympy.Rational(int(above), int(below)))
    return {
        value: text
        for value, text in found.items()
        if value not in fractions and not value.is_Integer
    }


def in_decimals(value: Symbolic, decimals: Decimals) -> Symbolic:
    """A coefficient whose factors and terms are named as they are written."""
    if value.is_Rational:
        size = abs(value)
        if size not in decimals:
            return value
        named = sympy.Symbol(decimals[size], positive=True)
        return -named if value.is_negative else named
    if decimals and isinstance(value, sympy.Add | sympy.Mul):
        return value.func(*(in_decimals(part, decimals) for part in value.args))
    return value
