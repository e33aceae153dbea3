"""In which blocks which equations hold: the general ones, or a block's own.

Equations for single blocks and for several (``X_1 = ...``, ``X_<2..5> = ...``) take the place
of the general ones there. Whoever speaks of "a block" has to say which blocks are meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import State, Tensor, subtensors
from recform.algebra.formula import Boundary, Formula
from recform.algebra.indices import has_mirror
from recform.algebra.ranged import (
    as_equation,
    beside_general,
    blocks_between,
    generals,
    in_order,
    placed,
)
from recform.algebra.reindex import at_block
from recform.reading.base import MAX_INDEX
from recform.recurrence.check import fits
from recform.recurrence.numbered import newest
from recform.recurrence.reach import numbers_in, order_of
from recform.recurrence.unroll import Unroller


@dataclass(frozen=True)
class Regime:
    """Blocks that have the same equations.

    Attributes:
        blocks: their numbers, ascending.
        own: the boundary equations that hold in the first of them; none where the
            general equations hold.
        order: how many blocks back the equations reach.
        formula: the network of these equations alone, in ``i``; None where the equations
            of a block name their tensors by number.
    """

    blocks: tuple[int, ...]
    own: tuple[Boundary, ...]
    order: int
    formula: Formula | None

    @property
    def general(self) -> bool:
        """Whether the general equations hold."""
        return not self.own

    @property
    def in_row(self) -> int:
        """How many of the blocks stand in a row, at most."""
        return max((last - first + 1 for first, last in runs(self.blocks)), default=0)


def regimes(formula: Formula, length: int) -> tuple[Regime, ...]:
    """The blocks 1 to ``length`` by their equations; the general ones come first.

    Args:
        formula: the network.
        length: the number of blocks.
    """
    blocks: dict[tuple[object, ...], list[int]] = {(): []}
    special = _special(formula)
    for block in range(1, length + 1):
        here = special.get(block, ())
        key = tuple(
            b.left if b.rule is None else (_name(b), b.rule.right) for b in here
        )
        blocks.setdefault(key, []).append(block)
    return tuple(
        Regime(
            tuple(numbers),
            (first := special.get(numbers[0], ()) if numbers else ()),
            _order(formula, first),
            within(formula, first),
        )
        for numbers in blocks.values()
    )


def own_blocks(formula: Formula) -> tuple[int, ...]:
    """The blocks behind the first that have an equation of their own.

    What is said of any block holds behind the first one, so that an equation for that one
    alone (``X_1 = ...``) takes nothing from it.
    """
    return tuple(sorted(block for block in _special(formula) if block > 1))


def longest(formula: Formula) -> int:
    """How many blocks the index runs through, in the longest stage if it starts anew."""
    return max(formula.lengths)


def within(formula: Formula, own: Sequence[Boundary]) -> Formula | None:
    """A network in which the equations of some blocks hold everywhere.

    Args:
        formula: the network.
        own: what takes the place of its equations in those blocks.
    """
    rules: dict[str, Boundary] = {}
    for boundary in own:
        if boundary.rule is None or has_mirror(boundary.rule.right):
            return None
        rules[_name(boundary)] = boundary
    return replace(
        formula,
        equations=tuple(
            equation if (b := rules.get(equation.unknown)) is None else as_equation(b)
            for equation in formula.equations
        ),
        boundaries=tuple(b for b in formula.boundaries if newest(b.left) < 1),
        ranges=(),
    )


def stretched(formula: Formula, starts: Sequence[int]) -> Formula:
    """The network with its stages starting elsewhere: ``X_<first> = ...`` goes along.

    Args:
        formula: the network.
        starts: the first block of every stage.
    """
    given = {b.left for b in formula.boundaries if b.rule is None or not b.rule.opens}
    boundaries: list[Boundary] = []
    done: set[tuple[str, str]] = set()
    for boundary in formula.boundaries:
        if boundary.rule is None or not boundary.rule.opens:
            boundaries.append(boundary)
            continue
        name = _name(boundary)
        if (name, boundary.text) in done:
            continue
        done.add((name, boundary.text))
        for block in starts:
            left = State(name, sympy.Integer(block))
            right = at_block(boundary.rule.right, block, 0)
            if left not in given:
                boundaries.append(replace(boundary, left=left, right=right))
    return replace(formula, boundaries=tuple(boundaries))


def at_depth(formula: Formula, length: int) -> Formula | None:
    """The equations of a network of another depth; None if they have no such network.

    What is said in ``L`` is said of other blocks there: ``X_<L/2+1..L> = ...``.

    Args:
        formula: the network.
        length: how many blocks the index runs through.
    """
    spans = (blocks_between(item.ends, length) for item in formula.ranges)
    if any(blocks and blocks[-1] > MAX_INDEX for blocks in spans):
        return None
    if not formula.relative:
        return formula
    made: list[Boundary] = []
    for boundary in formula.boundaries:
        rule = boundary.rule
        if rule is not None and rule.opens:
            right = at_block(rule.right, int(boundary.left.index), length)
            boundary = replace(boundary, right=right)
        if rule is None or rule.opens:
            made.append(boundary)
    for item in formula.ranges:
        blocks = blocks_between(item.ends, length)
        if blocks is None:
            return None
        made += placed(item, blocks, length)
    known = {e.unknown for e in formula.equations} - formula.ranged
    first = generals(made, known, length)
    apart = beside_general(made, ())
    if first.keys() != formula.ranged or len({b.left for b in apart}) < len(apart):
        return None  # a block has no equation, or two
    boundaries = beside_general(made, first.values())
    deep = replace(
        formula,
        equations=tuple(
            as_equation(first[e.unknown]) if e.unknown in first else e
            for e in formula.equations
        ),
        boundaries=tuple(in_order(formula, boundaries)),
    )
    good = all(fits(deep, item, length) for item in boundaries if item.several)
    return deep if good else None


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """``[1, 2, 3, 7]`` as ``(1, 3), (7, 7)``."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def ranges(numbers: Iterable[int]) -> str:
    """``[1, 2, 3, 7]`` as ``1-3, 7``."""
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs(numbers))


