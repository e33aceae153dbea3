"""The shape to which the terms of a sum or product are brought.

That is rule 6 of docs/language.md, "Which shape a block has".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from recform.algebra.expr import Tensor
from recform.algebra.shapes import Spreads, full
from recform.blocks import Shape
from recform.recurrence.numbered import newest


class Term(NamedTuple):
    """A term of a sum, or a factor of a product, with its own shape."""

    tensor: Tensor
    shape: Shape


class Unmet(Exception):
    """Two operators of a block make different shapes."""

    def __init__(self, first: Term, other: Term) -> None:
        super().__init__()
        self.terms = first, other


def gates(declared: Shape | None, *, product: bool) -> Spreads:
    """Which terms are gates: one number a feature or a position, for all of the others.

    Where the grid of the stage has one position, an image of one is no gate.

    Args:
        declared: the shape of the block.
        product: whether they are multiplied.
    """
    small = declared is not None and all(size == 1 for size in declared.grid)

    def spreads(shape: Shape, target: Shape) -> bool:
        if small and shape.grid and shape.grid != target.grid:
            return False
        return shape.spreads_over(target, product=product)

    return spreads


def staying(shapes: Sequence[Shape], target: Shape, spreads: Spreads) -> Spreads:
    """Which terms stay as gates; none if nothing else would have the shape."""
    of_each_other = all(s == target or spreads(s, target) for s in shapes)
    if of_each_other and not target.is_made_of(shapes):
        return lambda shape, target: False
    return spreads


def meeting_shape(
    terms: Sequence[Term],
    spreads: Spreads,
    declared: Shape | None,
    is_fresh: Callable[[Tensor], bool],
) -> Shape:
    """The shape to which terms are brought.

    Args:
        terms: of a sum or product.
        spreads: which of them are gates.
        declared: the shape of the block.
        is_fresh: whether the block makes a tensor with an operator.

    Raises:
        Unmet: if operators of the block make several shapes.
    """
    # A gate, one number a feature or a position, spreads over the others.
    apart = full((term.shape for term in terms), spreads)
    if len(apart) == 1:
        return apart[0]
    fresh = dict.fromkeys(term.shape for term in terms if is_fresh(term.tensor))
    # Where all that the block makes is gates, what they scale has the shape.
    if declared and fresh and all(spreads(shape, declared) for shape in fresh):
        return declared
    if len(fresh) == 1:
        return next(iter(fresh))
    if not fresh:
        return max(terms, key=lambda term: newest(term.tensor, scalars=False)).shape
    if declared is not None and declared in fresh:
        return declared
    raise Unmet(terms[0], next(t for t in terms if t.shape != terms[0].shape))
