"""From the paths that a network is to have to its recursion.

What X_j gives directly to later blocks is a series A with ``F = 1 + A*F``, where F is the
general formula, so ``A = 1 - 1/F``: exact, for all depths. A word of A over blocks j+1 to
j+k is a term of ``X_<j+k>`` in ``X_j``. A finite A is one recursion. Otherwise each state
of the smallest automaton of F but one becomes an unknown of its own (the method of
sections 4 and 5.1 of Liao et al., made an algorithm).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import sympy

from recform.algebra.typeset import added
from recform.blocks.symbolic import Symbolic
from recform.derivation.general.read import Wanted
from recform.reading.sorts import MAX_OFFSET
from recform.series.automaton import (
    Reduced,
    Span,
    as_polynomial,
    by_endings,
    degree,
    minimal,
)
from recform.series.places import BLOCK, At
from recform.series.series import Row, Series, Word, constant
from recform.series.show import PLAIN, Plain, applied, grouped, is_negative

#: A recursion of more terms than this is written as a system.
MAX_RECURSION = 64
#: A system of more unknowns than this is out of all reason.
MAX_UNKNOWNS = 48
#: With more new unknowns than this their signs are taken as they come.
_MOST_SIGNS = 6


@dataclass(frozen=True)
class Recursion:
    """Equations that have the paths of a series.

    Attributes:
        unknowns: names; the first is the one that the paths are about.
        terms: for each pair of unknowns (of the left and of the right side), words with
            weights: a word of length k is a term in block ``i - k`` of the right one.
    """

    unknowns: tuple[str, ...]
    terms: Mapping[tuple[str, str], Mapping[Word, Symbolic]]

    @property
    def order(self) -> int:
        """How many blocks back the equations reach."""
        return max((len(w) for words in self.terms.values() for w in words), default=1)

    @property
    def one_call(self) -> bool:
        """Whether operators are applied to sums of unknowns, to be called less often."""
        return any(
            len([s for s in self.unknowns if word in self.terms.get((name, s), {})]) > 1
            for name in self.unknowns
            for words in self.terms.values()
            for word in words
            if not word[0].is_skip
        )

    def equations(self, style: Plain = PLAIN) -> tuple[str, ...]:
        """The equations for block i."""
        return tuple(self.equation(style, name, At(BLOCK)) for name in self.unknowns)

    def equation(self, style: Plain, unknown: str, here: At) -> str:
        """The equation of one unknown for a block."""
        sources = {
            source: self.terms[unknown, source]
            for source in self.unknowns
            if (unknown, source) in self.terms
        }
        parts = []
        if self.one_call:
            parts = grouped(style, sources, here)
        else:
            for source, words in sources.items():
                parts += applied(style, words, source, here)
        return f"{style.name(unknown, here)} = {added(parts)}"


@dataclass(frozen=True)
class Derivation:
    """A general formula and its recursion.

    Attributes:
        wanted: the general formula.
        reduced: the smallest automaton of its series.
        direct: the words of A, if they are finitely many.
        reach: the length of the longest word of A; None if it is infinite.
        recursion: the equations.
    """

    wanted: Wanted
    reduced: Reduced
    direct: Mapping[Word, Symbolic] | None
    reach: int | None
    recursion: Recursion

    @property
    def rank(self) -> int:
        """The rank of the Hankel matrix: how many tensors are handed on at least."""
        return self.reduced.rank


def derive(wanted: Wanted, taken: Sequence[str] = ()) -> Derivation:
    """The recursion of a general formula.

    Args:
        wanted: the paths.
        taken: names that new unknowns must not have.
    """
    reduced = minimal(wanted.series)
    inverse = constant(1) - reduced.series.inverse()
    reach = degree(inverse)
    direct = None
    if reach is not None and reach <= MAX_OFFSET:
        direct = as_polynomial(inverse)
    if direct is not None and len(direct) <= MAX_RECURSION:
        name = wanted.unknown
        recursion = Recursion((name,), {(name, name): direct})
    else:
        recursion = _system(reduced, wanted.unknown, taken)
    return Derivation(wanted, reduced, direct, reach, recursion)


# --------------------------------------------------------------------------------- systems


def _system(reduced: Reduced, unknown: str, taken: Sequence[str]) -> Recursion:
    """First-order equations, one for each state of the smallest automaton.

    The state of the automaton is written as ``X * initial`` and something whose weight at
    the end is zero, in a basis of such rows: these coordinates are the new unknowns. So
    what is added to ``X_j`` alone goes the paths of the series.
    """
    letters = {n for move in reduced.series.moves for n in move.operators + move.gains}
    names = (unknown, *_names(reduced.rank - 1, {unknown, *taken, *letters}))
    found = [
        way
        for series in (reduced.series, by_endings(reduced.series))
        for way in _signed(_scaled(_equations(series, _silent(series), names)))
    ]
    return min(found, key=_clumsiness)


def _scaled(recursion: Recursion) -> Recursion:
    """The same with new unknowns whose equations start with the weight 1."""
    for name in recursion.unknowns[1:]:
        first = next(
            (
                next(iter(words.values()))
                for source in recursion.unknowns
                if (words := recursion.terms.get((name, source))) and source != name
            ),
            sympy.S.One,
        )
        recursion = _times(recursion, name, first)
    return recursion


def _signed(recursion: Recursion) -> Iterator[Recursion]:
    """The same with other signs of the new unknowns."""
    new = recursion.unknowns[1:]
    for size in range(len(new) + 1 if len(new) <= _MOST_SIGNS else 1):
        for names in combinations(new, size):
            other = recursion
            for name in names:
                other = _times(other, name, sympy.Integer(-1))
            yield other


def _times(recursion: Recursion, name: str, factor: Symbolic) -> Recursion:
    """The same with ``factor`` times a new unknown in place of it."""
    terms = {}
    for (target, source), words in recursion.terms.items():
        scale = (factor if source == name else 1) / (
            factor if target == name else sympy.S.One
        )
        terms[target, source] = {w: sympy.cancel(scale * v) for w, v in words.items()}
    return Recursion(recursion.unknowns, terms)


def _silent(series: Series) -> list[Row]:
    """A basis of the rows whose weight at the end is zero."""
    one = series.domain.one
    pivot = next(n for n, weight in enumerate(series.final) if weight)
    rows = []
    for state in range(series.size):
        if state == pivot:
            continue
        row = {state: one}
        if series.final[state]:
            row[pivot] = -series.final[state] / series.final[pivot]
        rows.append(row)
    return rows


def _equations(series: Series, silent: list[Row], names: tuple[str, ...]) -> Recursion:
    span = Span(series.domain)
    basis = [series.forward(()), *silent]
    for row in basis:
        independent = span.add(row)
        assert independent
    terms: dict[tuple[str, str], dict[Word, Symbolic]] = {}
    for source, row in zip(names, basis, strict=True):
        for move in series.moves:
            made = span.coordinates(series.step(row, move))
            assert made is not None
            for number, weight in sorted(made.items()):
                words = terms.setdefault((names[number], source), {})
                words[(move,)] = series.domain.to_sympy(weight)
    return Recursion(names, terms)


def _clumsiness(recursion: Recursion) -> tuple[int, int]:
    weights = [w for words in recursion.terms.values() for w in words.values()]
    return sum(1 for w in weights if is_negative(w)), len(weights)


def _names(count: int, taken: set[str]) -> list[str]:
    """Names for new unknowns."""
    letters = [name for name in "YZVUTSRQPHGEDCBA" if name not in taken]
    numbered = (f"Y{n}" for n in range(1, count + len(taken) + 1))
    return [*letters, *(name for name in numbered if name not in taken)][:count]
