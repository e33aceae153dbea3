"""A general formula as a series: read block by block, from L backwards.

What is left of a formula behind the newest block is a formula of the same kind, with all
counts of blocks less by one. There are finitely many of them, up to the weights, because
counts are compared with each other and with numbers only. So they are the states of an
automaton, which weighs the words of every length as the formula does: nothing is tried on
small lengths. Of variables that count in steps, and of rounded weights, remainders are kept.

A weight may be a sum of products of powers (``a^k``) and polynomials (``k^2``) of the
variables. Other weights (``1/k``, ``sqrt(k)``, ``k^k``) have no finite recurrence: along
``u v^k w`` the weights of a rational series obey a linear recurrence with constant
coefficients, which such sequences do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import sympy

from recform.blocks.symbolic import Symbolic
from recform.derivation.general.cases import weights_of
from recform.derivation.general.model import Bound, Factor, General, Term
from recform.derivation.general.ranges import ZERO, Ranges
from recform.derivation.general.weights import Refused, Why
from recform.derivation.general.wild import is_staircase, shows
from recform.series.series import SKIP, Edge, Move, Series, field_of, matrices

LENGTH = "i"
#: Most states; formulas of papers have a handful.
MAX_STATES = 2000


@dataclass(frozen=True)
class _Row:
    """A factor while it is read.

    Attributes:
        low, high: where it starts and has ended, seen from the block that is read.
        factor: the factor.
        spent: whether another one on its right has been passed.
        wait: how many blocks of the row come before its next one with a choice.
    """

    low: Bound
    high: Bound
    factor: Factor
    spent: bool = False
    wait: int = 0


@dataclass(frozen=True)
class _State:
    """What is left of a term.

    Attributes:
        ranges: of the length and the variables.
        rows: the factors that are left.
        growth: the weight's part ``x^degree * base^x``, for each variable in it.
        remainders: what is left of a variable x by a divisor, for some of them.
    """

    ranges: Ranges
    rows: tuple[_Row, ...]
    growth: tuple[tuple[str, int, Symbolic], ...]
    remainders: tuple[tuple[str, int, int], ...] = ()


_Weighted = tuple[Symbolic, _State]


def series_of(general: General, least: int = 1) -> Series:
    """The series of a general formula, for ``i`` from ``least`` on.

    Raises:
        Refused: if it has none.
        NotExact: if its numbers lie in no field of SymPy's.
    """
    starts = _all_starts(general, least)
    numbers: dict[_State, int] = {}
    queue: list[_State] = []

    def number(state: _State) -> int:
        if state not in numbers:
            if len(numbers) >= MAX_STATES:
                raise Refused(Why.LARGE, general.text)
            numbers[state] = len(numbers)
            queue.append(state)
        return numbers[state]

    first = [(weight, number(state)) for weight, state in starts]
    edges: list[Edge] = []
    ends: dict[int, Symbolic] = {}
    while queue:
        state = queue.pop(0)
        here = numbers[state]
        for weight, case in _cases(state):
            left = case.ranges.span_of(LENGTH) if LENGTH in case.ranges.names else None
            if left is None:
                ends[here] = ends.get(here, sympy.S.Zero) + weight * _ending(case)
                continue
            for move, factor, after in _next(case):
                edges.append((here, move, number(after), weight * factor))
    return _automaton(first, edges, ends, len(numbers))


def _automaton(
    first: list[tuple[Symbolic, int]],
    edges: list[Edge],
    ends: dict[int, Symbolic],
    size: int,
) -> Series:
    """The automaton of the words with the oldest move first: all is read backwards."""
    weights = [w for w, _ in first] + [e[3] for e in edges] + list(ends.values())
    domain = field_of([sympy.expand(w) for w in weights])
    final = [domain.zero] * size
    for weight, state in first:
        final[state] += domain.from_sympy(sympy.expand(weight))
    initial = [domain.zero] * size
    for state, weight in ends.items():
        initial[state] += domain.from_sympy(sympy.expand(weight))
    backwards = (
        (after, move, before, domain.from_sympy(sympy.expand(weight)))
        for before, move, after, weight in edges
    )
    return Series(domain, tuple(initial), matrices(size, backwards), tuple(final))


# -------------------------------------------------------------------------------- starting


def _all_starts(general: General, least: int) -> list[_Weighted]:
    """The states of all terms.

    A weight that no recurrence has is reported as such only if it is that of a path:
    other terms could take it away.
    """
    starts: list[_Weighted] = []
    wild: list[tuple[Term, Refused]] = []
    for term in general.terms:
        try:
            starts += _starts(term, least)
            if term.slanted and term.coefficient != 0:
                place = term.factors[0].place if term.factors else None
                raise Refused(Why.SLANTED, term.slanted, place)
        except Refused as refused:
            if refused.why not in (Why.WEIGHT, Why.SLANTED):
                raise
            wild.append((term, refused))
    if wild:
        # What is wrong with the paths themselves comes first.
        plain = tuple(
            replace(term, coefficient=sympy.S.One, slanted=None) for term, _ in wild
        )
        series_of(replace(general, terms=plain), least)
    for number, (term, reason) in enumerate(wild):
        others = [other for n, (other, _) in enumerate(wild) if n != number]
        if shows(term, others) and (not term.slanted or is_staircase(term)):
            raise reason
    if wild:
        why = Why.UNKNOWN if wild[0][1].why is Why.WEIGHT else Why.UNSETTLED
        raise Refused(why, wild[0][1].what)
    return starts


def _starts(term: Term, least: int) -> Iterator[_Weighted]:
    """The states of a term before the first block is read."""
    names = [LENGTH, *(variable.name for variable in term.variables)]
    ranges: Ranges | None = Ranges.of(names)
    limits = [(Bound(ZERO, least), Bound(LENGTH, 0))]
    for variable in term.variables:
        own = Bound(variable.name, 0)
        limits += [(variable.low, own), (own, variable.high)]
    for low, high in limits:
        ranges = None if ranges is None else ranges.with_at_most(low, high)
    if ranges is None:
        return
    rows = tuple(_Row(f.low, f.high, f) for f in term.factors)
    for case, weight, growth in weights_of(term.coefficient, ranges, term.multiples):
        left = tuple((n, by, rest) for n, (by, rest) in case.remainders.items())
        yield from _cleared(weight, _State(case.ranges, rows, growth, left))


def _cleared(weight: Symbolic, state: _State) -> Iterator[_Weighted]:
    """Cases of a state in which no factor stands ahead of the newest block."""
    for case in _split_where(state, lambda row: row.low):
        ahead = next(
            (
                row
                for row in case.rows
                if not _empty(case.ranges, row)
                and _at_most(case.ranges, row.low, Bound(ZERO, -1))
            ),
            None,
        )
        if ahead is None:
            yield weight, case
            continue
        for inner in _decide(case, ahead.low, ahead.high.plus(-1)):
            if not _at_most(inner.ranges, ahead.low, ahead.high.plus(-1)):
                yield from _cleared(weight, inner)
            else:
                raise Refused(Why.AHEAD, ahead.factor.place.text, ahead.factor.place)


def _split_where(state: _State, bound: Symbolic) -> Iterator[_State]:
    """Cases in which each row's bound is known to be below 0 or not."""
    for row in state.rows:
        place = bound(row)
        if _open(state.ranges, place, Bound(ZERO, -1)):
            for case in _decide(state, place, Bound(ZERO, -1)):
                yield from _split_where(case, bound)
            return
    yield state


