"""Rational series over moves: what paths from one block to a later one weigh, together.

A path from ``X_j`` to ``X_L`` makes a move at each block in between: it skips it, or passes
through its operator. So it is a word over moves, the first move at block ``j+1``, and a
general formula is a series: a weight for every word. Words multiply without commuting,
weights are numbers or symbols that commute with everything.

A series is held as a weighted automaton, a linear representation: the weight of
``x_1 ... x_n`` is ``initial * M(x_1) * ... * M(x_n) * final``. Sum, product, star and
inverse are made on it exactly (Schützenberger 1961; Berstel and Reutenauer,
"Noncommutative Rational Series With Applications", chapter 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import sympy
from sympy.polys.constructor import construct_domain
from sympy.polys.polyerrors import UnificationFailed

from recform.blocks.symbolic import Symbolic

#: In front of the name of a module that all blocks share: it has no index.
SHARED_MARK = "@"

#: A row of a sparse matrix: entries by column, none of them zero.
Row = dict[int, Symbolic]


class NotExact(Exception):
    """Weights in which zero cannot be told from what only looks like it."""


@dataclass(frozen=True, order=True)
class Move:
    """What a path does at one block.

    Attributes:
        operators: the operators of the block that it passes, the one that is applied
            last in front; none for a skip.
        gains: learned scalars of the block that it is multiplied by, by name, sorted.
    """

    operators: tuple[str, ...] = ()
    gains: tuple[str, ...] = ()

    @property
    def is_skip(self) -> bool:
        """Whether the value goes by as it is."""
        return not self.operators and not self.gains

    @property
    def letters(self) -> tuple[str, ...]:
        """The names of both, as they are written: gains in front."""
        return (*self.gains, *self.operators)

    def text(self) -> str:
        """As in ``paths``: ``skip``, ``W``, ``k*W``."""
        return "*".join(map(_shown, self.letters)) or "skip"

    def after(self, first: Move) -> Move:
        """The move of two factors at one block, this one applied last."""
        gains = tuple(sorted((*self.gains, *first.gains)))
        return Move(self.operators + first.operators, gains)


def _shown(name: str) -> str:
    """A letter's name; one of a single time of a second index is ``U.2``."""
    plain, _, time = name.removeprefix(SHARED_MARK).partition(".")
    if not time or "(" in name or name.startswith("["):
        return name.removeprefix(SHARED_MARK)
    return f"{plain}_{time}" if name.startswith(SHARED_MARK) else f"{plain}_<i,{time}>"


SKIP = Move()
Word = tuple[Move, ...]
#: From one state by a move to another one, with a weight.
Edge = tuple[int, Move, int, Symbolic]


