"""What stands some blocks later, and from where on all blocks are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy

from recform.algebra.expr import (
    Apply,
    Filled,
    History,
    I,
    K,
    Learned,
    Scaled,
    State,
    Tensor,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.blocks.symbolic import Symbolic
from recform.proof.coefficients import moved
from recform.proof.indices import place
from recform.proof.values import Values

if TYPE_CHECKING:
    from recform.proof.execute import Held


@dataclass(frozen=True)
class Reach:
    """How far the equations look.

    Attributes:
        order: how many blocks back.
        named: the highest block that is named by a number or has an equation of its own.
    """

    order: int
    named: int

    @property
    def settled(self) -> int:
        """From this block on the same equations hold, and all that they read is there."""
        return self.named + self.order + 1


def reach_of(formula: Formula) -> Reach:
    """How far the equations look; a reading that shares nothing with the compiler's."""
    tensors = [equation.right for equation in formula.equations]
    order = max([1, *(_lag(part) for t in tensors for part in subtensors(t))])
    tensors.append(formula.output)
    for boundary in formula.boundaries:
        tensors.append(boundary.left)
        if boundary.right is not None:
            tensors.append(boundary.right)
    parts = [part for tensor in tensors for part in subtensors(tensor)]
    named = [n for part in parts for symbol, n in _indices(part) if symbol is None]
    named += [part.first for part in parts if isinstance(part, History)]
    if any(isinstance(part, History) and part.kind == "stages" for part in parts):
        named.append(formula.ends[-1] + 1)
    return Reach(order, max([0, *named]))


def _indices(part: Tensor) -> list[tuple[sympy.Symbol | None, int]]:
    """The indices that a part itself has, and what they are counted from."""
    found: list[Symbolic] = []
    if isinstance(part, State | Apply):
        found = [part.index]
    elif isinstance(part, History):
        found = [part.last]
    elif isinstance(part, Scaled | Filled):
        found = [item.index for item in part.coefficient.atoms(Learned)]
    return [place(index) for index in found if index.free_symbols or index.is_Integer]


def _lag(part: Tensor) -> int:
    """How many blocks back a part looks; in a history, its newest members."""
    back = max([0, *(-n for symbol, n in _indices(part) if symbol is I)])
    if isinstance(part, History):
        inner = [
            -n
            for item in subtensors(part.body)
            for symbol, n in _indices(item)
            if symbol is K
        ]
        back += max([0, *inner])
    return back


def shifted(values: Values, held: Sequence[Held], by: int, named: int) -> list[Held]:
    """A state some blocks later; what belongs to blocks up to ``named`` stays."""
    memo: dict[int, int] = {}
    result: list[Held] = []
    for item in held:
        if isinstance(item, int):
            result.append(_shifted(values, item, by, named, memo))
        else:
            result.append((item[0], _later(item[1], by, named)))
    return result


def _later(index: int, by: int, named: int) -> int:
    return index + by if index > named else index


def _shifted(
    values: Values, value: int, by: int, named: int, memo: dict[int, int]
) -> int:
    if value not in memo:
        kind, *rest = values.nodes[value]
        if kind in ("state", "history"):
            rest[-1] = _later(rest[-1], by, named)
        elif kind == "apply" and rest[1] is not None:
            rest[1] = _later(rest[1], by, named)
        elif kind in ("scaled", "number"):
            rest[:2] = moved((rest[0], rest[1]), by, named)
        parts = [_shifted(values, p, by, named, memo) for p in values.parts(value)]
        memo[value] = values.rebuilt((kind, *rest), parts)
    return memo[value]
