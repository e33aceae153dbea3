"""Indices that become numbers: of a block, of the last one, of a member."""

from __future__ import annotations

import sympy

from recform.algebra.expr import I, K, L, Mirror, Tensor
from recform.algebra.reindex import reindexed
from recform.blocks.symbolic import Symbolic


def for_block(tensor: Tensor, block: int, length: int | None) -> Tensor:
    """``i`` becomes a number in indices; coefficients remember it in ``at``."""
    return reindexed(
        tensor,
        lambda index: _number(index, block, length),
        lambda value, _: (value, block),
    )


def _number(index: Symbolic, block: int, length: int | None) -> Symbolic:
    if index is sympy.nan or index.is_Integer or index.has(K):
        return index
    values = {I: sympy.Integer(block)}
    if length is not None:
        values[L] = sympy.Integer(length)
    return index.xreplace(values)


def for_member(body: Tensor, index: int) -> Tensor:
    """A tensor in ``k`` at an index; a coefficient's number is that of a block."""
    return reindexed(
        body,
        lambda value: value.xreplace({K: sympy.Integer(index)}),
        lambda value, _: (value.xreplace({K: I}), index),
    )


def kept_by(mirror: Mirror) -> Tensor:
    """What a block takes off a stack, written out for the block that put it there."""
    return for_member(mirror.body, mirror.block)
