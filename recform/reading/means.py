"""How many members the mean of a history has: a history of 0 is no member."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sympy

from recform.algebra.expr import State, Tensor
from recform.algebra.formula import Boundary, Formula
from recform.algebra.ranged import with_rights
from recform.blocks.symbolic import Symbolic


class Members(sympy.Function):
    """The number of members of ``X_<first..last>``, until all boundaries are known.

    Args: the unknown as a symbol, first and last index.
    """

    nargs = 3
    is_integer = True
    is_positive = True


def members(name: str, first: Symbolic, last: Symbolic) -> Symbolic:
    """The number of members of a range of an unknown."""
    return Members(sympy.Symbol(name), first, last)


def counted(formula: Formula) -> Formula:
    """The formula with a number in place of each :class:`Members`."""
    rights = [e.right for e in formula.equations]
    rights += [b.right for b in formula.boundaries if b.right is not None]
    rights += [b.rule.right for b in formula.boundaries if b.rule is not None]
    rights += [item.rule.right for item in formula.ranges]
    found = {
        item for right in [*rights, formula.output] for item in right.atoms(Members)
    }
    if not found:
        return formula
    zeros = _zeros(formula.boundaries)
    numbers = {item: _count(item, zeros.get(item.args[0].name, ())) for item in found}

    def exact(tensor: Tensor) -> Tensor:
        return tensor.xreplace(numbers)  # type: ignore[no-any-return]

    spans = {exact(tensor): span for tensor, span in formula.spans.items()}
    return replace(with_rights(formula, exact), spans=spans)


def _zeros(boundaries: Iterable[Boundary]) -> dict[str, tuple[int, ...]]:
    """For each unknown the blocks at which it is 0, or an unknown that is."""
    rights = {b.left: b.right for b in boundaries if isinstance(b.left, State)}
    zeros: dict[str, tuple[int, ...]] = {}
    for left, right in rights.items():
        seen = {left}
        while right in rights and right not in seen:
            seen.add(right)
            right = rights[right]
        if right is None:
            zeros[left.name] = (*zeros.get(left.name, ()), int(left.index))
    return zeros


def _count(item: Members, zeros: tuple[int, ...]) -> Symbolic:
    _, first, last = item.args
    count = last - first + 1
    start = int(first)
    while start in zeros:
        start += 1
    # What is 0 from the start on lies in every range that has a member.
    count -= start - int(first)
    for zero in sorted(zeros):
        if zero > start:
            count -= sympy.Min(1, sympy.Max(0, last - zero + 1))
    return count