@dataclass(frozen=True)
class Series:
    """A rational series as a weighted automaton.

    Attributes:
        domain: SymPy's field that the weights are in.
        initial: a weight for each state.
        steps: for each move a matrix; one sparse row for each state.
        final: a weight for each state.
        words: where the automaton is the smallest one, a word for each state: the state
            is what is left of the series behind it.
    """

    domain: Symbolic
    initial: tuple[Symbolic, ...]
    steps: Mapping[Move, tuple[Row, ...]]
    final: tuple[Symbolic, ...]
    words: tuple[Word, ...] | None = field(default=None, compare=False)

    @property
    def size(self) -> int:
        """The number of states."""
        return len(self.initial)

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """The moves that occur, sorted: skips first."""
        return tuple(sorted(m for m, rows in self.steps.items() if any(rows)))

    # -- coefficients

    def forward(self, word: Iterable[Move]) -> Row:
        """``initial * M(word)``, sparse."""
        row = {n: w for n, w in enumerate(self.initial) if w}
        for move in word:
            row = self.step(row, move)
        return row

    def step(self, row: Row, move: Move) -> Row:
        """A row vector times the matrix of a move."""
        matrix = self.steps.get(move)
        result: Row = {}
        if matrix is None:
            return result
        for state, weight in row.items():
            for column, entry in matrix[state].items():
                add_to(result, column, weight * entry)
        return result

    def ahead(self, row: Row) -> dict[Move, Row]:
        """A row vector times the matrix of each move, in their order; none is zero."""
        found: dict[int, Row] = {}
        for state, weight in row.items():
            for number, entries in self._leading[state]:
                result = found.setdefault(number, {})
                for column, entry in entries.items():
                    add_to(result, column, weight * entry)
        return {
            self.moves[number]: found[number]
            for number in sorted(found)
            if found[number]
        }

    @cached_property
    def _leading(self) -> tuple[tuple[tuple[int, Row], ...], ...]:
        """For each state the numbers of the moves that lead on from it, and its rows."""
        leading: list[list[tuple[int, Row]]] = [[] for _ in self.initial]
        for number, move in enumerate(self.moves):
            for state, row in enumerate(self.steps[move]):
                if row:
                    leading[state].append((number, row))
        return tuple(map(tuple, leading))

    def back(self, column: Row, move: Move) -> Row:
        """The matrix of a move times a column vector."""
        result: Row = {}
        for state, row in enumerate(self.steps.get(move, ())):
            for target, entry in row.items():
                if target in column:
                    add_to(result, state, entry * column[target])
        return result

    def ends(self, row: Row) -> Symbolic:
        """A row vector times ``final``."""
        return sum((w * self.final[n] for n, w in row.items()), self.domain.zero)

    def weight(self, word: Iterable[Move]) -> Symbolic:
        """The weight of a word, as a SymPy number."""
        return self.domain.to_sympy(self.ends(self.forward(word)))

    @property
    def constant(self) -> Symbolic:
        """The weight of the empty word, in the domain."""
        return self.ends(self.forward(()))

    # -- operations

    def __add__(self, other: Series) -> Series:
        left, right = unified(self, other)
        shift = left.size
        return Series(
            left.domain,
            left.initial + right.initial,
            {
                move: _rows(left, move) + _moved(_rows(right, move), shift)
                for move in _all_moves(left, right)
            },
            left.final + right.final,
        )

    def scaled(self, weight: Symbolic) -> Series:
        """Every weight times a SymPy number."""
        left, one = unified(self, constant(weight))
        return left._times(one.constant)

    def _times(self, element: Symbolic) -> Series:
        initial = tuple(element * w for w in self.initial)
        return Series(self.domain, initial, self.steps, self.final)

    def __sub__(self, other: Series) -> Series:
        return self + other._times(-other.domain.one)

    def __mul__(self, other: Series) -> Series:
        """Every word of this one followed by every word of the other."""
        left, right = unified(self, other)
        shift = left.size
        entry = {shift + n: w for n, w in enumerate(right.initial) if w}
        steps = {
            move: left._led_on(_rows(left, move), entry)
            + _moved(_rows(right, move), shift)
            for move in _all_moves(left, right)
        }
        at_once = left.constant
        zero = left.domain.zero
        return Series(
            left.domain,
            left.initial + tuple(at_once * w for w in right.initial),
            steps,
            (zero,) * left.size + right.final,
        )

    def star(self) -> Series:
        """``1 + F + F*F + ...``.

        Raises:
            ZeroDivisionError: if the empty word has a weight: the sum has no limit.
        """
        if self.constant:
            raise ZeroDivisionError
        begin = {n: w for n, w in enumerate(self.initial) if w}
        steps = {move: self._led_on(rows, begin) for move, rows in self.steps.items()}
        return Series(self.domain, self.initial, steps, self.final) + constant(1)

    def _led_on(self, rows: tuple[Row, ...], entry: Row) -> tuple[Row, ...]:
        """Rows by which what ends here enters elsewhere, too."""
        result = []
        for row in rows:
            both, ends = dict(row), self.ends(row)
            if ends:
                for column, weight in entry.items():
                    add_to(both, column, ends * weight)
            result.append(both)
        return tuple(result)

    def inverse(self) -> Series:
        """The series G with ``F*G = G*F = 1``.

        Raises:
            ZeroDivisionError: if the empty word has no weight.
        """
        first = self.constant
        if not first:
            raise ZeroDivisionError
        scale = self.domain.one / first
        return (constant(1) - self._times(scale)).star()._times(scale)


# ------------------------------------------------------------------------------ building


def field_of(weights: Sequence[Symbolic]) -> Symbolic:
    """The smallest field of SymPy's with these numbers.

    Raises:
        NotExact: if SymPy has none in which zero is certain.
    """
    domain, _ = construct_domain(
        list(weights) or [sympy.S.One], field=True, extension=True
    )
    if not domain.is_Exact or domain.is_EX:
        raise NotExact
    # Fractions of whole-number polynomials and of rational ones are two fields to SymPy.
    return sympy.QQ.unify(domain).get_field()


def constant(weight: Symbolic) -> Series:
    """The series of the empty word with a weight."""
    return starting([weight])


