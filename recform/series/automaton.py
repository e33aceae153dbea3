"""Weighted automata made smallest, compared and written out: exact over their field.

The smallest automaton of a series has as many states as the rank of its Hankel matrix,
whose entry at two words is the weight of both together (Fliess 1974). It is found by
keeping only what can be reached from the start, then only what can be told apart from
the end: linear algebra in a space as large as the automaton (Schützenberger 1961).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

from recform.blocks.symbolic import Symbolic
from recform.series.series import Edge, Move, Row, Series, Word, add_to, matrices

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
        before = len(self)
        self.placed(vector)
        return len(self) > before

    def placed(self, vector: Row) -> Row:
        """The vector in the basis, of which it is the last one if it is in no space yet."""
        rest, made = self._reduced(vector)
        if not rest:
            return made
        pivot = min(rest)
        scale = self._domain.one / rest[pivot]
        number = len(self._rows)
        origin = {n: -scale * w for n, w in made.items()}
        origin[number] = scale
        self._rows.append((pivot, {n: scale * w for n, w in rest.items()}, origin))
        return {number: self._domain.one}

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
    if series.words is None:
        reached, _ = _reachable(_reversed(series))
        reduced, words = _reachable(_reversed(reached))
        series = replace(reduced, words=words)
    return Reduced(series, series.words or ())


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
    edges: list[Edge] = []
    # Each with the state that it comes from.
    queue: deque[tuple[int, Word, Row]] = deque([(0, (), series.forward(()))])
    while queue:
        before, word, row = queue.popleft()
        made = span.placed(row)
        edges += [(before, word[-1], n, weight) for n, weight in made.items() if word]
        if len(span) > len(rows):
            here = len(rows)
            rows.append(row)
            words.append(word)
            ahead = series.ahead(row).items()
            queue += [(here, (*word, move), after) for move, after in ahead]
    initial = tuple(domain.one if not word else domain.zero for word in words)
    final = tuple(series.ends(row) for row in rows)
    return Series(domain, initial, matrices(len(rows), edges), final), tuple(words)


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
            queue += [((*word, m), after) for m, after in series.ahead(row).items()]
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
        rows = [after for row in rows for after in reduced.ahead(row).values()]
    return None


def words_up_to(series: Series, length: int) -> Mapping[Word, Symbolic] | None:
    """The words up to a length with their weights (SymPy numbers), shortest first.

    None if there are more than :data:`MAX_WORDS`.
    """
    found = list(islice(words_by_length(series), length + 1))
    if len(found) <= length:
        return None
    return {word: weight for words in found for word, weight in words.items()}


def words_by_length(
    series: Series, most: int = MAX_WORDS
) -> Iterator[Mapping[Word, Symbolic]]:
    """The words of each length with their weights, until there are too many of them.

    Args:
        series: whose words.
        most: so many of one length are too many, and more than :data:`MAX_WORDS` of all.
    """
    reduced = minimal(series).series
    number = cache(reduced.domain.to_sympy)
    known = 0
    rows: list[tuple[Word, Row]] = [((), reduced.forward(()))]
    while True:
        ends = ((word, reduced.ends(row)) for word, row in rows)
        words = {word: weight for word, weight in ends if weight}
        known += len(words)
        if len(words) > most:
            return
        longer = (
            ((*word, move), after)
            for word, row in rows
            for move, after in reduced.ahead(row).items()
        )
        # One too many is enough to know it.
        rows = list(islice(longer, MAX_WORDS - known + 1))
        if known + len(rows) > MAX_WORDS:
            return
        yield {word: number(weight) for word, weight in words.items()}


def as_polynomial(series: Series) -> Mapping[Word, Symbolic] | None:
    """The words of a finite series, shortest first; None if it is infinite (or huge)."""
    longest = degree(series)
    return None if longest is None else words_up_to(series, longest)