# --------------------------------------------------------------------------------- reading


def _cases(state: _State) -> Iterator[_Weighted]:
    """Cases of a state in which it is known what stands on the newest block.

    A case whose length is 0 has no variable left.
    """
    for name in state.ranges.names[1:]:
        least, most = state.ranges.span_of(name)
        if most is None or (name == LENGTH and most > 0):
            continue
        # A sum's variable starts at a bound, so with i it has a least value as well.
        assert least is not None
        for value in range(least, most + 1):
            yield from _valued(state, name, value)
        return
    for name in state.ranges.names[1:]:
        least, _ = state.ranges.span_of(name)
        if least is None or least < 1:
            for case in _decide(state, Bound(name, 0), Bound(ZERO, 0)):
                yield from _cases(case)
            return
    for row in state.rows:
        for bound in (row.low, row.high):
            if _open(state.ranges, bound, Bound(ZERO, 0)):
                for case in _decide(state, bound, Bound(ZERO, 0)):
                    yield from _cases(case)
                return
    rows = tuple(row for row in state.rows if not _empty(state.ranges, row))
    yield sympy.S.One, replace(state, rows=rows)


def _valued(state: _State, name: str, value: int) -> Iterator[_Weighted]:
    """The cases of a state in which a variable has a value."""
    ranges = state.ranges.with_equal(Bound(name, 0), Bound(ZERO, value))
    if ranges is None:
        return
    if any(n == name and value % by != rest for n, by, rest in state.remainders):
        return
    left = tuple(item for item in state.remainders if item[0] != name)
    weight = sympy.S.One
    growth = []
    for item in state.growth:
        if item[0] == name:
            weight *= sympy.Integer(value) ** item[1] * item[2] ** value
        else:
            growth.append(item)
    if weight == 0:
        return

    def fixed(bound: Bound) -> Bound:
        return Bound(ZERO, value + bound.number) if bound.base == name else bound

    rows = tuple(
        replace(row, low=fixed(row.low), high=fixed(row.high)) for row in state.rows
    )
    inner = _State(ranges.without(name), rows, tuple(growth), left)
    for factor, case in _cases(inner):
        yield weight * factor, case