def in_blocks(numbers: Sequence[int]) -> str:
    """``block 3``, ``blocks 1-3, 7``."""
    return f"block{'s' * (len(numbers) > 1)} {ranges(numbers)}"


def where(regime: Regime, formula: Formula) -> str:
    """``blocks 4-6``, or ``blocks 1-3, 7 and later`` for the general equations.

    Args:
        regime: of the network.
        formula: the network. Deeper ones have more blocks of the general equations, unless
            it says other things there.
    """
    blocks, length = regime.blocks, longest(formula)
    if not regime.general or (blocks and formula.relative):
        return in_blocks(blocks)
    if not blocks or blocks[-1] != length:
        known = f"{in_blocks(blocks)} or " if blocks else ""
        return f"{known}blocks behind {length}"
    last = runs(blocks)[-1][0]
    before = [number for number in blocks if number < last]
    return f"blocks {ranges(before) + ', ' if before else ''}{last} and later"


def _order(formula: Formula, own: Sequence[Boundary]) -> int:
    """How many blocks back the equations of a block reach, numbered blocks left aside."""
    taken = {b.left.name: b for b in own if isinstance(b.left, State)}
    found = [1]
    for equation in formula.equations:
        boundary = taken.get(equation.unknown)
        if boundary is None:
            found.append(order_of(equation.right))
        elif boundary.rule is not None:
            found.append(order_of(boundary.rule.right))
        elif boundary.right is not None:
            block = int(boundary.left.index)
            found += [block - n for n in numbers_in(boundary.right) if n >= 1]
    return max(found)


def _name(boundary: Boundary) -> str:
    assert isinstance(boundary.left, State)
    return str(boundary.left.name)


def _special(formula: Formula) -> Mapping[int, tuple[Boundary, ...]]:
    """The boundary equations by the blocks in which they hold, in the file's order.

    ``W_3*X_2 = X_0`` changes the equations of every block that reads it.
    """
    found: dict[int, list[Boundary]] = {}
    inside: list[Boundary] = []
    for boundary in formula.boundaries:
        if isinstance(boundary.left, State):
            if boundary.left.index >= 1:
                found.setdefault(int(boundary.left.index), []).append(boundary)
        elif newest(boundary.left) >= 1:
            inside.append(boundary)
    for boundary in inside:
        for block in _readers(formula, boundary.left):
            found.setdefault(block, []).append(boundary)
    return {block: tuple(found[block]) for block in sorted(found)}


def _readers(formula: Formula, tensor: Tensor) -> list[int]:
    """The blocks in whose general equations a written-out tensor stands."""
    at, written = newest(tensor), Unroller(formula, 0)
    reach = max(order_of(e.right) for e in formula.equations)
    return [
        block
        for block in range(max(at, 1), at + reach + 1)
        if any(
            part == tensor
            for equation in formula.equations
            for part in subtensors(written.replaced(equation.right, block))
        )
    ]
