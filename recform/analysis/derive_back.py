"""From a recursion to its general formula: ``F = 1/(1 - A)``.

The linearised recurrence becomes an automaton whose states are the unknowns and what has
been read of a term so far. Its series is the general formula, which is then written as a
regular expression, and with sums and products where it is a row of stars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from recform.algebra.expr import I, L, Learned
from recform.algebra.sorts import Reported
from recform.algebra.typeset import plain_scalar
from recform.analysis.automaton import equal, minimal
from recform.analysis.automaton_regex import Regex, regex_of
from recform.analysis.derive_closed import closed_form
from recform.analysis.derive_text import LATEX, PLAIN
from recform.analysis.general import General
from recform.analysis.general_automaton import series_of
from recform.analysis.general_sums import SumReader
from recform.analysis.general_text import read_back
from recform.analysis.general_weights import Refused
from recform.analysis.linear import Linear
from recform.analysis.series import (
    SHARED_MARK,
    Move,
    NotExact,
    Row,
    Series,
    add_to,
    constant,
    field_of,
)
from recform.analysis.words import BLOCK, SHARED, Letter, Polynomial
from recform.analysis.words import Word as Product
from recform.diagnostics import Diagnostics


class NoSeries(Exception):
    """A recurrence is no series of moves; the argument says why."""


Words = Mapping[tuple[Move, ...], Any]


def words_of(polynomial: Polynomial, length: int) -> dict[tuple[Move, ...], Any]:
    """A coefficient ``a_k(i)`` as words over the blocks ``i-k+1`` to ``i``.

    Raises:
        NoSeries: if operators stand in another order than their blocks, or belong to no
            block in between.
    """
    result: dict[tuple[Move, ...], Any] = {}
    for product, weight in polynomial.terms.items():
        moves = _operators(product, length)
        for gains, number in _gains(weight, length):
            word = tuple(
                Move(move.operators, gain)
                for move, gain in zip(moves, gains, strict=True)
            )
            result[word] = sympy.expand(result.get(word, sympy.S.Zero) + number)
    return {word: number for word, number in result.items() if number != 0}


def _operators(product: Product, length: int) -> list[Move]:
    """The moves of a product of operators, newest block on the left."""
    found: list[list[str]] = [[] for _ in range(length)]
    last = 0
    for item in product:
        _check(item)
        back = -item.at.number
        if item.kind == "operator" and item.at.base == SHARED:
            # One module for all blocks may stand at any of them; so it stands at one.
            here = min(last, length - 1)
            found[length - 1 - here].append(SHARED_MARK + item.name)
            continue
        if item.kind in ("gate", "gain"):
            # What a tensor is multiplied with may be seen from any block.
            here = min(max(back, last), length - 1)
            found[length - 1 - here].append(_seen_from(item, here))
            last = here
            continue
        if not 0 <= back < length:
            raise NoSeries(f"{item.text()} belongs to no block between the two tensors")
        if back < last:
            raise NoSeries(
                f"{item.text()} is applied before an operator of an older block"
            )
        last = back
        found[length - 1 - back].append(item.name)
    return [Move(tuple(names)) for names in found]


def _seen_from(item: Letter, back: int) -> str:
    """What a gate multiplies with, in the index of the block that far back."""
    own = item.shifted(back).text()
    return own if item.kind == "gate" else f"diag({own})"


def _check(item: Letter) -> None:
    if item.kind == "project":
        raise NoSeries("features are split")
    if item.kind not in ("operator", "gate", "gain", "embed"):
        raise NoSeries(f"{item.text()} is no operator of a block")
    if item.at.base == SHARED and item.kind == "operator":
        return
    if item.at.base != BLOCK:
        raise NoSeries(f"{item.text()} belongs to one block alone")


def _gains(weight: Any, length: int) -> list[tuple[list[tuple[str, ...]], Any]]:
    """A coefficient as sums of products of the blocks' learned scalars and a number."""
    weight = sympy.expand(weight)
    free = {
        item: sympy.Symbol(item.name)
        for item in weight.atoms(Learned)
        if item.index is sympy.nan
    }
    weight = weight.xreplace(free)
    own = sorted(weight.atoms(Learned), key=str)
    dummies = {item: sympy.Dummy(str(n)) for n, item in enumerate(own)}
    bare = weight.xreplace(dummies)
    if not own:
        return list(_of_block([()] * length, bare))
    try:
        poly = sympy.Poly(bare, *dummies.values())
    except sympy.PolynomialError:
        raise NoSeries(f"{plain_scalar(weight)} is no polynomial") from None
    result: list[tuple[list[tuple[str, ...]], Any]] = []
    for powers, number in poly.terms():
        gains: list[tuple[str, ...]] = [()] * length
        for item, power in zip(own, powers, strict=True):
            if not power:
                continue
            back = -int(item.index - I) if item.index.has(I) else -1
            if not 0 <= back < length:
                raise NoSeries(
                    f"{item.name} belongs to no block between the two tensors"
                )
            place = length - 1 - back
            gains[place] = tuple(sorted((*gains[place], *[item.name] * power)))
        result += _of_block(gains, number)
    return result


