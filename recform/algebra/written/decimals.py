"""Numbers as an author writes them: ``0.5`` where the file has it, and not ``1/2``.

All reckoning is with fractions. What the equations have as decimals is kept beside them,
and whoever shows a coefficient of theirs writes it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sympy

from recform.blocks.symbolic import Symbolic


@dataclass(frozen=True)
class Decimals:
    """How numbers are written that are no fractions to their author.

    Attributes:
        written: those of the file, as it has them.
        only: whether it has no fractions, so that what is reckoned is no fraction either
            if a few digits say it.
    """

    written: Mapping[Symbolic, str] = field(default_factory=dict)
    only: bool = False

    def of(self, value: Symbolic) -> str | None:
        """A positive number as a decimal; None where it is a fraction or whole."""
        is_short = self.only and not value.is_Integer and (value * _MOST).is_Integer
        reckoned = f"{float(value):f}".rstrip("0") if is_short else None
        return self.written.get(value, reckoned)


#: What is reckoned has six digits behind the point at most.
_MOST = 10**6

_DECIMAL = re.compile(
    r"(?<![\w.])(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?(?!\w)"
)
_FRACTION = re.compile(r"(?<![\w.^])(\d+)\s*/\s*(\d+)(?![\w.])")
#: What a fraction is written with, be it in front of a tensor or behind one.
_DIVIDED = re.compile(r"/\s*\d|frac")


def decimals_in(texts: Iterable[str]) -> Decimals:
    """The decimals of equations, by their values.

    Whole numbers stay whole, and what stands there as a fraction, too, stays one.
    """
    found: dict[Symbolic, str] = {}
    fractions = set()
    texts = list(texts)
    for text in texts:
        for decimal in _DECIMAL.findall(text):
            found.setdefault(sympy.Rational(decimal), decimal)
        for above, below in _FRACTION.findall(text):
            if int(below):
                fractions.add(sympy.Rational(int(above), int(below)))
    written = {
        value: text
        for value, text in found.items()
        if value not in fractions and not value.is_Integer
    }
    return Decimals(written, bool(written) and not any(map(_DIVIDED.search, texts)))


def in_decimals(value: Symbolic, decimals: Decimals) -> Symbolic:
    """A coefficient whose factors and terms are named as they are written."""
    if value.is_Rational:
        shown = decimals.of(abs(value))
        if shown is None:
            return value
        named = sympy.Symbol(shown, positive=True)
        return -named if value.is_negative else named
    if not decimals.written:
        return value
    if isinstance(value, sympy.Add | sympy.Mul | sympy.Function):
        return value.func(*(in_decimals(part, decimals) for part in value.args))
    if isinstance(value, sympy.Pow):
        return value.func(in_decimals(value.base, decimals), value.exp)
    return value
