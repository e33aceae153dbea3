"""Weighted automata made smallest, compared and written out: exact over their field.

The smallest automaton of a series has as many states as the rank of its Hankel matrix,
whose entry at two words is the weight of both together (Fliess 1974). It is found by
keeping only what can be reached from the start, then only what can be told apart from
the end: linear algebra in a space as large as the automaton (Schützenberger 1961).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from recform.blocks.symbolic import Symbolic
from recform.series.series import Move, Row, Series, Word, add_to

#: Most words that are written out one by one.
MAX_WORDS = 4096


class Span:
    """A space of row vectors, by a basis; vectors are written in that basis.

    Attributes:
        work: how many numbers were multiplied so far.
    """

    def __init__(self, domain: Symbolic) -> None:
        self.work = 0
        self._domain = domain
        # For each vector of the basis: its reduced form and how it is made of the basis.
        self._rows: list[tuple[int, Row, Row]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def coordinates(self, vector: Row) -> Row | None:
        """The vector in the basis, or None if it is not in the space."""
        rest, made = self._reduced(vector)
        return None if rest else made

    def add(self, vector: Row) -> bool:
        """Takes a vector into the basis; False if it is in the space already."""
        rest, made = self._reduced(vector)
        if not rest:
            return False
        pivot = min(rest)
        scale = self._domain.one / rest[pivot]
        number = len(self._rows)
        origin = {n: -scale * w for n, w in made.items()}
        origin[number] = scale
        self._rows.append((pivot, {n: scale * w for n, w in rest.items()}, origin))
        return True

    def _reduced(self, vector: Row) -> tuple[Row, Row]:
        """What is left of a vector, and what of the basis was taken away from it."""
        rest, made = dict(vector), Row()
        for pivot, row, origin in self._rows:
            factor = rest.get(pivot)
            if not factor:
                continue
            self.work += len(row) + len(origin)
            for column, weight in row.items():
                add_to(rest, column, -factor * weight)
            for number, weight in origin.items():
                add_to(made, number, factor * weight)
        return rest, made


@dataclass(frozen=True)
class Reduced:
    """A smallest automaton.

    Attributes:
        series: the automaton; its states are the weights that follow ``words``.
        words: for each state a word: the state is what is left of the series behind it.
    """

    series: Series
    words: tuple[Word, ...]

    @property
    def rank(self) -> int:
        """The rank of the Hankel matrix: no automaton of the series has fewer states."""
        return self.series.size


def minimal(series: Series) -> Reduced:
    """The smallest automaton of a series.

    Its states are residuals: state ``w`` weighs a word v as the series weighs ``w v``.
    The words are the first, by length and then in the order of moves, that are
    independent, so the result does not depend on the automaton that it was made from.
    """
    reached, _ = _reachable(_reversed(series))
    series = _reversed(reached)
    reduced, words = _reachable(series)
    return Reduced(reduced, words)


def by_endings(reduced: Series) -> Series:
    """The smallest automaton whose states are told by what leads to them from the end."""
    return _reversed(_reachable(_reversed(reduced))[0])


def _reversed(series: Series) -> Series:
    """The automaton of the reversed words."""
    steps: dict[Move, tuple[Row, ...]] = {}
    for move, rows in series.steps.items():
        columns: list[Row] = [{} for _ in rows]
        for state, row in enumerate(rows):
            for target, weight in row.items():
                columns[target][state] = weight
        steps[move] = tuple(columns)
    return Series(series.domain, series.final, steps, series.initial)


def _reachable(series: Series) -> tuple[Series, tuple[Word, ...]]:
    """The automaton on the span of what is reached from the start."""
    domain = series.domain
    span = Span(domain)
    rows: list[Row] = []
    words: list[Word] = []
    queue: list[tuple[Word, Row]] = [((), series.forward(()))]
    moves = series.moves
    while queue:
        word, row = queue.pop(0)
        if not row or not span.add(row):
            continue
        rows.append(row)
        words.append(word)
        queue += [((*word, move), series.step(row, move)) for move in moves]
    steps = {
        move: tuple(_within(span, series.step(row, move)) for row in rows)
        for move in moves
    }
    initial = tuple(domain.one if not word else domain.zero for word in words)
    final = tuple(series.ends(row) for row in rows)
    steps = {move: matrix for move, matrix in steps.items() if any(matrix)}
    return Series(domain, initial, steps, final), tuple(words)


def _within(span: Span, row: Row) -> Row:
    coordinates = span.coordinates(row)
    assert coordinates is not None
    return coordinates


def is_zero(series: Series) -> bool:
    """Whether every word has the weight zero."""
    return first_word(series) is None


def first_word(series: Series) -> Word | None:
    """The first word that weighs something, by length; None if there is none."""
    span = Span(series.domain)
    queue: list[tuple[Word, Row]] = [((), series.forward(()))]
    while queue:
        word, row = queue.pop(0)
        if series.ends(row):
            return word
        if row and span.add(row):
            queue += [((*word, move), series.step(row, move)) for move in series.moves]
    return None


def squared(series: Series) -> Series:
    """The series of the squares of all weights."""
    size = series.size
    steps = {}
    for move, rows in series.steps.items():
        steps[move] = tuple(
            {a * size + b: v * w for a, v in left.items() for b, w in right.items()}
            for left in rows
            for right in rows
        )
    initial = tuple(v * w for v in series.initial for w in series.initial)
    final = tuple(v * w for v in series.final for w in series.final)
    return Series(series.domain, initial, steps, final)


def equal(left: Series, right: Series) -> bool:
    """Whether two series are equal, for words of every length."""
    return is_zero(left - right)


def degree(series: Series) -> int | None:
    """The length of the longest word of a finite series; None for an infinite one.

    In the smallest automaton a series is finite if and only if the matrices are
    nilpotent together: no product of as many as it has states is other than zero.
    """
    reduced = minimal(series).series
    rows = [reduced.forward(())]
    longest = -1
    for length in range(reduced.size + 1):
        span = Span(reduced.domain)
        rows = [row for row in rows if row and span.add(row)]
        if not rows:
            return longest
        longest = length
        rows = [reduced.step(row, move) for row in rows for move in reduced.moves]
    return None


def words_up_to(series: Series, length: int) -> Mapping[Word, Symbolic] | None:
    """The words up to a length with their weights (SymPy numbers), shortest first.

    None if there are more than :data:`MAX_WORDS`.
    """
    reduced = minimal(series).series
    result: dict[Word, Symbolic] = {}
    rows: list[tuple[Word, Row]] = [((), reduced.forward(()))]
    for _ in range(length + 1):
        for word, row in rows:
            weight = reduced.ends(row)
            if weight:
                result[word] = reduced.domain.to_sympy(weight)
        longer = (
            ((*word, move), after)
            for word, row in rows
            for move in reduced.moves
            if (after := reduced.step(row, move))
        )
        # One too many is enough to know it.
        rows = list(islice(longer, MAX_WORDS - len(result) + 1))
        if len(result) + len(rows) > MAX_WORDS:
            return None
    return result


def as_polynomial(series: Series) -> Mapping[Word, Symbolic] | None:
    """The words of a finite series, shortest first; None if it is infinite (or huge)."""
    longest = degree(series)
    return None if longest is None else words_up_to(series, longest)