def _of_block(
    gains: list[tuple[str, ...]], weight: Any
) -> Iterator[tuple[list[tuple[str, ...]], Any]]:
    """A weight with what depends on the block as a gain of the newest one, ``[1/i]``."""
    for term in sympy.Add.make_args(sympy.expand(weight)):
        if not term.has(I):
            yield gains, term
            continue
        number, own = term.as_independent(I, L, as_Add=False)
        newest = tuple(sorted((*gains[-1], f"[{plain_scalar(own)}]")))
        yield [*gains[:-1], newest], number


# ------------------------------------------------------------------------------- automaton


@dataclass(frozen=True)
class Network:
    """A linearised recurrence as an automaton.

    Attributes:
        domain: of the weights.
        states: unknowns with what has been read of a term, the unknowns themselves first.
        steps: for each move, a sparse row for each state.
    """

    domain: Any
    states: tuple[tuple[str, tuple[Move, ...]], ...]
    steps: Mapping[Move, tuple[Row, ...]]

    def series(
        self, source: str, target: str, seeds: Mapping[str, Any] | None = None
    ) -> Series:
        """What ``target`` of a later block gets from ``source``.

        Args:
            source: an unknown of an earlier block.
            target: an unknown of the last one.
            seeds: what the unknowns of the source's own block get from it.
        """
        one, zero = self.domain.one, self.domain.zero
        given = {source: sympy.S.One} if seeds is None else seeds
        start = {name: self.domain.from_sympy(v) for name, v in given.items()}
        initial = tuple(
            zero if begun else start.get(name, zero) for name, begun in self.states
        )
        final = tuple(one if s == (target, ()) else zero for s in self.states)
        return Series(self.domain, initial, self.steps, final)


def seeds_of(linear: Linear, source: str) -> dict[str, Any] | None:
    """What the unknowns of a block get from one of the same block, itself included.

    A sum over history has the newest member at once, and so has an equation that reads
    another one of its block. None if an operator of the block stands in between: no
    word over later blocks begins with it.
    """
    seeds: dict[str, Any] = {source: sympy.S.One}
    for law in linear.laws:
        total = sympy.S.Zero
        for read, polynomial in law.gradient.items():
            if read.at.base != BLOCK or read.at.number or read.unknown not in seeds:
                continue
            if law.unknown == source:
                continue
            for product, weight in polynomial.terms.items():
                if product or not weight.is_Rational:
                    return None
                total += weight * seeds[read.unknown]
        if total != 0:
            seeds[law.unknown] = total
    return seeds


def has_free_letters(series: Series) -> bool:
    """Whether other series may have the same paths.

    What belongs to no block, or is a number, could stand at another block as well.
    """
    names = [n for move in series.moves for n in (*move.operators, *move.gains)]
    return any(name[0] in f"{SHARED_MARK}[" or "(" in name for name in names)


def network_of(linear: Linear) -> Network:
    """The automaton of the regular blocks.

    Raises:
        NoSeries: if there is none, with the reason.
    """
    words: dict[tuple[str, str, int], Words] = {}
    for law in linear.solved:
        for source, polynomial in law.gradient.items():
            if source.at.base != BLOCK:
                # A fixed block, such as X_0: no path from a later one leads through it.
                continue
            length = -source.at.number
            key = (law.unknown, source.unknown, length)
            words[key] = words_of(polynomial, length)
    return automaton(words, linear.unknowns)


def automaton(
    words: Mapping[tuple[str, str, int], Words], unknowns: tuple[str, ...]
) -> Network:
    """The automaton of laws: for ``(U, V, k)`` the words of ``U_i`` in ``V_<i-k>``."""
    weights = [w for group in words.values() for w in group.values()]
    domain = field_of(weights)
    numbers: dict[tuple[str, tuple[Move, ...]], int] = {
        (unknown, ()): n for n, unknown in enumerate(unknowns)
    }
    edges: list[tuple[int, Move, int, Any]] = []
    for (target, source, _), group in words.items():
        for word, weight in group.items():
            before = numbers[source, ()]
            for length in range(1, len(word)):
                state = (source, word[:length])
                if state not in numbers:
                    numbers[state] = len(numbers)
                    edges.append((before, word[length - 1], numbers[state], domain.one))
                before = numbers[state]
            value = domain.from_sympy(sympy.expand(weight))
            edges.append((before, word[-1], numbers[target, ()], value))
    steps: dict[Move, list[Row]] = {}
    for before, move, after, value in edges:
        rows = steps.setdefault(move, [{} for _ in numbers])
        add_to(rows[before], after, value)
    ordered = {move: tuple(steps[move]) for move in sorted(steps)}
    return Network(domain, tuple(numbers), ordered)


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
    seeds: Mapping[str, Any] | None = None,
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
    silent = Diagnostics()
    learned = {name: True for move in series.moves for name in move.gains}
    free = {str(s): s for s in getattr(series.domain, "symbols", ())}
    expr = read_back(text)
    try:
        terms = SumReader(free, learned, silent).terms(expr)
        again = series_of(General(terms, text, expr.span))
    except (Reported, Refused, NotExact):
        return False
    return equal(again, series - constant(series.domain.to_sympy(series.constant)))
