"""What the equations of a formula say, looked up by unknown, block and operator."""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from recform.algebra.expr import Apply, I, L, State, Tensor, subtensors
from recform.algebra.formula import Boundary, Formula
from recform.algebra.indices import has_mirror
from recform.algebra.reindex import reindexed
from recform.proof.indices import lag_of


class Stated:
    """The equations of one network.

    Args:
        formula: the network.
        length: the number of blocks.

    Attributes:
        inner: what boundary equations say of tensors that are no unknowns.
        at_start: operators that a boundary equation applies as those of block 0.
    """

    def __init__(self, formula: Formula, length: int) -> None:
        self._length = length
        self._rights = {e.unknown: e.right for e in formula.equations}
        self._own: dict[tuple[str, int], Tensor | None] = {}
        self.inner: list[tuple[Tensor, Tensor | None]] = []
        # Where blocks read X_<L-i>, those that share an equation share its coefficients.
        skips = any(
            has_mirror(b.rule.right) for b in formula.boundaries if b.rule is not None
        )
        for boundary in formula.boundaries:
            if isinstance(boundary.left, State):
                key = (boundary.left.name, int(boundary.left.index))
                self._own[key] = (
                    _of_block(boundary, length) if skips else boundary.right
                )
            else:
                self.inner.append((boundary.left, boundary.right))
        # Unknowns that are one application, by the operator; those of one block by the
        # operator and the block that runs it.
        self._named: dict[str, list[tuple[str, int]]] = {}
        for name, right in self._rights.items():
            if isinstance(right, Apply):
                named = self._named.setdefault(right.operator, [])
                named.append((name, lag_of(right)))
        self._numbered: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for (name, block), own in self._own.items():
            if isinstance(own, Apply):
                ran = (own.operator, block - lag_of(own, block))
                self._numbered.setdefault(ran, []).append((name, block))
        self.at_start = {
            part.operator
            for boundary in formula.boundaries
            if boundary.right is not None
            for part in subtensors(
                boundary.rule.right if boundary.rule else boundary.right
            )
            if isinstance(part, Apply) and part.index == 0
        }

    def general(self, name: str) -> Tensor:
        """The right side for an unknown of the blocks in general."""
        return self._rights[name]

    def right(self, name: str, index: int) -> Tensor | None:
        """The right side for an unknown at a block; None for nothing."""
        return self._own.get((name, index), self._rights.get(name))

    def has_own(self, name: str, index: int) -> bool:
        """Whether the unknown has a boundary equation for this block."""
        return (name, index) in self._own

    def applications(self, operator: str, newest: int) -> Iterator[tuple[str, int]]:
        """Unknowns that are an operator applied to something.

        Args:
            operator: its name.
            newest: the block that owns the operator, or the newest in its argument.
        """
        for name, lag in self._named.get(operator, ()):
            if 0 < newest + lag <= self._length:
                yield name, newest + lag
        yield from self._numbered.get((operator, newest), ())


def _of_block(boundary: Boundary, length: int) -> Tensor | None:
    """The right side of one block of an equation for several, with ``i`` in coefficients."""
    if boundary.rule is None:
        return boundary.right
    numbers = {I: boundary.left.index, L: sympy.Integer(length)}
    return reindexed(
        boundary.rule.right,
        lambda index: index.xreplace(numbers),
        lambda value, at: (value, at),
    )
