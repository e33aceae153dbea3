"""Paths as regular expressions, summed over by an automaton of positions.

Glushkov's construction: a state for each move that is written, weights on the steps from
one to the next. Of an expression without weights, each path counts once: then the sets of
states are followed that a path may be in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray
Steps = dict[int, float]


@dataclass
class Part:
    """A part of an expression.

    Attributes:
        empty: the weight of the path over no block.
        first, last: weights of the moves that a path may begin or end with.
    """

    empty: float
    first: Steps = field(default_factory=dict)
    last: Steps = field(default_factory=dict)


@dataclass
class Route:
    """A regular expression over moves.

    Attributes:
        moves: of each position.
        follow: weights from position to position.
        whole: the whole expression.
        weighted: whether ways add up.
    """

    moves: list[str]
    follow: dict[tuple[int, int], float]
    whole: Part
    weighted: bool

    def sums(
        self, blocks: int, matrix: Callable[[str, int], Array], size: int
    ) -> list[Array]:
        """The sum of all paths over so many blocks, from the first one on, for each number.

        The path over no block weighs 1, whatever is written.
        """
        made = [np.eye(size)]
        if self.weighted:
            arrived = dict.fromkeys(range(len(self.moves)), np.zeros((size, size)))
            for block in range(1, blocks + 1):
                new = {}
                for place, move in enumerate(self.moves):
                    total = np.zeros((size, size))
                    if block == 1:
                        total += self.whole.first.get(place, 0.0) * np.eye(size)
                    for (before, after), weight in self.follow.items():
                        if after == place:
                            total += weight * arrived[before]
                    new[place] = matrix(move, block) @ total
                arrived = new
                ends = self.whole.last.items()
                made.append(
                    sum((w * arrived[p] for p, w in ends), np.zeros((size, size)))
                )
            return made
        begin = frozenset({-1})
        sets: dict[frozenset[int], Array] = {begin: np.eye(size)}
        for block in range(1, blocks + 1):
            after: dict[frozenset[int], Array] = {}
            for states, total in sets.items():
                for move in dict.fromkeys(self.moves):
                    ends_in = frozenset(
                        p
                        for p, name in enumerate(self.moves)
                        if name == move and any(self._leads(s, p) for s in states)
                    )
                    if ends_in:
                        step = matrix(move, block) @ total
                        after[ends_in] = after.get(ends_in, 0) + step
            sets = after
            there = [m for states, m in sets.items() if states & set(self.whole.last)]
            made.append(sum(there, np.zeros((size, size))))
        return made

    def _leads(self, state: int, place: int) -> bool:
        if state < 0:
            return place in self.whole.first
        return (state, place) in self.follow


TOKEN = re.compile(r"\[[^\]]*\]|\{[^}]*\}|[()|*+?]|[A-Za-z][A-Za-z0-9]*(?:_<[^<>]*>)?")


def route(text: str, weight: Callable[[str], float]) -> Route:
    """Reads an expression.

    Args:
        text: with moves, ``|``, ``*``, ``+``, ``?``, ``{}``, brackets and weights.
        weight: the number that stands in a weight.
    """
    return _Reader(TOKEN.findall(text), weight).route()


@dataclass
class _Reader:
    tokens: list[str]
    weight: Callable[[str], float]
    place: int = 0
    moves: list[str] = field(default_factory=list)
    follow: dict[tuple[int, int], float] = field(default_factory=dict)
    weighted: bool = False

    def route(self) -> Route:
        self.weighted = any(token.startswith("[") for token in self.tokens)
        whole = self.either()
        assert self.place == len(self.tokens), self.tokens[self.place :]
        return Route(self.moves, self.follow, whole, self.weighted)

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def either(self) -> Part:
        total = self.row()
        while self.peek() == "|":
            self.place += 1
            other = self.row()
            total = Part(
                total.empty + other.empty,
                _added(total.first, other.first),
                _added(total.last, other.last),
            )
        return total

    def row(self) -> Part:
        total = Part(1.0)
        while self.peek() not in ("", ")", "|"):
            total = self.joined(total, self.repeated())
        return total

    def joined(self, one: Part, two: Part) -> Part:
        self.follows(one.last, two.first)
        return Part(
            one.empty * two.empty,
            _added(one.first, two.first, one.empty),
            _added(two.last, one.last, two.empty),
        )

    def follows(self, last: Steps, first: Steps) -> None:
        for a, x in last.items():
            for b, y in first.items():
                self.follow[a, b] = self.follow.get((a, b), 0.0) + x * y

    def repeated(self) -> Part:
        token = self.peek()
        if token.startswith("["):
            self.place += 1
            number, inner = self.weight(token[1:-1]), self.repeated()
            first = {p: number * w for p, w in inner.first.items()}
            return Part(number * inner.empty, first, inner.last)
        begin = self.place
        made = self.hop()
        while self.peek() and self.peek()[0] in "*+?{":
            sign = self.peek()
            self.place += 1
            end = self.place
            if sign == "?":
                made = Part(made.empty + 1.0, made.first, made.last)
            elif sign in "*+":
                assert not (made.empty and self.weighted), "adds up without end"
                self.follows(made.last, made.first)
                least = 1.0 if sign == "*" else made.empty
                made = Part(least, made.first, made.last)
            else:
                made = self.copies(sign, begin, end)
        return made

    def copies(self, sign: str, begin: int, end: int) -> Part:
        """``{2}`` and ``{1,3}``: the expression in front, read anew so many times."""
        low, _, high = sign.strip("{}").partition(",")
        copy = self.tokens[begin : end - 1]
        made, tail = Part(1.0), Part(1.0)
        for _ in range(int(low)):
            made = self.joined(made, self.again(copy))
        for _ in range(int(high or low) - int(low)):
            # x{0,n} = (x x{0,n-1})?, each number of times once.
            more = self.joined(self.again(copy), tail)
            tail = Part(more.empty + 1.0, more.first, more.last)
        return self.joined(made, tail)

    def again(self, tokens: list[str]) -> Part:
        kept = self.tokens, self.place
        self.tokens, self.place = tokens, 0
        made = self.repeated()
        self.tokens, self.place = kept
        return made

    def hop(self) -> Part:
        token = self.peek()
        self.place += 1
        if token == "(":
            made = self.either()
            assert self.peek() == ")"
            self.place += 1
            return made
        self.moves.append(token)
        here = len(self.moves) - 1
        return Part(0.0, {here: 1.0}, {here: 1.0})


def _added(
    one: Mapping[int, float], two: Mapping[int, float], by: float = 1.0
) -> Steps:
    made = dict(one)
    for place, weight in two.items():
        if by:
            made[place] = made.get(place, 0.0) + by * weight
    return made
