"""Routes between two blocks, counted by the number of operators that they pass.

Taken from the linear part of the equations, for blocks in the middle of a network: an
activation passes what comes in, and a product has a way through each of its factors.
What a block hands on reaches a later block along words of operators, which do not
commute (Liao et al., section 3). Routes are words: two ways with the same operators are
one route, and ways that cancel, as in Eq. (20), are none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any, TypeAlias

import sympy

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Filled,
    History,
    I,
    Input,
    K,
    L,
    Learned,
    Pointwise,
    Scaled,
    State,
    Tensor,
)
from recform.algebra.formula import Formula
from recform.algebra.typeset import plain

#: A call of an operator: its letter, the number of its block (None if all share it), and
#: what it is called on.
Call: TypeAlias = tuple[str, int | None, str]
#: Calls, the outermost first.
Calls: TypeAlias = tuple[Call, ...]
#: The operators of a route, without what they are called on.
Word: TypeAlias = tuple[tuple[str, int | None], ...]
#: An unknown and the number of its block.
Base: TypeAlias = tuple[str, int]
#: What a tensor is made of: calls, one in the other, the innermost on an output.
Terms: TypeAlias = dict[tuple[Base, Calls], Any]
#: A route: where it starts, where it ends (of several outputs), and what it passes.
Route: TypeAlias = tuple[str, str, Word]

#: By how much of its terms a sum may be off zero for rounding alone.
_ROUNDING = 1e-9
#: Most words that are written out; longer tables are counted without them.
MAX_WORDS = 4_096


@dataclass(frozen=True)
class Link:
    """One term: what a block's output gives directly to a later one.

    Attributes:
        tail, head: outputs of blocks.
        calls: the operators on the way.
        factor: what it is multiplied by.
    """

    tail: Base
    head: Base
    calls: Calls
    factor: Any

    @property
    def word(self) -> Word:
        """The operators alone."""
        return tuple(call[:2] for call in self.calls)


@dataclass(frozen=True)
class _Factor:
    """What a route is multiplied by, and how large that is at one point.

    A factor that is not zero at a point is not zero: nothing has to be multiplied out.

    Attributes:
        exact: with learned scalars and the number of blocks in it.
        value: with numbers for these.
        bound: the absolute values of its terms added up.
    """

    exact: Any
    value: float
    bound: float

    @classmethod
    def of(cls, factor: Any) -> _Factor:
        """A factor of one term of an equation."""
        factor = sympy.sympify(factor)
        atoms = factor.free_symbols | factor.atoms(Learned)
        point = {a: sympy.Float(Random(str(a)).uniform(0.5, 1.5)) for a in atoms}
        try:
            value = float(factor.xreplace(point))
        except TypeError:
            return cls(factor, 0.0, math.inf)
        return cls(factor, value, abs(value))

    def __add__(self, other: _Factor) -> _Factor:
        return _Factor(
            self.exact + other.exact,
            self.value + other.value,
            self.bound + other.bound,
        )

    def __mul__(self, other: _Factor) -> _Factor:
        return _Factor(
            self.exact * other.exact,
            self.value * other.value,
            self.bound * other.bound,
        )

    def __bool__(self) -> bool:
        """Whether it is not zero."""
        if abs(self.value) > _ROUNDING * self.bound:
            return True
        return bool(sympy.expand(self.exact) != 0)


class TooMany(Exception):
    """There are too many different words."""


class Routes:
    """Routes from block 0 to block ``blocks``, counted from a block in the middle.

    Attributes:
        blocks: how many blocks lie behind the first one.
        sources: the outputs of block 0 from which routes start.
    """

    def __init__(self, formula: Formula, blocks: int) -> None:
        self.blocks = blocks
        self._formula = formula
        read = _unknowns(formula.output)
        names = [equation.unknown for equation in formula.equations]
        self.sources = tuple(n for n in names if n in read) or tuple(names[-1:])

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The terms of the equations of blocks 1 to ``blocks``."""
        links = []
        for block in range(1, self.blocks + 1):
            for equation in self._formula.equations:
                head = (equation.unknown, block)
                terms = self._terms(equation.right, block)
                for (tail, calls), factor in terms.items():
                    if tail[1] > 0 or (tail[1] == 0 and tail[0] in self.sources):
                        links.append(Link(tail, head, calls, factor))
        return self._used(links)

    def _used(self, links: list[Link]) -> tuple[Link, ...]:
        """Those on a way from a source to the output."""
        ahead: set[Base] = {(name, 0) for name in self.sources}
        for link in links:
            if link.tail in ahead:
                ahead.add(link.head)
        behind = {base for base, _ in self._output()}
        for link in reversed(links):
            if link.head in behind:
                behind.add(link.tail)
        return tuple(x for x in links if x.tail in ahead and x.head in behind)

    def routes(self) -> dict[Route, Any]:
        """All routes with what each is multiplied by; none is zero.

        Raises:
            TooMany: if there are more than :data:`MAX_WORDS`.
        """
        made: dict[Base, dict[tuple[str, Word], _Factor]] = {
            (name, 0): {(name, ()): _Factor.of(1)} for name in self.sources
        }
        for link in self.links:
            here = made.setdefault(link.head, {})
            weight = _Factor.of(link.factor)
            for (source, word), factor in made.get(link.tail, {}).items():
                key = (source, link.word + word)
                term = weight * factor
                here[key] = here[key] + term if key in here else term
            if len(here) > MAX_WORDS:
                raise TooMany
        result: dict[Route, _Factor] = {}
        apart = isinstance(self._formula.output, Concat)
        for (base, calls), factor in self._output().items():
            outer = Link(base, base, calls, factor).word
            weight = _Factor.of(factor)
            for (source, word), value in made.get(base, {}).items():
                route = (source, base[0] if apart else "", outer + word)
                term = weight * value
                result[route] = result[route] + term if route in result else term
        return {route: f.exact for route, f in result.items() if f}

    def counts(self) -> dict[int, int]:
        """How many ways pass so many operators, where there are too many to list.

        Every way counts with its factor if that is a whole number, so that ways which
        cancel are gone; with its sign if it is another number; as one otherwise.
        """
        made: dict[Base, dict[int, int]] = {(n, 0): {0: 1} for n in self.sources}
        for link in self.links:
            _add(made.setdefault(link.head, {}), made.get(link.tail, {}), link)
        result: dict[int, int] = {}
        for (base, calls), factor in self._output().items():
            _add(result, made.get(base, {}), Link(base, base, calls, factor))
        return {length: n for length, n in sorted(result.items()) if n}

    def _output(self) -> Terms:
        """What the head gets, of the last block."""
        if isinstance(self._formula.output, State):
            return {((self._formula.output.name, self.blocks), ()): 1}
        return self._terms(self._formula.output, self.blocks, last=True)

    # -- one equation

    def _terms(self, tensor: Tensor, block: int, *, last: bool = False) -> Terms:
        number = _numbers(block, last)
        if isinstance(tensor, Input | Filled):
            return {}
        if isinstance(tensor, State):
            index = number(tensor.index)
            # X_0 and the like are named from the start, which lies before block 0.
            absolute = not tensor.index.has(I) and not tensor.index.has(L)
            known = index is not None and index >= 0 and not absolute
            return {((tensor.name, int(index or 0)), ()): 1} if known else {}
        if isinstance(tensor, Apply):
            owner = None if tensor.index is sympy.nan else number(tensor.index)
            inner = self._terms(tensor.argument, block, last=last)
            argument = plain(tensor.argument.xreplace({I: sympy.Integer(block)}))
            call = (tensor.operator, owner, argument)
            return {(base, (call, *calls)): f for (base, calls), f in inner.items()}
        if isinstance(tensor, Scaled):
            inner = self._terms(tensor.tensor, block, last=last)
            # The number of the block, as counted from the last one.
            here = tensor.coefficient.xreplace({I: L - (self.blocks - block)})
            return {key: here * f for key, f in inner.items()}
        if isinstance(tensor, History):
            end = number(tensor.last)
            bodies = [
                tensor.body.xreplace({K: I - block + k}) for k in range((end or 0) + 1)
            ]
            return _sum(self._terms(body, block) for body in bodies)
        return _sum(
            {key: _share(tensor, child, block) * f for key, f in terms.items()}
            for child in tensor.children
            for terms in [self._terms(child, block, last=last)]
        )


