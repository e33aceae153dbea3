"""Cases of a general formula's term in which its weight has powers and polynomials alone.

``floor((2*k + 1)/5)`` is a polynomial for all k with the same remainder by 5, ``max(k, 3)`` on
each side of 3, and ``1/k`` a number where k has a few values only. What is known of a case:
bounds on differences of variables, and remainders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import lcm

import sympy

from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.derivation.general.model import Bound, symbol
from recform.derivation.general.ranges import ZERO, Ranges
from recform.derivation.general.weights import Refused, Why, monomials, plain_names

#: Most cases by remainders, and most values of a variable that are told apart.
_MOST_CASES, _MOST_VALUES = 360, 64

#: For each variable that is known by a remainder: the divisor and the remainder.
Remainders = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Case:
    """Some values of the variables, and the weight for these.

    Attributes:
        ranges: of the length and the variables.
        remainders: of some of them.
        weight: a SymPy expression.
    """

    ranges: Ranges
    remainders: Remainders
    weight: Symbolic


def weights_of(
    weight: Symbolic, ranges: Ranges, multiples: Iterable[tuple[str, int]] = ()
) -> Iterator[tuple[Case, Symbolic, Symbolic]]:
    """Cases with monomials, see :func:`~recform.derivation.general.weights.monomials`.

    Raises:
        Refused: if a weight is of another kind however cases are told apart.
    """
    known = {name: (by, 0) for name, by in multiples}
    count = 0
    for rounded in _sides(Case(ranges, known, weight)):
        for case in _rounded(rounded):
            count += 1
            if count > _MOST_CASES:
                raise Refused(Why.LARGE, plain_names(weight))
            for tame in _tame(case):
                for number, growth in monomials(tame.weight, tame.ranges.names[1:]):
                    yield tame, number, growth


def _part(weight: Symbolic, *kinds: Symbolic) -> Symbolic:
    """A part of a weight of one of these kinds that has no such part itself, or None."""
    found = [p for p in weight.atoms(*kinds) if not any(a.has(*kinds) for a in p.args)]
    return min(found, key=str, default=None)


# -------------------------------------------------------------------------------- rounding


def _rounded(case: Case) -> Iterator[Case]:
    """Cases by remainders in which nothing is rounded."""
    part = _part(case.weight, sympy.floor, sympy.ceiling)
    if part is None:
        yield case
        return
    (inside,) = part.args
    names = {symbol(name): name for name in case.ranges.names[1:]}
    inner = [x for x in sorted(inside.free_symbols, key=str) if x in names]
    if not inside.is_polynomial(*inner) or len(inner) != len(inside.free_symbols):
        raise Refused(Why.ODD, plain_names(part))
    poly = sympy.Poly(inside, *inner, extension=True)
    if not inner or (not poly.domain.is_QQ and not poly.domain.is_ZZ):
        raise Refused(Why.ODD, plain_names(part))
    divisors = {}
    for x in inner:
        powers = [c for m, c in poly.terms() if m[inner.index(x)]]
        divisors[names[x]] = lcm(*(int(c.q) for c in powers))
    for remainders in _refined(dict(case.remainders), divisors):
        at = inside.xreplace({x: sympy.Integer(remainders[names[x]][1]) for x in inner})
        shift = type(part)(at) - at
        weight = filled(case.weight, {part: inside + shift})
        yield from _rounded(replace(case, remainders=remainders, weight=weight))


def _refined(
    known: dict[str, tuple[int, int]], divisors: Mapping[str, int]
) -> Iterator[dict[str, tuple[int, int]]]:
    """All remainders by these divisors that agree with the known ones."""
    options: list[dict[str, tuple[int, int]]] = [known]
    for name, divisor in divisors.items():
        old, rest = known.get(name, (1, 0))
        both = lcm(old, divisor)
        options = [
            {**option, name: (both, value)}
            for option in options
            for value in range(rest, both, old)
        ]
        if len(options) > _MOST_CASES:
            raise Refused(Why.LARGE, f"a remainder by {both}")
    yield from options


# ----------------------------------------------------------------------------------- sides


def _sides(case: Case) -> Iterator[Case]:
    """Cases by order of the variables in which there is no ``max``, ``min`` or ``abs``."""
    part = _part(case.weight, sympy.Max, sympy.Min, sympy.Abs)
    if part is None:
        yield case
        return
    first, *others = sorted(part.args, key=str)
    if isinstance(part, sympy.Abs):
        low, high, less, more = first, sympy.S.Zero, -first, first
    else:
        rest = type(part)(*others)
        low, high = first, rest
        less, more = (rest, first) if isinstance(part, sympy.Max) else (first, rest)
    bounds = _difference(low - high, case.ranges)
    if bounds is None:
        raise Refused(Why.ODD, plain_names(part))
    left, right = bounds
    for ranges, value in (
        (case.ranges.with_at_most(left, right), less),
        (case.ranges.with_at_most(right.plus(1), left), more),
    ):
        if ranges is not None:
            weight = filled(case.weight, {part: value})
            yield from _sides(replace(case, ranges=ranges, weight=weight))


def _difference(value: Symbolic, ranges: Ranges) -> tuple[Bound, Bound] | None:
    """Bounds for which ``left <= right`` says that a linear value is at most zero."""
    value = sympy.expand(value)
    sides: dict[int, str] = {1: ZERO, -1: ZERO}
    number = sympy.S.Zero
    counted = [c for item, c in value.as_coefficients_dict().items() if item != 1]
    if not all(times.is_Rational for times in counted):
        return None
    scale = max(map(abs, counted), default=sympy.S.One)
    names = {symbol(name): name for name in ranges.names[1:]}
    for item, times in sympy.expand(value / scale).as_coefficients_dict().items():
        if item == 1:
            number = times
        elif item in names and times in sides and sides[int(times)] == ZERO:
            sides[int(times)] = names[item]
        else:
            return None
    if not number.is_Rational:
        return None
    # x - y + number <= 0, for whole x and y.
    return Bound(sides[1], 0), Bound(sides[-1], int(sympy.floor(-number)))


# ---------------------------------------------------------------------------------- values


def _tame(case: Case) -> Iterator[Case]:
    """Cases with values for variables that have few, if the weight is wild otherwise."""
    names = case.ranges.names[1:]
    try:
        list(monomials(case.weight, names))
    except Refused as refused:
        if refused.why not in (Why.WEIGHT, Why.ODD):
            raise
        split = _few_values(case)
        if split is None:
            _defined(case)
            raise
        for inner in split:
            yield from _tame(inner)
    else:
        yield case


def _few_values(case: Case) -> list[Case] | None:
    """The case with each value of a variable, or of a difference of two; None if none."""
    ranges = case.ranges
    used = [n for n in ranges.names[1:] if symbol(n) in case.weight.free_symbols]
    for name in used:
        for other in (ZERO, *(n for n in used if n != name)):
            most = ranges.difference(Bound(name, 0), Bound(other, 0))
            least = ranges.difference(Bound(other, 0), Bound(name, 0))
            if most is None or least is None or most + least > _MOST_VALUES:
                continue
            found = []
            for value in range(-least, most + 1):
                weight = filled(
                    case.weight, {symbol(name): Bound(other, value).expression}
                )
                _number(weight, case)
                here = ranges.with_equal(Bound(name, 0), Bound(other, value))
                if here is not None:
                    found.append(replace(case, ranges=here, weight=weight))
            return found
    return None


def _defined(case: Case) -> None:
    """Raises Refused if the weight divides by zero for the least value of a variable."""
    for name in case.ranges.names[1:]:
        least, _ = case.ranges.span_of(name)
        if least is not None:
            value = filled(case.weight, {symbol(name): sympy.Integer(least)})
            _number(value, case)


def _number(weight: Symbolic, case: Case) -> None:
    if weight.has(sympy.zoo, sympy.nan, sympy.oo):
        raise Refused(Why.ZERO, plain_names(case.weight))
