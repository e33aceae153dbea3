"""Weights of general formulas: sums of products of powers and polynomials of variables.

Other weights, such as ``1/k``, ``sqrt(k)`` and ``k^k``, belong to no recurrence: along
``u v^k w`` the weights of a rational series obey a linear recurrence with constant
coefficients, which these sequences do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum

import sympy

from recform.algebra.expr import L
from recform.algebra.typeset import plain_scalar
from recform.blocks.symbolic import Symbolic
from recform.derivation.general.model import symbol
from recform.source import Span

#: Highest power of a variable in a weight.
MAX_DEGREE = 16


class Why(Enum):
    """Why a formula is refused: the code, what is said of a part of it, and a hint."""

    WEIGHT = (
        "RF636",
        "no finite recurrence has these paths: the weight {what} "
        "is no sum of products of powers and polynomials",
        "in a recurrence the weights of paths u v v ... v w obey a linear "
        "recurrence themselves, as a^k and k^2 do",
    )
    #: A weight that is not read.
    ODD = (
        "RF632",
        "the weight {what} is not read in a general formula",
        "weights are sums of products of powers (a^k) and polynomials (k^2), "
        "rounded (floor(k/3)) or not",
    )
    #: A weight of which nothing is proved.
    UNKNOWN = (
        "RF632",
        "whether a recurrence has these paths is not known: "
        "the weight {what} is no sum of products of powers and polynomials",
        "other weights of the same paths may cancel it: write what is left",
    )
    #: A bound that no recurrence has.
    SLANTED = (
        "RF636",
        "no finite recurrence has these paths: {what} compares the blocks "
        "passed with those skipped",
        "behind its oldest blocks a path may go on the further the more of them "
        "there are, so infinitely many beginnings differ in what can follow",
    )
    #: A bound of which nothing is proved.
    UNSETTLED = (
        "RF632",
        "whether a recurrence has these paths is not known: "
        "{what} is no bound of whole steps",
        "bounds that are read follow the indices: sum(k, 0, floor(i/2), W_<L-2*k>)",
    )
    ZERO = ("RF211", "the weight {what} divides by zero here", "")
    ORDER = (
        "RF633",
        "an operator stands behind one of an older block",
        "newer blocks are applied later and stand on the left: W_L*W_<L-1>",
    )
    AHEAD = (
        "RF633",
        "this reaches a block behind the last one",
        "the newest block is L: W_L, W_<L-1>, ...",
    )
    LAST = (
        "RF631",
        "a weight depends on L; paths may depend on the distance i alone",
        "",
    )
    LARGE = ("RF106", "these paths need more states than is reasonable", "")


class Refused(Exception):
    """The formula is no rational series of paths.

    Attributes:
        why: the reason.
        what: a part of the formula, as text.
        place: where it stands, if that is known.
    """

    def __init__(self, why: Why, what: str, place: Span | None = None) -> None:
        super().__init__(why, what)
        self.why, self.what, self.place = why, what, place


def monomials(
    weight: Symbolic, names: Sequence[str]
) -> Iterator[tuple[Symbolic, Symbolic]]:
    """A weight as sums of ``number * x^degree * base^x`` over the variables.

    Raises:
        Refused: if it is none.
    """
    symbols = {symbol(name): name for name in names}
    value = sympy.expand(weight)
    with suppress(sympy.PolynomialError):
        value = sympy.expand(sympy.cancel(value))
    for part in sympy.Add.make_args(value):
        number = sympy.S.One
        degrees = dict.fromkeys(names, 0)
        bases: dict[str, Symbolic] = dict.fromkeys(names, sympy.S.One)
        for factor in sympy.Mul.make_args(part):
            base, exponent = factor.as_base_exp()
            if not factor.free_symbols & set(symbols):
                if factor.has(L):
                    raise Refused(Why.LAST, str(factor))
                number *= factor
            elif base in symbols and exponent.is_Integer and exponent > 0:
                degrees[symbols[base]] += int(exponent)
            else:
                powers = _linear(base, exponent, symbols, factor)
                number *= base ** powers.pop("", sympy.S.Zero)
                for name, times in powers.items():
                    bases[name] *= base**times
        if max(degrees.values()) > MAX_DEGREE:
            raise Refused(Why.LARGE, plain_names(part))
        if any(value.is_real is False for value in (number, *bases.values())):
            raise Refused(Why.ODD, plain_names(part))
        if number != 0:
            yield (
                number,
                tuple(
                    (n, degrees[n], bases[n])
                    for n in names
                    if degrees[n] or bases[n] != 1
                ),
            )


def _linear(
    base: Symbolic,
    exponent: Symbolic,
    symbols: Mapping[Symbolic, str],
    factor: Symbolic,
) -> dict[str, Symbolic]:
    """An exponent as multiples of variables, and a number under the empty name."""
    counted = set(symbols)
    if base.free_symbols & counted or not exponent.free_symbols & counted:
        # 1/(k+1), sqrt(k) and k^k obey no linear recurrence.
        fraction = exponent.is_Integer and base.is_polynomial(*symbols)
        wild = base in symbols and (exponent.is_Rational or exponent in symbols)
        proper = factor.is_Pow and (fraction or wild)
        raise Refused(Why.WEIGHT if proper else Why.ODD, plain_names(factor))
    powers: dict[str, Symbolic] = {}
    for item, times in sympy.expand(exponent).as_coefficients_dict().items():
        if item == 1:
            powers[""] = times
        elif item in symbols:
            powers[symbols[item]] = times
        else:
            wild = exponent.is_polynomial(*symbols) and abs(base) != 1
            raise Refused(Why.WEIGHT if wild else Why.ODD, plain_names(factor))
    return powers


def plain_names(value: Symbolic) -> str:
    """A weight as text, with the variables' names in the file."""
    return re.sub(r"#\d+", "", plain_scalar(value))
