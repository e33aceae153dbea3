"""Reads the paper's ellipsis: ``1 + W_L + W_L*W_<L-1> + ... + W_L*...*W_<L-i+1>``.

Between factors, the first and the last one say how numbers and indices go on, and ``...``
becomes a product over a range. Between terms, the last one is the general term: some of
its i become a variable such that the terms in front of ``...`` come out. A reading is
taken only if there is exactly one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NoReturn

import sympy

from recform.algebra.expr import I, L
from recform.algebra.scalars import scalar_of
from recform.algebra.typeset import added
from recform.blocks.symbolic import Symbolic
from recform.derivation.general.automaton import series_of
from recform.derivation.general.model import General
from recform.derivation.general.show import number_text, parts, read_back, write
from recform.derivation.general.weights import Refused
from recform.diagnostics import Unread
from recform.series.automaton import equal
from recform.series.series import NotExact, Series
from recform.source import Span
from recform.syntax import nodes as n

#: Reads an expression without ellipses; raises Unread if it has no terms.
Terms = Callable[[n.Expr], General]
#: Values of the variable that the terms in front of an ellipsis are tried for.
_STARTS = range(-2, 10)
#: Most occurrences of i in a last term.
_MOST = 6


@dataclass(frozen=True)
class Reading:
    """An expression without ellipses.

    Attributes:
        expr: the expression.
        text: the same as text; empty if there was no ellipsis.
    """

    expr: n.Expr
    text: str


def written_out(expr: n.Expr, terms: Terms) -> Reading:
    """An expression with sums and products in place of ellipses.

    Raises:
        Unread: RF635, if nothing says how one goes on.
    """
    if not _has_ellipsis(expr):
        return Reading(expr, "")
    text = _Reader(expr, terms).text(expr)
    return Reading(read_back(text), text)


def _has_ellipsis(expr: n.Expr) -> bool:
    return any(isinstance(part, n.Ellipsis) for part in parts(expr))


class _Reader:
    def __init__(self, whole: n.Expr, terms: Terms) -> None:
        self._terms = terms
        names = {p.name for p in parts(whole) if isinstance(p, n.Reference)}
        self._free = [name for name in "jkmnpqr" if name not in names]

    def text(self, expr: n.Expr) -> str:
        """The expression as text, all ellipses in it read."""
        replaced: dict[Span, str] = {}
        for part in n.inner(expr):
            if _has_ellipsis(part):
                replaced[part.span] = self.text(part)
        here = [part for part in n.inner(expr) if isinstance(part, n.Ellipsis)]
        if not here:
            return write(expr, replaced)
        if len(here) > 1:
            _fail(here[1].span, "there are two ellipses in one row")
        if isinstance(expr, n.Product):
            return self._product(expr)
        if isinstance(expr, n.Sum):
            return self._sum(expr, replaced)
        _fail(here[0].span, "an ellipsis stands between terms or factors")

    def _variable(self, place: Span) -> str:
        if not self._free:
            _fail(place, "no letter is left for what this ellipsis runs over")
        return self._free.pop(0)

    # -- products

    def _product(self, expr: n.Product) -> str:
        factors = list(expr.factors)
        at = next(k for k, (_, f) in enumerate(factors) if isinstance(f, n.Ellipsis))
        before, after = factors[:at], factors[at + 1 :]
        place = factors[at][1].span
        if not before or not after or any(d < 0 for d, _ in factors):
            _fail(place, "an ellipsis stands between a first and a last factor", [])
        first, last = before[-1][1], after[0][1]
        slots = _slots(first, last)
        steps = None if slots is None else _slopes(slots)
        if slots is None or steps is None:
            _fail(
                first.span.to(last.span),
                f"nothing says how {first.span.text} becomes {last.span.text}",
            )
        count, slopes = steps
        shown = 0
        for _, factor in reversed(before[:-1]):
            found = _slots(factor, first)
            if found is None:
                break
            moved = {second.span: b - a for _, second, a, b in found}
            wanted = {
                f.span: (shown + 1) * slope
                for (f, _, _, _), slope in zip(slots, slopes, strict=True)
            }
            if moved != wanted:
                _fail(
                    factor.span.to(last.span),
                    "the factors in front of the ellipsis don't go on to the last one "
                    "in equal steps of one block",
                )
            shown += 1
        name = self._variable(place)
        variable = sympy.Symbol(name)
        replaced = {
            node.span: number_text(value + slope * (variable - shown))
            for (node, _, value, _), slope in zip(slots, slopes, strict=True)
        }
        end = number_text(count + shown)
        product = f"prod({name}, 0, {end}, {write(_bare(first), replaced)})"
        kept = [write(n.Product(expr.span, (f,))) for f in before[: -1 - shown]]
        rest = [write(n.Product(expr.span, (f,))) for f in after[1:]]
        return "*".join([*kept, product, *rest])

    # -- sums

    def _sum(self, expr: n.Sum, replaced: dict[Span, str]) -> str:
        rows = list(expr.terms)
        at = next(k for k, (_, t) in enumerate(rows) if isinstance(t, n.Ellipsis))

        def signed(row: tuple[int, n.Expr]) -> str:
            return write(n.Sum(expr.span, (row,)), replaced)

        before = [signed(row) for row in rows[:at]]
        after = [signed(row) for row in rows[at + 1 :]]
        place = rows[0][1].span.to(rows[-1][1].span)
        if not before or not after:
            _fail(
                place,
                "this ellipsis has no last term, so it can go on in several ways",
                self._guesses(before),
            )
        name = self._variable(place)
        last = read_back(after[0])
        readings: list[str] = []
        found: list[Series] = []
        for text, start, shown in self._families(last, before, name):
            kept = before[: len(before) - shown]
            reading = added([*kept, f"sum({name}, {start}, i, {text})", *after[1:]])
            series = self._series(reading)
            if series is not None and not any(equal(series, other) for other in found):
                found.append(series)
                readings.append(reading)
        if len(readings) != 1:
            _fail(
                place,
                "this ellipsis can be read in several ways"
                if readings
                else "the last term does not become the terms in front of the ellipsis",
                readings,
            )
        return readings[0]

    def _families(
        self, last: n.Expr, before: list[str], name: str
    ) -> Iterator[tuple[str, int, int]]:
        """General terms: as text, the variable's first value, how many shown are of it."""
        places = [
            p for p in parts(last) if isinstance(p, n.Reference) and p.name == "i"
        ]
        shown = [self._series(text) for text in before]
        if len(places) > _MOST:
            return
        for size in range(len(places), 0, -1):
            for chosen in combinations(places, size):
                text = write(last, {place.span: name for place in chosen})
                at = {
                    value: self._series(
                        write(last, {p.span: str(value) for p in chosen})
                    )
                    for value in _STARTS
                }
                for value in list(_STARTS)[:-1]:
                    if not _same(at[value], shown[-1]) or _same(
                        at[value], at[value + 1]
                    ):
                        continue
                    count = 1
                    while count < len(shown) and _same(
                        at.get(value - count), shown[-1 - count]
                    ):
                        count += 1
                    rest = shown[: len(shown) - count]
                    if any(_same(a, r) for a in at.values() for r in rest):
                        continue
                    yield text, value - count + 1, count

    def _series(self, text: str) -> Series | None:
        """The series of a text, or None if it has none."""
        try:
            return series_of(self._terms(read_back(text)))
        except (Unread, Refused, NotExact):
            return None

    def _guesses(self, before: list[str]) -> list[str]:
        """Formulas that go on as the terms in front of an ellipsis do."""
        if not before:
            return []
        names = {
            part.name: None
            for text in before
            for part in parts(read_back(text))
            if isinstance(part, n.Reference) and part.name[0].isupper() and part.indices
        }
        shown = [self._series(text) for text in before]
        guesses = []
        for name in names:
            for row, end in (
                (f"prod(j, 0, %d-1, {name}_<L-j>)", f"{name}_L*...*{name}_<L-i+1>"),
                (f"{name}_<L-%d+1>", f"{name}_<L-i+1>"),
            ):
                ways = [self._series(row % value) for value in range(6)]
                if any(_same(way, shown[-1]) for way in ways):
                    guesses.append(f"{added(before)} + ... + {end}")
        return guesses


