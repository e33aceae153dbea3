"""Where the numbers of the members of a sum start, of which there may be half a million."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import sympy

from recform.algebra.expr import I, K, L
from recform.blocks.exact import as_float, filled, reckoning
from recform.blocks.rounding import nearly
from recform.blocks.symbolic import Symbolic


@dataclass(frozen=True)
class MemberStarts:
    """How the numbers of ``scalar a_<i,k> = 0`` start, one for each member of a sum.

    Attributes:
        value: in ``i``, ``L`` and :data:`recform.algebra.expr.K`.
        own: what single members have instead, by their index: ``scalar a_<i,i> = 1``;
            where two are of one member, the first counts.
        first, last: the indices of the sum's members; the last one in ``i``.
    """

    value: Symbolic
    own: tuple[tuple[Symbolic, Symbolic], ...]
    first: int = 0
    last: Symbolic = I

    def has(self, symbol: sympy.Symbol) -> bool:
        """Whether a start depends on a symbol."""
        return any(
            value.has(symbol) for value in (self.value, *dict(self.own).values())
        )

    def numbers(self, block: int, length: int, count: int) -> list[float]:
        """The first values of a block that has so many members, good to ten digits."""
        last = int(as_float(self.last, {I: block}))
        own = {_start(place, block, length) for place, _ in self.own}
        near = _nearly(self.value)

        def number(member: int) -> float:
            found = None if member in own else near(block, length, member)
            return self.number(block, length, member) if found is None else found

        members = range(last + 1 - count, last + 1)
        if self.value.has(I, K):
            return list(map(number, members))
        usual = next((member for member in members if member not in own), None)
        made = [0.0 if usual is None else number(usual)] * count
        for place in own:
            if place in members:
                made[members.index(int(place))] = number(int(place))
        return made

    def number(self, block: int, length: int, member: int) -> float:
        """The first value of a block for one member."""
        for place, value in self.own:
            if _start(place, block, length) == member:
                return _start(value, block, length)
        return _start(self.value, block, length, member)


def _start(value: Symbolic, block: int, length: int, member: int = 0) -> float:
    return _starts(value)(block, length, member)


@lru_cache(maxsize=4096)
def _starts(value: Symbolic) -> Callable[[int, int, int], float]:
    """A start of what it is, of ``i``, ``L`` and a member."""
    found = lru_cache(maxsize=65536)(reckoning(value, (I, K, L)))
    place = places_of(value)
    return lambda block, length, member: found(*place(block, member), length)


@lru_cache(maxsize=4096)
def _nearly(value: Symbolic) -> Callable[[int, int, int], float | None]:
    """The same to ten digits; None where that is not sure."""
    return nearly(value, (I, L, K))


def places_of(value: Symbolic) -> Callable[[int, int], tuple[int, int]]:
    """Another block and member at which a start is what it is at these, for few of them.

    Most starts hang on one of the two, or on how far the member is behind the block.
    """
    if not value.has(K):
        return lambda block, member: (block, 0)
    if not value.has(I):
        return lambda block, member: (1, member)
    if not filled(value, {K: I - sympy.Dummy(integer=True)}).has(I):
        return lambda block, member: (block - member, 0)
    return lambda block, member: (block, member)
