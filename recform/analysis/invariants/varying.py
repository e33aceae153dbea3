"""Constant combinations whose numbers depend on i, as ``(i + 1)*X_i`` or ``X_i/2^i``.

The number of each tensor is ``h(i)*p(i)``, with one h for all of them and a polynomial p for
each. The ratio ``h(i)/h(i-1)`` is tried among those that the equations suggest (Petkovsek,
Wilf and Zeilberger, "A = B", chapter 8, take it from the coefficients in the same way); then
the polynomials are the solution of linear equations over the rational numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

import sympy
from sympy.polys.matrices import DomainMatrix

from recform.algebra.expr import I, L, Learned, State, Tensor
from recform.algebra.indices import offset
from recform.analysis.invariants.constants import candidates_of, column, offsets
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import Form, rational, shifted

#: The largest degree of a polynomial; more candidates and ratios are not tried.
_DEGREE, _MOST, _MOST_RATIOS = 2, 24, 4
#: Sums below lines in a number that are put together.
_MOST_LINES = 4


def varying(laws: Mapping[str, Form], order: int) -> list[Form]:
    """Independent combinations that stay constant, with numbers that depend on i."""
    candidates = candidates_of(laws, order)
    if not candidates or len(candidates) > _MOST:
        return []
    columns = [column(laws, tensor) for tensor in candidates]
    values = [v for pair in columns for terms in pair for v in terms.values()]
    if not all(
        _is_rational(value) and _lines(value) <= _MOST_LINES for value in values
    ):
        return []
    weights = [_weight(laws, tensor) for tensor in candidates]
    result = []
    for ratio in _ratios(laws):
        scale = _product(ratio)
        if scale is None:
            continue
        for vector in _solutions(columns, weights, ratio):
            numbers = [
                sympy.factor(scale * w * p)
                for w, p in zip(weights, vector, strict=True)
            ]
            result.append(_normalised(dict(zip(candidates, numbers, strict=True))))
    return [terms for terms in result if any(v.has(I) for v in terms.values())]


def _is_rational(value: Symbolic) -> bool:
    """Whether a coefficient is a fraction of polynomials in i."""
    learned = {item: sympy.Symbol(str(item)) for item in value.atoms(Learned)}
    if any(item.has(I) and offset(item.index) is None for item in learned):
        return False
    return bool(value.xreplace(learned).is_rational_function(I))


def _lines(value: Symbolic) -> int:
    """How many different sums stand below a line in it, which would all be put together."""
    below = (sympy.fraction(term)[1] for term in sympy.Add.make_args(value))
    return len({part for part in below if not part.is_Number and not part.is_Symbol})


# --------------------------------------------------------------------------------- ratios


def _ratios(laws: Mapping[str, Form]) -> list[Symbolic]:
    """What the numbers may be multiplied with from block to block."""
    found: dict[Symbolic, None] = {sympy.S.One: None}
    for right in laws.values():
        for tensor, value in right.items():
            learned = value.atoms(Learned)
            plain = all(item.index is sympy.nan for item in learned)
            if isinstance(tensor, State) and plain and not value.has(L):
                found[sympy.cancel(1 / value)] = None
    for root in _roots(laws):
        found[1 / root] = None
    return list(found)[: _MOST_RATIOS + 1]


def _roots(laws: Mapping[str, Form]) -> Iterator[Symbolic]:
    """Rational roots of the recurrence of a single unknown with its operators left out."""
    if len(laws) != 1:
        return
    (right,) = laws.values()
    lags = {
        -step: value
        for tensor, value in right.items()
        if isinstance(tensor, State)
        and (step := offset(tensor.index)) is not None
        and value.is_Rational
    }
    if not lags:
        return
    order = max(lags)
    z = sympy.Symbol("z")
    polynomial = z**order - sum(v * z ** (order - lag) for lag, v in lags.items())
    for root in sympy.roots(sympy.Poly(polynomial, z), filter="Q"):
        if root != 0:
            yield root


def _product(ratio: Symbolic) -> Symbolic | None:
    """A function h of i with ``h(i)/h(i-1) = ratio``; None if it has no plain form."""
    if not ratio.has(I):
        small = ratio.is_Rational and abs(ratio) < 1
        return (1 / ratio) ** -I if small else ratio**I
    k = sympy.Symbol("k", integer=True, positive=True)
    roots: list[int] = []
    for part in sympy.fraction(ratio):
        polynomial = sympy.Poly(part, I)
        found = sympy.roots(polynomial, filter="Z")
        if sum(found.values()) < polynomial.degree():
            return None  # other roots make no factorials
        roots += map(int, found)
    first = max([1, *(root + 1 for root in roots)])
    with suppress(NotImplementedError, ValueError):
        made = sympy.gammasimp(sympy.product(ratio.xreplace({I: k}), (k, first, I)))
        made = sympy.factor(made.rewrite(sympy.factorial))
        functions = {type(f) for f in made.atoms(sympy.Function)}
        if not made.has(sympy.Product) and functions <= {sympy.factorial}:
            return made
    return None


# ------------------------------------------------------------------------------ solutions


def _weight(laws: Mapping[str, Form], tensor: Tensor) -> Symbolic:
    """What a tensor is multiplied with where an equation makes it; 1 for an unknown."""
    age = -max(offsets(tensor), default=0)
    made = shifted(tensor, age)
    values = [right[made] for right in laws.values() if made in right]
    if isinstance(tensor, State) or not values or not values[0].has(I):
        return sympy.S.One
    weight = values[0].xreplace({I: I - age})
    return sympy.S.One if weight.atoms(Learned) or weight.has(L) else weight


def _solutions(
    columns: list[tuple[Form, Form]], weights: list[Symbolic], ratio: Symbolic
) -> Iterator[list[Symbolic]]:
    """Polynomials by which, times the weights, the columns add up to zero."""
    rows: dict[Symbolic, dict[int, Symbolic]] = {}
    for number, (here, before) in enumerate(columns):
        for power in range(_DEGREE + 1):
            entry = number * (_DEGREE + 1) + power
            new = weights[number] * I**power
            parts = [(new, here), (-new.xreplace({I: I - 1}) / ratio, before)]
            for factor, terms in parts:
                for tensor, value in terms.items():
                    rows.setdefault(tensor, {}).setdefault(entry, sympy.S.Zero)
                    rows[tensor][entry] += factor * value
    width = len(columns) * (_DEGREE + 1)
    matrix = [row for entries in rows.values() for row in _equations(entries, width)]
    if not matrix:
        return
    domain = DomainMatrix.from_Matrix(sympy.Matrix(matrix)).to_field()
    for vector in domain.nullspace().to_Matrix().tolist():
        yield [
            sum(
                vector[n * (_DEGREE + 1) + power] * I**power
                for power in range(_DEGREE + 1)
            )
            for n in range(len(columns))
        ]


def _equations(entries: Mapping[int, Symbolic], width: int) -> Iterator[list[Symbolic]]:
    """What must be zero for every i, one row for each power of i and of a name.

    Roots and functions of L and of learned scalars are names, too: as long as nothing is
    known of them, each stands for itself.
    """
    learned: dict[Symbolic, Symbolic] = {}
    for value in entries.values():
        for item in sorted(value.atoms(Learned), key=str):
            learned.setdefault(item, sympy.Symbol(f"k{len(learned)}"))
    plain = {
        n: sympy.together(rational(v.xreplace(learned))) for n, v in entries.items()
    }
    names = {s for value in plain.values() for s in value.free_symbols} | {I}
    generators = sorted(names, key=str)
    common = sympy.S.One
    for value in plain.values():
        common = sympy.lcm(common, sympy.fraction(value)[1])
    rows: dict[Symbolic, list[Symbolic]] = {}
    for number, value in plain.items():
        polynomial = sympy.cancel(value * common)
        for powers, coefficient in sympy.Poly(polynomial, *generators).terms():
            rows.setdefault(powers, [sympy.S.Zero] * width)[number] = coefficient
    yield from rows.values()


def _normalised(terms: Mapping[Tensor, Symbolic]) -> Form:
    """Whole numbers without a common factor, the first one positive."""
    there = {tensor: value for tensor, value in terms.items() if value != 0}
    first = next(iter(there.values()))
    contents = [sympy.factor_terms(v).as_coeff_Mul()[0] for v in there.values()]
    # For large i the first one is positive.
    sign = -1 if _leading(first) < 0 else 1
    size = sign * sympy.gcd_list(contents)
    return {tensor: sympy.factor(value / size) for tensor, value in there.items()}


def _leading(value: Symbolic) -> Symbolic:
    """The sign of a number of a tensor for large i, as far as it is a polynomial."""
    top = sympy.fraction(sympy.together(value))[0]
    factors = [f for f in sympy.Mul.make_args(top) if f.is_polynomial(I)]
    return sympy.Poly(sympy.Mul(*factors), I).LC()
