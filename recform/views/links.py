"""The terms by which blocks in the middle of a network give to later ones, to be drawn.

An activation passes what comes in, and a product has a way through each of its factors.
The routes that lead along these links are counted by :mod:`recform.analysis.paths.routes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import sympy

from recform.algebra.expr import (
    Apply,
    Combine,
    Context,
    Filled,
    History,
    I,
    Input,
    K,
    L,
    Pointwise,
    Scaled,
    State,
    Tensor,
)
from recform.algebra.formula import Formula
from recform.algebra.totals import totals
from recform.algebra.typeset import plain
from recform.analysis.paths.routes import Routes
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic

#: A call of an operator: its letter, the number of its block (None if all share it), and
#: what it is called on.
Call: TypeAlias = tuple[str, int | None, str]
#: Calls, the outermost first.
Calls: TypeAlias = tuple[Call, ...]
#: An unknown and the number of its block.
Base: TypeAlias = tuple[str, int]
#: What a tensor is made of: calls, one in the other, the innermost on an output.
Terms: TypeAlias = dict[tuple[Base, Calls], Symbolic]


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
    factor: Symbolic

    @property
    def letters(self) -> tuple[str, ...]:
        """Those of the operators."""
        return tuple(call[0] for call in self.calls)


def links(formula: Formula, routes: Routes) -> tuple[Link, ...]:
    """The terms of the equations of the blocks that routes lead through."""
    return _Reader(formula, routes).links()


class _Reader:
    def __init__(self, formula: Formula, routes: Routes) -> None:
        self.blocks, self.sources = routes.blocks, routes.sources
        self._formula = formula
        rights = {e.unknown: e.right for e in formula.equations}
        self._rights = {name: rights[name] for name in routes.unknowns}

    def links(self) -> tuple[Link, ...]:
        links = []
        for block in range(1, self.blocks + 1):
            for unknown, right in self._rights.items():
                head = (unknown, block)
                terms = self._terms(right, block)
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

    def _output(self) -> Terms:
        """What the head gets, of the last block."""
        if isinstance(self._formula.output, State):
            return {((self._formula.output.name, self.blocks), ()): 1}
        return self._terms(self._formula.output, self.blocks, last=True)

    # -- one equation

    def _terms(self, tensor: Tensor, block: int, *, last: bool = False) -> Terms:
        number = _numbers(block, last)
        if isinstance(tensor, Input | Context | Filled):
            return {}
        if isinstance(tensor, State):
            index = number(tensor.index)
            # X_0 and the like are named from the start, which lies before block 0.
            absolute = not tensor.index.has(I) and not tensor.index.has(L)
            known = index is not None and index >= 0 and not absolute
            return {((tensor.name, int(index or 0)), ()): 1} if known else {}
        if isinstance(tensor, Apply):
            owner = None if tensor.index is sympy.nan else number(tensor.index)
            here = [
                part.xreplace({I: sympy.Integer(block)}) for part in tensor.arguments
            ]
            given = ", ".join(map(plain, here))
            call = (tensor.operator, owner, given)
            return totals(
                ((base, (call, *calls)), f)
                for part in tensor.arguments
                for (base, calls), f in self._terms(part, block, last=last).items()
            )
        if isinstance(tensor, Scaled):
            inner = self._terms(tensor.tensor, block, last=last)
            # The number of the block, as counted from the last one.
            here = filled(tensor.coefficient, {I: L - (self.blocks - block)})
            return {key: here * f for key, f in inner.items()}
        if isinstance(tensor, History):
            end = number(tensor.last)
            bodies = [
                tensor.body.xreplace({K: I - block + k}) for k in range((end or 0) + 1)
            ]
            return totals(
                term for body in bodies for term in self._terms(body, block).items()
            )
        return totals(
            (key, _share(tensor, child, block) * f)
            for child in tensor.children
            for key, f in self._terms(child, block, last=last).items()
        )


def _share(tensor: Tensor, child: Tensor, block: int) -> Symbolic:
    """What a way through one part is multiplied by."""
    if isinstance(tensor, Pointwise):
        others = [other for other in tensor.children if other is not child]
        return sympy.Symbol(f"[{'*'.join(map(plain, others))}] at {block}")
    if isinstance(tensor, Combine):
        if tensor.kind == "mean":
            return sympy.Rational(1, len(tensor.children))
        return sympy.Symbol(f"[{tensor.kind} is {plain(child)}] at {block}")
    return sympy.S.One


def _numbers(block: int, last: bool) -> Callable[[Symbolic], int | None]:
    def number(index: Symbolic) -> int | None:
        value = index.xreplace({L if last else I: sympy.Integer(block)})
        return int(value) if value.is_Integer else None

    return number
