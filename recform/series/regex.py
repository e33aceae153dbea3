"""Series as regular expressions with weights, as short as a few rewritings make them.

Kleene's and Schützenberger's theorem: the series of weighted automata are those of regular
expressions with weights. The expression is found by eliminating states.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import permutations

import sympy

from recform.algebra.scalars import cancelled
from recform.algebra.totals import totals
from recform.blocks.symbolic import Symbolic
from recform.series.automaton import as_polynomial, by_endings, minimal
from recform.series.places import BLOCK, At
from recform.series.series import SKIP, Move, Series, Word, constant
from recform.series.show import LATEX, PLAIN

#: Most terms of a sum, and most moves and stars of an expression.
_MOST_TERMS, _MOST_SIZE = 64, 400
#: With more moves, states are taken out in one order.
_FEW_MOVES = 10
#: An automaton with more edges has no expression that anybody would read.
_MOST_EDGES = 128


class _TooLong(Exception):
    """An expression that nobody would read."""


@dataclass(frozen=True)
class Star:
    """``(...)*``."""

    inner: Regex


Factor = Move | Star


@dataclass(frozen=True)
class Regex:
    """A sum of products of moves and stars, each with a weight.

    Attributes:
        terms: products and their weights, in the order in which they are shown; none is
            zero, and no product stands there twice.
    """

    terms: tuple[tuple[tuple[Factor, ...], Symbolic], ...]

    def __add__(self, other: Regex) -> Regex:
        return _sum([*self.terms, *other.terms])

    def __mul__(self, other: Regex) -> Regex:
        if len(self.terms) * len(other.terms) > _MOST_TERMS:
            raise _TooLong
        return _sum(
            [(_joined(a + b), v * w) for a, v in self.terms for b, w in other.terms]
        )

    def star(self) -> Regex:
        """``1 + r + r*r + ...``."""
        if not self.terms:
            return ONE
        return Regex((((Star(self),), sympy.S.One),))

    @property
    def size(self) -> tuple[int, int]:
        """How hard it is to read: negative weights, then moves and stars."""
        negative = sum(1 for _, w in self.terms if w.could_extract_minus_sign())
        length = sum(len(product) or 1 for product, _ in self.terms)
        length += sum(1 for _, w in self.terms if w != 1)
        for product, _ in self.terms:
            for factor in product:
                if isinstance(factor, Star):
                    inner = factor.inner.size
                    negative, length = negative + inner[0], length + inner[1]
        return negative, length


NONE = Regex(())
ONE = Regex((((), sympy.S.One),))


def of_words(words: Mapping[Word, Symbolic]) -> Regex:
    """The expression of finitely many words."""
    return _sum(list(words.items()))


def _sum(terms: list[tuple[tuple[Factor, ...], Symbolic]]) -> Regex:
    total = totals(terms).items()
    kept = [(p, w if w.is_Number else cancelled(w)) for p, w in total]
    return Regex(tuple(_folded([(p, w) for p, w in kept if w != 0])))


def _folded(
    terms: list[tuple[tuple[Factor, ...], Symbolic]],
) -> list[tuple[tuple[Factor, ...], Symbolic]]:
    """``a b + a x x* b = a x* b``, wherever it holds."""
    for n, (longer, weight) in enumerate(terms):
        for shorter, kept in _unfoldings(longer):
            for m, (other, same) in enumerate(terms):
                if m != n and other == shorter and same == weight:
                    rest = [t for k, t in enumerate(terms) if k not in (n, m)]
                    return _folded(
                        [*rest[: min(n, m)], (kept, weight), *rest[min(n, m) :]]
                    )
    return terms


def _unfoldings(
    product: tuple[Factor, ...],
) -> Iterator[tuple[tuple[Factor, ...], tuple[Factor, ...]]]:
    """For ``a x x* b`` and ``a x* x b``: ``a b``, and ``a x* b``."""
    for n, factor in enumerate(product):
        if not isinstance(factor, Star) or len(factor.inner.terms) != 1:
            continue
        inner, weight = factor.inner.terms[0]
        size = len(inner)
        if weight != 1:
            continue
        if product[n - size : n] == inner and n >= size:
            yield (
                product[: n - size] + product[n + 1 :],
                product[: n - size] + product[n:],
            )
        if product[n + 1 : n + 1 + size] == inner:
            yield (
                product[:n] + product[n + 1 + size :],
                product[: n + 1] + product[n + 1 + size :],
            )


def _joined(product: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """``x* (y x*)* = (x* y)* x* = (x | y)*``, wherever it stands."""
    for n in range(len(product) - 1):
        left, right = product[n], product[n + 1]
        if not isinstance(left, Star) or not isinstance(right, Star):
            continue
        for outer, inner, place in ((right, left, -1), (left, right, 0)):
            parts = outer.inner.terms
            if len(parts) == 1 and len(parts[0][0]) > 1 and parts[0][0][place] == inner:
                kept = parts[0][0][:-1] if place else parts[0][0][1:]
                both = _sum([*inner.inner.terms, (kept, parts[0][1])])
                return _joined((*product[:n], Star(both), *product[n + 2 :]))
    return product


# ----------------------------------------------------------------------- between the forms


def regex_of(series: Series) -> Regex | None:
    """A regular expression of a series, the shortest that is found; None if it is long."""
    reduced = minimal(series).series
    if not reduced.size:
        return NONE
    edges = sum(len(row) for rows in reduced.steps.values() for row in rows)
    if edges > _MOST_EDGES:
        return None
    states = range(reduced.size)
    few = reduced.size <= 4 and len(reduced.moves) <= _FEW_MOVES
    orders = list(permutations(states)) if few else [tuple(reversed(states))]
    found = []
    for automaton in (reduced, by_endings(reduced)):
        for order in orders:
            with suppress(_TooLong):
                found.append(_eliminated(automaton, order))
    if reduced.constant == reduced.domain.one:
        direct = as_polynomial(constant(1) - reduced.inverse())
        if direct is not None and len(direct) <= _MOST_TERMS:
            found.append(of_words(direct).star())
    if not found:
        return None
    return min(found, key=lambda regex: (regex.size, text(regex)))


def shown(series: Series) -> str:
    """The paths of a series as text, for a reader."""
    return readable(regex_of(series))


def readable(regex: Regex | None) -> str:
    """What :func:`regex_of` found, as text."""
    return "(no short regular expression)" if regex is None else text(regex)


def _eliminated(series: Series, order: tuple[int, ...]) -> Regex:
    """States are taken out one by one; what led through them leads past them."""
    begin, end = -1, -2
    edges: dict[tuple[int, int], Regex] = {}

    def connect(a: int, b: int, regex: Regex) -> None:
        edges[a, b] = edges.get((a, b), NONE) + regex

    def number(weight: Symbolic) -> Regex:
        return _sum([((), series.domain.to_sympy(weight))])

    for state, weight in enumerate(series.initial):
        connect(begin, state, number(weight))
    for state, weight in enumerate(series.final):
        connect(state, end, number(weight))
    for item, rows in series.steps.items():
        for state, row in enumerate(rows):
            for target, weight in row.items():
                once = of_words({(item,): series.domain.to_sympy(weight)})
                connect(state, target, once)
    for state in order:
        loop = edges.pop((state, state), NONE).star()
        into = [(a, r) for (a, b), r in edges.items() if b == state and r.terms]
        out = [(b, r) for (a, b), r in edges.items() if a == state and r.terms]
        edges = {k: r for k, r in edges.items() if state not in k}
        for a, first in into:
            for b, last in out:
                connect(a, b, first * loop * last)
                if edges[a, b].size[1] > _MOST_SIZE:
                    raise _TooLong
    return edges.get((begin, end), NONE)


# --------------------------------------------------------------------------------- showing


def text(regex: Regex) -> str:
    """In the language of ``paths``."""
    rest = [(p, w) for p, w in regex.terms if p or w != 1]
    line = " | ".join(_product(p, w) for p, w in rest)
    if len(rest) == len(regex.terms):
        return line or "[0] skip?"
    if not rest:
        return "skip{0}"
    short = len(rest) == 1 and len(rest[0][0]) == 1 and rest[0][1] == 1
    return f"{line}?" if short and line[-1] not in "*?" else f"({line})?"


def _product(product: tuple[Factor, ...], weight: Symbolic) -> str:
    words = [_factor(item) for item in product] or ["skip{0}"]
    if weight != 1:
        words.insert(0, f"[{PLAIN.scalar(weight)}]")
        words[1:] = words[1:] if len(words) == 2 else ["(" + " ".join(words[1:]) + ")"]
    return " ".join(words)


def _factor(item: Factor) -> str:
    if isinstance(item, Move):
        return f"({item.text()})" if "*" in item.text() else item.text()
    inner = text(item.inner)
    single = len(item.inner.terms) == 1 and item.inner.terms[0][1] == 1
    if single and len(item.inner.terms[0][0]) == 1:
        return f"{inner}*"
    return f"({inner})*"


def latex(regex: Regex) -> str:
    """As LaTeX, with s for a skip."""
    return (
        r" + ".join(_latex_product(p, w) for p, w in regex.terms).replace("+ -", "- ")
        or "0"
    )


def _latex_product(product: tuple[Factor, ...], weight: Symbolic) -> str:
    words = [_latex_factor(item) for item in product]
    sign = ""
    if weight == -1:
        sign = "-"
    elif weight != 1 or not words:
        number = sympy.latex(weight)
        words.insert(
            0, rf"\left({number}\right)" if weight.is_Add and words else number
        )
    return sign + r"\,".join(words)


def _letter(name: str) -> str:
    """A letter of the block that it stands at without an index, any other with one."""
    if name.isalnum():
        return name if len(name) == 1 else rf"\mathrm{{{name}}}"
    return LATEX.name(name, At(BLOCK))


def _latex_factor(item: Factor) -> str:
    if isinstance(item, Move):
        return (
            "s" if item == SKIP else "".join(map(_letter, item.gains + item.operators))
        )
    inner = latex(item.inner)
    return f"{inner}^{{*}}" if len(inner) == 1 else rf"\left({inner}\right)^{{*}}"
