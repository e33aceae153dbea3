"""Sums and products of a regular expression, where it is a row of stars.

``s* p*`` skips the older blocks and passes the last k: the ends of the stars become the
variables of sums, and each star a product over its blocks.
"""

from __future__ import annotations

import re

import sympy

from recform.algebra.typeset import added
from recform.blocks.symbolic import Symbolic
from recform.series.places import LAST, START, At
from recform.series.regex import Factor, Regex, Star
from recform.series.series import SKIP, Move, Word
from recform.series.show import Plain, is_negative, polynomial

_Part = tuple[bool, dict[Move, Symbolic]]


def closed_form(style: Plain, regex: Regex) -> str:
    """Sums and products of a regular expression, or nothing."""
    free = [name for name in "jkmnpqrt" if name not in _taken(regex)]
    terms = []
    for product, weight in regex.terms:
        if not product:
            # The path over no block is no part of the formula, which is for i >= 1.
            continue
        parts = _parts(product)
        if parts is None:
            return ""
        shown = _row(style, parts, weight, free)
        if not shown:
            return ""
        terms.append(shown)
    return added(terms)


def _taken(regex: Regex) -> set[str]:
    """Names of scalars in an expression, which no variable may have."""
    found: set[str] = set()
    for product, weight in regex.terms:
        found |= {str(symbol) for symbol in weight.free_symbols}
        for factor in product:
            if isinstance(factor, Star):
                found |= _taken(factor.inner)
            else:
                # Of a_i and j_<i-1> the names are a and j.
                words = re.findall(r"[^\W_]+", " ".join(factor.gains))
                found.update(words)
    return found


def _parts(product: tuple[Factor, ...]) -> list[_Part] | None:
    """The moves and stars of a product, newest block first; None if a star is deep."""
    result: list[_Part] = []
    for factor in reversed(product):
        if isinstance(factor, Move):
            result.append((False, {factor: sympy.S.One}))
            continue
        moves = {}
        for inner, weight in factor.inner.terms:
            if len(inner) != 1 or isinstance(inner[0], Star):
                return None
            moves[inner[0]] = weight
        result.append((True, moves))
    return result


def _row(style: Plain, parts: list[_Part], weight: Symbolic, free: list[str]) -> str:
    """A row of moves and stars as sums over where the stars end."""
    stars = sum(1 for star, _ in parts if star)
    if stars > 3 or stars == 0:
        return ""
    inner, *others = free
    names = iter(others)
    fixed_behind = [
        sum(1 for star, _ in parts[n + 1 :] if not star) for n in range(len(parts))
    ]
    begin = At(START)
    sums: list[tuple[str, str, str]] = []
    factors: list[str] = []
    seen = 0
    for number, (star, moves) in enumerate(parts):
        if not star:
            factors += _one(style, moves, begin)
            begin = begin.plus(1)
            continue
        seen += 1
        if seen == stars:
            end = At("i", -fixed_behind[number])
        else:
            end = At(next(names))
            last = At("i", -fixed_behind[number])
            sums.append((end.base, begin.text(), last.text()))
        factors += _many(style, moves, begin, end, inner)
        begin = end
    body = style.times.join(factors)
    if weight != 1 or not body:
        negative = is_negative(weight)
        size = -weight if negative else weight
        shown = style.scalar(size)
        if size != 1 or not body:
            shown = style.bracket(shown) if size.is_Add and body else shown
            body = style.times.join([shown, *([body] if body else [])])
        body = ("-" if negative else "") + body
    for name, low, high in reversed(sums):
        body = style.sum(name, low, high, body)
    return body


def _one(style: Plain, moves: dict[Move, Symbolic], begin: At) -> list[str]:
    """The letters of the block ``L - begin``."""
    (move,) = moves
    place = At(LAST if begin.base == START else f"L-{begin.base}", -begin.number)
    return [style.name(name, place) for name in move.letters]


def _many(
    style: Plain,
    moves: dict[Move, Symbolic],
    begin: At,
    end: At,
    inner: str,
) -> list[str]:
    """A star as a product over its blocks; nothing for one that only skips."""
    if moves == {SKIP: 1}:
        return []
    words: dict[Word, Symbolic] = {(m,): moves[m] for m in sorted(moves)}
    body = polynomial(style, words, At(f"L-{inner}", -1))
    last = end.plus(-1).text()
    return [style.product(inner, begin.text(), last, body, len(moves))]
