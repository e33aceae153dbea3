"""From a recursion to its general formula: ``F = 1/(1 - A)``.

The linearised recurrence becomes an automaton whose states are the unknowns and what has
been read of a term so far. Its series is the general formula, which is then written as a
regular expression, and with sums and products where it is a row of stars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import sympy

from recform.algebra.expr import History
from recform.blocks.symbolic import Symbolic
from recform.derivation.closed import closed_form
from recform.derivation.general.automaton import series_of
from recform.derivation.general.model import General
from recform.derivation.general.show import read_back
from recform.derivation.general.sums import SumReader
from recform.derivation.general.weights import Refused
from recform.derivation.words import Words, best_distance, seeds_before, words_of
from recform.diagnostics import CompileError, Diagnostics, Unread
from recform.linear.model import Linear
from recform.linear.words import Polynomial
from recform.series.automaton import equal, minimal
from recform.series.places import BLOCK, At
from recform.series.regex import Regex, regex_of
from recform.series.series import (
    Edge,
    Move,
    NotExact,
    Row,
    Series,
    constant,
    field_of,
    matrices,
    starting,
)
from recform.series.show import LATEX, PLAIN

# ------------------------------------------------------------------------------- automaton


#: Most rows of a series' automaton, with the moves of all ways into it.
MOST_ROWS = 20_000


@dataclass(frozen=True)
class Network:
    """A linearised recurrence as an automaton.

    Attributes:
        domain: of the weights.
        states: unknowns with what has been read of a term, the unknowns themselves first.
        steps: for each move, a sparse row for each state.
    """

    domain: Symbolic
    states: tuple[tuple[str, tuple[Move, ...]], ...]
    steps: Mapping[Move, tuple[Row, ...]]

    def series(
        self, source: str, target: str, seeds: Mapping[str, Polynomial] | None = None
    ) -> Series:
        """What ``target`` of a later block gets from ``source``.

        Args:
            source: an unknown of an earlier block.
            target: an unknown of the last one.
            seeds: what the unknowns of the source's own block get from it.
        """
        one, zero = self.domain.one, self.domain.zero
        given = {source: Polynomial.one()} if seeds is None else seeds
        start = {name: _number(seed) for name, seed in given.items()}
        final = tuple(one if s == (target, ()) else zero for s in self.states)
        initial = tuple(
            self.domain.from_sympy(start.get(name, sympy.S.Zero)) if not begun else zero
            for name, begun in self.states
        )
        series = Series(self.domain, initial, self.steps, final)
        ways = [
            (name, before, weight)
            for name, seed in given.items()
            if (rest := seed - Polynomial.one().scaled(start[name]))
            for before, weight in seeds_before(rest).items()
        ]
        return self._entered(series, ways) if ways else series

    def is_large(self, seeds: Mapping[str, Polynomial]) -> bool:
        """Whether a series with these seeds is out of all reason.

        Every way through the source's own block is a state with moves of its own.
        """
        ways = sum(len(seed.terms) for seed in seeds.values())
        return ways * len(self.steps) * len(self.states) > MOST_ROWS

    def _entered(
        self, series: Series, ways: Sequence[tuple[str, Move, Symbolic]]
    ) -> Series:
        """With the paths from unknowns that go through a move in front of all else.

        Each way is a state more, from which the first move leads on, after that one.
        """
        starts = starting([weight for _, _, weight in ways])
        zero = starts.domain.zero
        both = series + replace(starts, final=(zero,) * len(ways))
        edges = []
        for number, (unknown, before, _) in enumerate(ways, series.size):
            here = self.states.index((unknown, ()))
            edges += [
                (number, move.after(before), column, weight)
                for move, rows in both.steps.items()
                for column, weight in rows[here].items()
            ]
        steps = matrices(both.size, [*_edges(both), *edges])
        return replace(both, steps=steps)


def _edges(series: Series) -> Iterator[Edge]:
    for move, rows in series.steps.items():
        for state, row in enumerate(rows):
            for column, weight in row.items():
                yield state, move, column, weight


def _number(polynomial: Polynomial) -> Symbolic:
    """The coefficient of the identity, if it is a number that no block changes."""
    value = polynomial.terms.get((), sympy.S.Zero)
    return value if value.is_Rational else sympy.S.Zero


def seeds_of(linear: Linear, source: str) -> dict[str, Polynomial]:
    """What the unknowns of a block get from one of the same block, itself included.

    A sum over history has the newest member at once, and so has an equation that reads
    another one of its block.
    """
    seeds = {source: Polynomial.one()}
    for law in linear.laws:
        total = Polynomial()
        for read, polynomial in law.gradient.items():
            if read.at == At(BLOCK) and read.unknown in seeds and law.unknown != source:
                total += polynomial * seeds[read.unknown]
        if total:
            seeds[law.unknown] = total
    return seeds


def are_numbers(seeds: Mapping[str, Polynomial]) -> bool:
    """Whether no operator of the block stands in between."""
    return all(seed.terms.keys() == {()} and _number(seed) for seed in seeds.values())


def network_of(linear: Linear) -> Network:
    """The automaton of the regular blocks.

    Raises:
        CompileError: if members of a sum read tensors of later blocks than they count.
    """
    _from_older(linear)
    # A fixed block, such as X_0, is left out: no path from a later one leads through it.
    coefficients = linear.coefficients
    distance = best_distance((p, key[2]) for key, p in coefficients.items())

    def made(*, opaque: bool) -> Network:
        words = {
            key: words_of(polynomial, key[2], distance, opaque=opaque)
            for key, polynomial in coefficients.items()
        }
        return automaton(words, linear.unknowns)

    try:
        return made(opaque=False)
    except NotExact:
        # No field of SymPy's has all the numbers; as letters they are just multiplied.
        return made(opaque=True)


def _from_older(linear: Linear) -> None:
    """Refuses a history ``sum(k, 0, i-2, Z_<k+1>*X_k)``, which makes Z of a later block."""
    for name, read, distance in linear.coefficients:
        if distance >= 1:
            continue
        report = Diagnostics()
        report.error(
            "RF601",
            f"{name} is made of {read} of a later block than k, which no path leads back to",
            next(e.span for e in linear.formula.equations if e.right.has(History)),
            hint="let k count the newest tensor of each member: of "
            "sum(k, 0, i-2, Z_<k+1>*X_k) that is sum(k, 1, i-1, Z_k*X_<k-1>)",
        )
        raise CompileError(report)


def automaton(
    words: Mapping[tuple[str, str, int], Words], unknowns: tuple[str, ...]
) -> Network:
    """The automaton of laws: for ``(U, V, k)`` the words of ``U_i`` in ``V_<i-k>``."""
    weights = [w for group in words.values() for w in group.values()]
    domain = field_of(weights)
    element = cache(domain.from_sympy)
    numbers: dict[tuple[str, tuple[Move, ...]], int] = {
        (unknown, ()): n for n, unknown in enumerate(unknowns)
    }
    edges: list[Edge] = []
    for (target, source, _), group in words.items():
        for word, weight in group.items():
            before = numbers[source, ()]
            for length in range(1, len(word)):
                state = (source, word[:length])
                if state not in numbers:
                    numbers[state] = len(numbers)
                    edges.append((before, word[length - 1], numbers[state], domain.one))
                before = numbers[state]
            value = element(sympy.expand(weight))
            edges.append((before, word[-1], numbers[target, ()], value))
    return Network(domain, tuple(numbers), matrices(len(numbers), edges))


# ---------------------------------------------------------------------------------- showing


@dataclass(frozen=True)
class GeneralFormula:
    """What X_L gets from X_<L-i>, for every i.

    Attributes:
        source, target: the unknowns.
        series: the paths.
        rank: of the Hankel matrix.
        regex: the paths as a regular expression; None if it is long.
        closed: with sums and products, in the language of the files; empty if the paths
            are no row of stars.
        closed_latex: the same as LaTeX.
    """

    source: str
    target: str
    series: Series
    rank: int
    regex: Regex | None
    closed: str
    closed_latex: str


def general_formula(
    network: Network,
    source: str,
    target: str,
    seeds: Mapping[str, Polynomial] | None = None,
) -> GeneralFormula:
    """The general formula from one unknown to another."""
    reduced = minimal(network.series(source, target, seeds))
    regex = regex_of(reduced.series)
    closed = "" if regex is None else closed_form(PLAIN, regex)
    if closed and not _says_renamed(reduced.series):
        closed = ""
    shown = closed_form(LATEX, regex) if closed and regex is not None else ""
    return GeneralFormula(
        source, target, reduced.series, reduced.rank, regex, closed, shown
    )


def _says_renamed(series: Series) -> bool:
    """Whether the sums and products of a series have its paths, whatever its letters are.

    Gates, shared modules and weights have no reading in a general formula, so all letters
    are named anew for this.
    """
    names: dict[str, str] = {}

    def renamed(move: Move) -> Move:
        operators = [names.setdefault(n, f"Q{len(names)}") for n in move.operators]
        gains = [names.setdefault(n, f"q{len(names)}") for n in move.gains]
        return Move(tuple(operators), tuple(sorted(gains)))

    steps = {renamed(move): rows for move, rows in series.steps.items()}
    other = Series(series.domain, series.initial, steps, series.final)
    regex = regex_of(other)
    text = "" if regex is None else closed_form(PLAIN, regex)
    return bool(text) and _says(text, other)


def _says(text: str, series: Series) -> bool:
    """Whether a formula, read as any other, has the paths of a series."""
    learned = {name: True for move in series.moves for name in move.gains}
    free = {str(s): s for s in getattr(series.domain, "symbols", ())}
    expr = read_back(text)
    try:
        terms = SumReader(free, learned).terms(expr)
        again = series_of(General(terms, text, expr.span))
    except (Unread, Refused, NotExact):
        return False
    return equal(again, series - constant(series.domain.to_sympy(series.constant)))