def _share(tensor: Tensor, child: Tensor, block: int) -> Any:
    """What a way through one part is multiplied by."""
    if isinstance(tensor, Pointwise):
        others = [other for other in tensor.children if other is not child]
        return sympy.Symbol(f"[{'*'.join(map(plain, others))}] at {block}")
    if isinstance(tensor, Combine):
        if tensor.kind == "mean":
            return sympy.Rational(1, len(tensor.children))
        return sympy.Symbol(f"[{tensor.kind} is {plain(child)}] at {block}")
    return sympy.S.One


def _numbers(block: int, last: bool) -> Any:
    def number(index: Any) -> int | None:
        value = index.xreplace({L if last else I: sympy.Integer(block)})
        return int(value) if value.is_Integer else None

    return number


def _sum(several: Any) -> Terms:
    total: Terms = {}
    for terms in several:
        for key, factor in terms.items():
            total[key] = total.get(key, 0) + factor
    return total


def _add(into: dict[int, int], before: Mapping[int, int], link: Link) -> None:
    weight = _weight(link.factor)
    for length, number in before.items():
        longer = length + len(link.word)
        into[longer] = into.get(longer, 0) + weight * number


def _weight(factor: Any) -> int:
    factor = sympy.sympify(factor)
    if factor.is_Integer:
        return int(factor)
    return -1 if factor.is_number and factor.is_negative else 1


def _unknowns(tensor: Tensor) -> set[str]:
    own = {tensor.name} if isinstance(tensor, State) else set()
    parts = [tensor.body] if isinstance(tensor, History) else tensor.children
    return own.union(*(_unknowns(part) for part in parts))
