"""Coefficients of a linearised recurrence as words over the blocks that a term leads over.

A term of ``X_i`` in ``X_<i-k>`` makes a move at each of the blocks ``i-k+1`` to ``i``. An
operator stands at its own block wherever that is possible. Where it is not - the block is none
of these, or an operator of an older block is applied later - it stands at another one, and its
letter says how far away its own block is: ``W_<i-1>`` at a block is the operator of the block
before. Nothing else changes: ``F = 1/(1 - A)`` holds over any letters. If one distance serves
all letters of a recurrence, they all have it, and a path is again one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import sympy

from recform.algebra.expr import I, L, Learned, with_learned
from recform.algebra.indices import time_of, untimed
from recform.algebra.placed import placed
from recform.algebra.scalars import expanded
from recform.algebra.typeset import indexed, plain_scalar
from recform.blocks.symbolic import Symbolic
from recform.linear.words import Letter, Polynomial
from recform.linear.words import Word as Product
from recform.series.places import BLOCK, SHARED
from recform.series.series import SHARED_MARK, Move, Series, Word
from recform.series.show import PLAIN

Words = Mapping[Word, Symbolic]


def words_of(
    polynomial: Polynomial, length: int, distance: int = 0, *, opaque: bool = False
) -> dict[Word, Symbolic]:
    """A coefficient ``a_k(i)`` as words over the blocks ``i-k+1`` to ``i``.

    Args:
        polynomial: the coefficient.
        length: k.
        distance: how far behind the block that it stands at an operator's own block is,
            where the order of operators allows it.
        opaque: whether to make letters of all numbers but fractions.
    """
    found: dict[Word, list[Symbolic]] = {}
    for product, weight in polynomial.terms.items():
        moves = _operators(product, length, distance)
        for gains, number in _gains(weight, length, distance, opaque):
            word = tuple(
                Move(move.operators, gain)
                for move, gain in zip(moves, gains, strict=True)
            )
            found.setdefault(word, []).append(number)
    result = {word: expanded(sympy.Add(*numbers)) for word, numbers in found.items()}
    return {word: number for word, number in result.items() if number != 0}


def seeds_before(polynomial: Polynomial) -> dict[Move, Symbolic]:
    """A coefficient ``a_0(i)`` as moves that are applied first at the next block."""
    shifted = polynomial.shifted(-1)
    return {
        move: weight for (move,), weight in words_of(shifted, 1, opaque=True).items()
    }


def has_free_letters(series: Series) -> bool:
    """Whether other series may have the same paths.

    What belongs to no block, or is a number, could stand at another block as well, and so
    could an operator that stands at another block than its own.
    """
    names = (name for move in series.moves for name in move.letters)
    return has_values(series) or any("_<" in name for name in names)


def has_values(series: Series) -> bool:
    """Whether letters may be equal though they read differently: weights and modules."""
    return any(_is_value(name) for move in series.moves for name in move.letters)


def _is_value(name: str) -> bool:
    """Whether a letter is no operator, and no learned scalar, of a block."""
    return name[0] in f"{SHARED_MARK}[" or "(" in name


def has_weights(series: Series) -> bool:
    """Whether some weights are letters, ``[1/i]``."""
    return any(name[0] == "[" for move in series.moves for name in move.gains)


def distances(series: Series) -> dict[int, str]:
    """How far behind the block that it stands at a letter's own block may be.

    For each distance one of the letters, those of operators and learned scalars alone.
    """
    result: dict[int, str] = {}
    for move in series.moves:
        for name in (*move.operators, *move.gains):
            if _is_value(name):
                continue
            far = re.search(r"_<i([+-]\d+)>", name)
            result.setdefault(-int(far[1]) if far else 0, name)
    return result


# ------------------------------------------------------------------------------- operators


def best_distance(coefficients: Iterable[tuple[Polynomial, int]]) -> int:
    """The distance at which most operators of a recurrence can stand; 0 if that will do.

    Args:
        coefficients: with their lengths.
    """
    products = [
        (product, length)
        for polynomial, length in coefficients
        for product in polynomial.terms
    ]
    own = [-x.at.number for product, _ in products for x in product if not _floats(x)]

    def displaced(distance: int) -> int:
        return sum(
            here + item.at.number != -distance
            for product, length in products
            for item, here in zip(
                product, _places(product, length, distance), strict=True
            )
            if not _floats(item)
        )

    return min(range(max([0, *own]) + 1), key=displaced)


def _operators(product: Product, length: int, distance: int) -> list[Move]:
    """The moves of a product of operators, newest block on the left."""
    for item in product:
        _check(item)
    places = _places(product, length, distance)
    found: list[list[str]] = [[] for _ in range(length)]
    for item, here in zip(product, places, strict=True):
        found[length - 1 - here].append(_named(item, here))
    return [Move(tuple(names)) for names in found]


def _places(product: Product, length: int, distance: int) -> list[int]:
    """How many blocks behind i each letter stands, never less than the one on its left.

    An operator stands at the distance from its own block, or at a newer one if it has to.
    What belongs to no block, or may be seen from any, stands as near to block i as it can.
    """
    limits = []
    most = length - 1
    for item in reversed(product):
        if not _floats(item):
            most = max(min(most, -item.at.number - distance), 0)
        limits.append(most)
    places: list[int] = []
    last = 0
    for item, limit in zip(product, reversed(limits), strict=True):
        own = -item.at.number if item.at.base == BLOCK else 0
        last = min(max(own, last), limit) if _floats(item) else limit
        places.append(last)
    return places


def _floats(item: Letter) -> bool:
    """Whether a letter may stand at any block, and is the same there."""
    return item.kind in ("gate", "gain") or item.at.base == SHARED


def _named(item: Letter, back: int) -> str:
    """The name of a letter at the block ``i - back``, in the index of that block."""
    if item.at.base == SHARED and item.kind == "operator":
        # One module for all blocks may stand at any of them; so it stands at one.
        return SHARED_MARK + item.label
    own = item.shifted(back)
    if item.kind == "gate":
        return own.text()
    if item.kind == "gain":
        return f"diag({own.text()})"
    return own.text() if own.at.number else item.label


def _check(item: Letter) -> None:
    """Activations have been left out."""
    if item.kind not in ("operator", "gate", "gain", "shift", "embed", "project"):
        raise TypeError(item.kind)
    if item.at.base not in (BLOCK, SHARED):
        raise TypeError(item.text())


# ----------------------------------------------------------------------------- coefficients


def _gains(
    weight: Symbolic, length: int, distance: int, opaque: bool
) -> list[tuple[list[tuple[str, ...]], Symbolic]]:
    """A coefficient as sums of products of the blocks' learned scalars and a number."""
    weight = with_learned(
        expanded(weight),
        lambda item: item if item.index.has(I) else sympy.Symbol(_shared_name(item)),
    )
    result = []
    for term in sympy.Add.make_args(weight):
        gains: list[tuple[str, ...]] = [()] * length
        rest = sympy.S.One
        for factor in sympy.Mul.make_args(term):
            base, power = factor.as_base_exp()
            if isinstance(base, Learned) and power.is_Integer and power > 0:
                _put(gains, base, int(power), distance)
            else:
                rest *= factor
        number = rest
        if rest.has(I, Learned) or (opaque and not rest.is_Rational):
            # A number that depends on the block is a gain of the newest one, ``[1/i]``.
            own = (I, L, *rest.atoms(Learned))
            if opaque:
                number, rest = rest.as_coeff_Mul(rational=True)
            else:
                number, rest = rest.as_independent(*own, as_Add=False)
            named = {x: sympy.Symbol(plain_scalar(x)) for x in own[2:]}
            # k of each block, as a_i is.
            named |= {
                x: sympy.Symbol(indexed(x.row.name, x.index)) for x in placed(rest)
            }
            shown = PLAIN.scalar(rest.xreplace(named))
            gains[-1] = tuple(sorted((*gains[-1], f"[{shown}]")))
        result.append((gains, number))
    return result


def _shared_name(item: Learned) -> str:
    """A scalar that all blocks share, one of a numbered list, ``a_2``, or of a time."""
    number = time_of(item.name) if item.index is sympy.nan else item.index
    return untimed(item.name) if number is None else f"{untimed(item.name)}_{number}"


def _put(
    gains: list[tuple[str, ...]], item: Learned, power: int, distance: int
) -> None:
    """Puts a block's scalar where an operator of its block would stand."""
    own = -int(item.index - I)
    here = min(max(own - distance, 0), len(gains) - 1)
    far = here - own
    name = f"{item.name}_<i{far:+d}>" if far else item.name
    place = len(gains) - 1 - here
    gains[place] = tuple(sorted((*gains[place], *[name] * power)))
