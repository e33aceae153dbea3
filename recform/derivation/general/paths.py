"""Reads ``paths skip* pass*``: a general formula as a regular expression.

Without weights an expression names a set of paths, each of which is there once. With a
weight anywhere in it, the ways to read a path add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from recform.blocks.symbolic import Symbolic
from recform.derivation.general.automaton import MAX_STATES
from recform.derivation.general.weights import Refused, Why
from recform.diagnostics import Reported, Unread, meant
from recform.series.automaton import is_zero, minimal, squared
from recform.series.series import SKIP, Edge, Move, Series, constant, letter, matrices
from recform.syntax import nodes as n

_WORDS = ("skip", "pass")
#: The operator that ``pass`` goes through.
DEFAULT_OPERATOR = "W"
#: Most states of an automaton whose weights are squared.
_MOST_SQUARED = 24


class PathReader:
    """Reads a route as a series.

    Args:
        weight: reads a weight; None after a diagnostic.
    """

    def __init__(self, weight: Callable[[n.Expr], Symbolic]) -> None:
        self._weight = weight

    def series(self, route: n.Route) -> Series:
        """The series of a route.

        Raises:
            Unread: if it is none (RF640, RF641).
            Reported: after a diagnostic of a weight.
            Refused: if it is too large.
        """
        if any(isinstance(part, n.Weighted) for part in parts(route)):
            return minimal(self._read(route, weighted=True)).series
        return minimal(_each_once(self._read(route, weighted=False))).series

    def _read(self, route: n.Route, *, weighted: bool) -> Series:
        match route:
            case n.Move():
                return letter(self._move(route))
            case n.Weighted():
                weight = self._weight(route.weight)
                if weight is None:
                    raise Reported
                return self._read(route.route, weighted=weighted).scaled(weight)
            case n.Either():
                total = constant(0)
                for inner in route.routes:
                    total += self._read(inner, weighted=weighted)
                return self._small(total, route)
            case n.Run():
                product = constant(1)
                for inner in route.routes:
                    product *= self._read(inner, weighted=weighted)
                return self._small(product, route)
            case n.Repeat():
                return self._small(self._repeat(route, weighted=weighted), route)
        raise TypeError(type(route).__name__)

    def _repeat(self, route: n.Repeat, *, weighted: bool) -> Series:
        once = self._read(route.route, weighted=weighted)
        result = constant(1)
        for _ in range(route.least):
            result *= once
        if route.most is not None:
            tail = constant(1)
            for _ in range(route.most - route.least):
                tail = constant(1) + self._small(once * tail, route)
            return result * tail
        if once.constant and weighted:
            raise Unread(
                "RF641",
                "what is repeated may be empty, so its weights would add up without end",
                route.span,
                "take the empty path out of the repeated part",
            )
        if once.constant:
            # In a set of paths an empty repetition adds nothing.
            once = minimal(_each_once(once) - constant(1)).series
        return result * once.star()

    def _small(self, series: Series, route: n.Route) -> Series:
        if series.size > MAX_STATES // 4:
            series = minimal(series).series
        if series.size > MAX_STATES // 4:
            raise Refused(Why.LARGE, route.span.text, route.span)
        return series

    def _move(self, item: n.Move) -> Move:
        if item.name == "skip":
            return SKIP
        if item.name == "pass":
            return Move((DEFAULT_OPERATOR,))
        if item.name[0].isupper():
            return Move((item.name,))
        raise Unread(
            "RF640",
            f"{item.name!r} is no move of a path",
            item.span,
            meant(
                item.name,
                _WORDS,
                "a path makes the moves skip and pass, or passes an operator: W",
            ),
        )


def parts(route: n.Route) -> Iterator[n.Route]:
    """A route and all its parts."""
    yield route
    match route:
        case n.Either() | n.Run():
            for inner in route.routes:
                yield from parts(inner)
        case n.Weighted() | n.Repeat():
            yield from parts(route.route)


def _each_once(series: Series) -> Series:
    """Every word that has a weight, with the weight 1; all weights are positive.

    Where every weight is its own square there is nothing to do. Otherwise the subset
    construction: a state is the set of states that a word leads to.
    """
    small = minimal(series).series
    if small.size <= _MOST_SQUARED and is_zero(squared(small) - small):
        return small
    domain = series.domain
    begin = frozenset(n for n, weight in enumerate(series.initial) if weight)
    numbers = {begin: 0}
    queue = [begin]
    edges: list[Edge] = []
    while queue:
        states = queue.pop(0)
        for move in series.moves:
            rows = series.steps[move]
            after = frozenset(target for state in states for target in rows[state])
            if not after:
                continue
            if after not in numbers:
                if len(numbers) >= MAX_STATES:
                    raise Refused(Why.LARGE, "this expression")
                numbers[after] = len(numbers)
                queue.append(after)
            edges.append((numbers[states], move, numbers[after], domain.one))
    size = len(numbers)
    final = tuple(
        domain.one if any(series.final[n] for n in states) else domain.zero
        for states in numbers
    )
    initial = (domain.one, *[domain.zero] * (size - 1))
    return Series(domain, initial, matrices(size, edges), final)