def _next(state: _State) -> Iterator[tuple[Move, Symbolic, _State]]:
    """The moves at the newest block, their weights and what is left behind it."""
    zero = Bound(ZERO, 0)
    reached = [_at_most(state.ranges, row.low, zero) for row in state.rows]
    here = [
        number
        for number, row in enumerate(state.rows)
        if reached[number]
        and not row.wait
        and not _at_most(state.ranges, row.high, zero)
    ]
    options: list[tuple[Move, Symbolic]] = [(SKIP, sympy.S.One)]
    for number in here:
        row = state.rows[number]
        if row.spent and not row.factor.commutes:
            raise Refused(Why.ORDER, row.factor.place.text, row.factor.place)
        options = [
            (move.after(other), weight * factor)
            for move, weight in options
            for other, factor in row.factor.choices
        ]
    last = max((n for n in here if not state.rows[n].factor.commutes), default=-1)
    rows = []
    for number, row in enumerate(state.rows):
        moved = _Row(
            _less(row.low),
            _less(row.high),
            row.factor,
            row.spent or number < last,
            (row.wait - 1) % row.factor.step if reached[number] else 0,
        )
        if moved.high.base != ZERO or moved.high.number > 0:
            rows.append(moved)
    ranges = state.ranges.one_less()
    left = tuple((n, by, (rest - 1) % by) for n, by, rest in state.remainders)
    for factor, growth in _grown(state.growth):
        after = _State(ranges, tuple(rows), growth, left)
        for move, weight in options:
            if weight != 0:
                yield move, weight * factor, after


def _less(bound: Bound) -> Bound:
    """A bound seen from one block further back."""
    return bound if bound.base != ZERO else Bound(ZERO, max(bound.number - 1, 0))


def _grown(
    growth: tuple[tuple[str, int, Symbolic], ...],
) -> Iterator[tuple[Symbolic, Symbolic]]:
    """``x^d * a^x`` with ``x + 1`` for x, as terms of the same kind."""
    if not growth:
        yield sympy.S.One, ()
        return
    (name, degree, base), *rest = growth
    for factor, others in _grown(tuple(rest)):
        for lower in range(degree + 1):
            weight = factor * base * sympy.binomial(degree, lower)
            if lower or base != 1:
                yield weight, ((name, lower, base), *others)
            else:
                yield weight, others


def _ending(state: _State) -> Symbolic:
    """The weight of a state at the end: operators behind the last block vanish."""
    weight = sympy.S.One
    for row in state.rows:
        stays = dict(row.factor.choices).get(SKIP, sympy.S.Zero)
        first = max(row.low.number, 0) + row.wait
        weight *= stays ** len(range(first, row.high.number, row.factor.step))
    return weight


# ------------------------------------------------------------------------------- comparing


def _at_most(ranges: Ranges, left: Bound, right: Bound) -> bool:
    """Whether ``left <= right`` is certain."""
    limit = ranges.difference(left, right)
    return limit is not None and limit <= 0


def _open(ranges: Ranges, left: Bound, right: Bound) -> bool:
    """Whether ``left <= right`` depends on the variables."""
    return not _at_most(ranges, left, right) and not _at_most(
        ranges, right.plus(1), left
    )


def _decide(state: _State, left: Bound, right: Bound) -> Iterator[_State]:
    """The cases ``left <= right`` and ``left > right``, those that can be."""
    for ranges in (
        state.ranges.with_at_most(left, right),
        state.ranges.with_at_most(right.plus(1), left),
    ):
        if ranges is not None:
            yield replace(state, ranges=ranges)


def _empty(ranges: Ranges, row: _Row) -> bool:
    """Whether a row certainly has no block."""
    return _at_most(ranges, row.high, row.low)