def starting(weights: Sequence[Symbolic]) -> Series:
    """A state for each weight, with nothing that leads on: the sum of the weights."""
    numbers = list(map(sympy.sympify, weights))
    domain = field_of(numbers)
    initial = tuple(map(domain.from_sympy, numbers))
    return Series(domain, initial, {}, (domain.one,) * len(initial))


def letter(move: Move) -> Series:
    """The series of one word of one move."""
    return polynomial({(move,): sympy.S.One})


def polynomial(terms: Mapping[Word, Symbolic]) -> Series:
    """A series of finitely many words, with SymPy numbers as weights."""
    words = list(terms)
    domain = field_of([sympy.sympify(terms[word]) for word in words])
    states: dict[Word, int] = {(): 0}
    for word in words:
        for length in range(1, len(word) + 1):
            states.setdefault(word[:length], len(states))
    steps = matrices(
        len(states),
        (
            (states[word[:-1]], word[-1], number, domain.one)
            for word, number in states.items()
            if word
        ),
    )
    zero = domain.zero
    final = [zero] * len(states)
    for word in words:
        final[states[word]] = domain.from_sympy(sympy.sympify(terms[word]))
    return Series(
        domain, (domain.one, *[zero] * (len(states) - 1)), steps, tuple(final)
    )


def matrices(size: int, edges: Iterable[Edge]) -> dict[Move, tuple[Row, ...]]:
    """The matrices of an automaton with so many states, by move, sorted."""
    steps: dict[Move, list[Row]] = {}
    for before, move, after, weight in edges:
        rows = steps.setdefault(move, [{} for _ in range(size)])
        add_to(rows[before], after, weight)
    return {move: tuple(steps[move]) for move in sorted(steps)}


def unified(left: Series, right: Series) -> tuple[Series, Series]:
    """Both over the smallest field that has the weights of both."""
    if left.domain == right.domain:
        return left, right
    try:
        domain = left.domain.unify(right.domain)
    except UnificationFailed as error:
        raise NotExact from error
    if not domain.is_Field:
        domain = domain.get_field()
    if not domain.is_Exact or domain.is_EX:
        raise NotExact
    return _over(left, domain), _over(right, domain)


def _over(series: Series, domain: Symbolic) -> Series:
    def change(element: Symbolic) -> Symbolic:
        return _converted(element, series.domain, domain)

    return Series(
        domain,
        tuple(map(change, series.initial)),
        {
            move: tuple({n: change(w) for n, w in row.items()} for row in rows)
            for move, rows in series.steps.items()
        },
        tuple(map(change, series.final)),
    )


@lru_cache(maxsize=4096)
def _converted(element: Symbolic, old: Symbolic, new: Symbolic) -> Symbolic:
    """A number of one field in another; one with roots is a polynomial in one number."""
    if not (old.is_Algebraic and new.is_Algebraic):
        return new.convert_from(element, old)
    generator, made = _generator(old, new), new.zero
    for factor in element.to_list():
        made = made * generator + new.convert_from(factor, old.dom)
    return made


@lru_cache(maxsize=256)
def _generator(old: Symbolic, new: Symbolic) -> Symbolic:
    """The number of which all of a field with roots are made, in another field.

    SymPy looks for it among all relations of whole numbers, which takes half a second.
    """
    return new.convert_from(old.unit, old)


def add_to(row: Row, column: int, weight: Symbolic) -> None:
    """Adds to an entry of a sparse row; what cancels is gone."""
    value = row[column] + weight if column in row else weight
    if value:
        row[column] = value
    else:
        row.pop(column, None)


def _all_moves(left: Series, right: Series) -> tuple[Move, ...]:
    return tuple(dict.fromkeys((*left.steps, *right.steps)))


def _rows(series: Series, move: Move) -> tuple[Row, ...]:
    return series.steps.get(move) or tuple({} for _ in range(series.size))


def _moved(rows: tuple[Row, ...], shift: int) -> tuple[Row, ...]:
    return tuple({shift + n: w for n, w in row.items()} for row in rows)


def whole(series: Series) -> Series:
    """The same over polynomials, if no weight is divided: nothing is put in lowest terms."""
    rows = [row for matrix in series.steps.values() for row in matrix]
    weights = [*series.initial, *series.final, *(w for r in rows for w in r.values())]
    domain = series.domain
    if not domain.is_FractionField or any(weight.denom != 1 for weight in weights):
        return series
    return _over(series, domain.get_ring())
