"""Tensors with other indices: written out for a block, or moved to another one.

What stands in several places is read once: ``(1 + W_i)^n`` is a tree of 2^n leaves, and of n
tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, islice

import sympy

from recform.algebra.expr import (
    Apply,
    Filled,
    History,
    I,
    L,
    Learned,
    Scaled,
    State,
    Tensor,
)
from recform.algebra.lists import Mirror
from recform.blocks.symbolic import Symbolic

#: What an index becomes; it is never asked for the one of what all blocks share.
Index = Callable[[Symbolic], Symbolic]
#: What a coefficient and the block whose number ``i`` is in it become.
Coefficient = Callable[[Symbolic, Symbolic], tuple[Symbolic, Symbolic]]


def rebuilt(tensor: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """The same of other parts; a tensor without parts stays."""
    parts = [change(arg) if isinstance(arg, Tensor) else arg for arg in tensor.args]
    return tensor.func(*parts) if parts else tensor


def remade(tensor: Tensor, parts: Iterable[Tensor]) -> Tensor:
    """The same of these parts: of as many, or of fewer terms."""
    left = iter(parts)
    args = (islice(left, 1) if isinstance(a, Tensor) else (a,) for a in tensor.args)
    return tensor.func(*chain.from_iterable(args)) if tensor.children else tensor


def reindexed(tensor: Tensor, index: Index, coefficient: Coefficient) -> Tensor:
    """A tensor with other indices.

    Args:
        tensor: of a formula, or written out.
        index: of an unknown, an operator, a learned scalar, the last block of a history.
        coefficient: its learned scalars have their new indices already.
    """
    return _Reindexing(index, coefficient).of(tensor)


class _Reindexing:
    """A walk through tensors, none of which is read twice."""

    def __init__(self, index: Index, coefficient: Coefficient) -> None:
        self._index, self._coefficient = index, coefficient
        self._memo: dict[Tensor, Tensor] = {}

    def of(self, part: Tensor) -> Tensor:
        """A tensor, or a part of it, with its new indices."""
        if part not in self._memo:
            self._memo[part] = self._made(part)
        return self._memo[part]

    def _new(self, value: Symbolic) -> Symbolic:
        return value if value is sympy.nan else self._index(value)

    def _made(self, part: Tensor) -> Tensor:
        new = self._new
        match part:
            case State():
                return State(part.name, new(part.index))
            case Mirror():
                return Mirror(part.body, new(part.index), part.shift, part.length)
            case Apply():
                inner = map(self.of, part.arguments)
                return Apply(part.operator, new(part.index), *inner)
            case History():
                return History(part.kind, part.body, part.first, new(part.last))
            case Scaled() | Filled():
                learned = {
                    item: item.at(new(item.index))
                    for item in part.coefficient.atoms(Learned)
                }
                named = part.coefficient.xreplace(learned)
                value, at = self._coefficient(named, part.at)
                if isinstance(part, Filled):
                    return Filled(value, at)
                return Scaled(value, self.of(part.tensor), at)
        return rebuilt(part, self.of)


def numbered(tensor: Tensor, block: int, length: int) -> Tensor:
    """A tensor whose indices are those of one block; its coefficients stay.

    Args:
        tensor: of a formula.
        block: what ``i`` is in them.
        length: what ``L`` is; 0 where that is not known.
    """
    numbers = {I: sympy.Integer(block)} | ({L: sympy.Integer(length)} if length else {})
    return reindexed(
        tensor, lambda index: index.xreplace(numbers), lambda value, at: (value, at)
    )


def at_block(tensor: Tensor, block: int, length: int) -> Tensor:
    """The same with coefficients that remember what ``i`` is in them.

    So blocks whose numbers alone differ take one step.
    """
    here = sympy.Integer(block)
    made = numbered(tensor, block, length)
    return reindexed(made, lambda index: index, lambda value, _: (value, here))
