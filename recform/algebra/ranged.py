"""Equations for ranges of blocks: which blocks they have in a network of some depth."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import sympy

from recform.algebra.expr import L, State, Tensor
from recform.algebra.formula import Boundary, Equation, Formula, Ranged, Rule
from recform.algebra.indices import has_mirror
from recform.algebra.reindex import at_block
from recform.blocks.symbolic import Symbolic

_Said = TypeVar("_Said", bound=Boundary | Ranged)


def blocks_between(ends: tuple[Symbolic, Symbolic], length: int) -> range | None:
    """The blocks of a range, which are none where it ends before it begins.

    Args:
        ends: its first and its last block; what is said without ``L`` has a block.
        length: how many blocks the index runs through; 0 if stages differ in that.

    Returns:
        None if it does not go from one block, counted from 1, to a later one.
    """
    first, last = (end.xreplace({L: sympy.Integer(length)}) for end in ends)
    if not (first.is_Integer and last.is_Integer):
        return None
    if last < first and any(end.has(L) for end in ends):
        return range(0)
    return range(int(first), int(last) + 1) if 1 <= first <= last else None


def placed(item: Ranged, blocks: Iterable[int], length: int) -> list[Boundary]:
    """The boundary equations that an equation for a range is, one for each block."""
    return [
        Boundary(
            State(item.unknown, sympy.Integer(block)),
            at_block(item.rule.right, block, length),
            item.span,
            item.text,
            item.rule,
        )
        for block in blocks
    ]


def generals(
    boundaries: Sequence[Boundary], known: Collection[str], length: int
) -> dict[str, Boundary]:
    """Of unknowns with ranges alone, the first range: it is the equation in general.

    Only if all its blocks have an equation: those that a deeper network would have more
    are of this range then.

    Args:
        boundaries: all boundary equations.
        known: the unknowns that have an equation in general.
        length: how many blocks the index runs through; 0 if stages differ in that.
    """
    blocks: dict[str, set[int]] = {}
    first: dict[str, Boundary] = {}
    for boundary in boundaries:
        left, rule = boundary.left, boundary.rule
        if isinstance(left, State) and left.name not in known and left.index >= 1:
            if rule is None or not rule.opens:
                blocks.setdefault(left.name, set()).add(int(left.index))
            if rule is not None and not rule.opens and left.index == 1:
                first.setdefault(left.name, boundary)
    whole = set(range(1, length + 1))
    return {
        name: boundary
        for name, boundary in first.items()
        if whole
        and whole <= blocks[name]
        and boundary.rule is not None
        and not has_mirror(boundary.rule.right)
    }


def as_equation(boundary: Boundary) -> Equation:
    """What an equation for several blocks says, as the equation in general."""
    assert isinstance(boundary.left, State) and boundary.rule is not None
    return Equation(
        str(boundary.left.name), boundary.rule.right, boundary.span, boundary.text
    )


def beside_general(
    boundaries: Iterable[Boundary], general: Iterable[Boundary]
) -> list[Boundary]:
    """Those that hold beside the equations in general; one for a single block goes first.

    Args:
        boundaries: all of them.
        general: of the ranges that are equations in general, any boundary equation.
    """
    taken = [(b.left.name, b.rule) for b in general]
    kept = [
        b
        for b in boundaries
        if not isinstance(b.left, State) or (b.left.name, b.rule) not in taken
    ]
    own = {b.left for b in kept if not b.several}
    return [b for b in kept if not (b.several and b.left in own)]


def in_force(formula: Formula) -> set[Ranged]:
    """The ranges that say something of a block here."""
    held = {(b.left.name, b.rule) for b in formula.boundaries if b.several}
    return {
        item
        for item in formula.ranges
        if (item.unknown, item.rule) in held or formula.is_general(item)
    }


def in_order(formula: Formula, items: Iterable[_Said]) -> list[_Said]:
    """Equations in the order of the file, those of the files that it uses first."""
    return sorted(
        items, key=lambda item: (item.span.source is formula.source, item.span.start)
    )


def with_rights(formula: Formula, change: Callable[[Tensor], Tensor]) -> Formula:
    """A formula with other right sides and another output."""

    def ruled(rule: Rule) -> Rule:
        return replace(rule, right=change(rule.right))

    def boundary(item: Boundary) -> Boundary:
        right = None if item.right is None else change(item.right)
        return replace(item, right=right, rule=item.rule and ruled(item.rule))

    return replace(
        formula,
        equations=tuple(replace(e, right=change(e.right)) for e in formula.equations),
        boundaries=tuple(map(boundary, formula.boundaries)),
        ranges=tuple(replace(r, rule=ruled(r.rule)) for r in formula.ranges),
        output=change(formula.output),
    )