def _fail(place: Span, message: str, readings: Sequence[str] = ()) -> NoReturn:
    hint = (
        "it could be " + ", or ".join(readings)
        if readings
        else "write it with sum(k, 1, i, ...) and prod(j, 0, k-1, ...)"
    )
    raise Unread("RF635", message, place, hint)


def _same(left: Series | None, right: Series | None) -> bool:
    return left is not None and right is not None and equal(left, right)


def _bare(expr: n.Expr) -> n.Expr:
    return expr.inner if isinstance(expr, n.Group) else expr


#: A number in the first factor, its partner in the last one, and their values.
_Slot = tuple[n.Expr, n.Expr, Symbolic, Symbolic]


def _slots(first: n.Expr, last: n.Expr) -> list[_Slot] | None:
    """The numbers in which two expressions differ; None if they differ otherwise."""
    a, b = _scalar(first), _scalar(last)
    if a is not None and b is not None:
        return [] if sympy.expand(a - b) == 0 else [(first, last, a, b)]
    first, last = _bare(first), _bare(last)
    if type(first) is not type(last):
        return None
    (head, parts), (other, others) = _opened(first), _opened(last)
    if head != other or len(parts) != len(others):
        return None
    result: list[_Slot] = []
    for left, right in zip(parts, others, strict=True):
        found = _slots(left, right)
        if found is None:
            return None
        result += found
    return result


def _opened(expr: n.Expr) -> tuple[object, Sequence[n.Expr]]:
    """What must agree in two expressions, and the parts that may differ in numbers."""
    match expr:
        case n.Reference():
            return expr.name, expr.indices  # type: ignore[return-value]
        case n.Call():
            return expr.function, n.inner(expr)
        case n.Sum():
            return [sign for sign, _ in expr.terms], n.inner(expr)
        case n.Product():
            return [direction for direction, _ in expr.factors], n.inner(expr)
    return expr, ()


def _scalar(expr: n.Expr) -> Symbolic:
    names = {"i": I, "L": L}
    for part in parts(expr):
        if isinstance(part, n.Reference) and part.name not in names:
            if part.indices or len(part.name) > 1 or part.name.isupper():
                return None
            names[part.name] = sympy.Symbol(part.name)
        elif isinstance(part, n.Call | n.Ellipsis | n.Tuple | n.String | n.Boolean):
            return None
    return scalar_of(expr, names)


def _slopes(slots: list[_Slot]) -> tuple[Symbolic, list[Symbolic]] | None:
    """The number of steps from first to last, and how far each slot goes in a step."""
    ways = [sympy.expand(b - a) for _, _, a, b in slots]
    for way in ways:
        sign = way.coeff(I)
        if abs(sign) != 1:
            continue
        count = sympy.expand(way * sign)
        slopes = [sympy.cancel(other / count) for other in ways]
        if (count - I).is_Integer and all(slope.is_Integer for slope in slopes):
            return count, slopes
    return None
