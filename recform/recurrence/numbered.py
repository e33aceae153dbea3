"""Tensors whose indices are numbers: how they become so, and of which block they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sympy

from recform.algebra.expr import (
    Apply,
    History,
    I,
    K,
    L,
    State,
    Tensor,
)
from recform.algebra.lists import Mirror
from recform.algebra.reindex import reindexed
from recform.blocks.symbolic import Symbolic
from recform.recurrence.model import scalars_in


@lru_cache(maxsize=4096)
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


@lru_cache(maxsize=4096)
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


@lru_cache(maxsize=4096)
def newest(tensor: Tensor, *, scalars: bool = True) -> int:
    """The highest block number in a written-out tensor; 0 for the input.

    Args:
        tensor: it.
        scalars: whether learned scalars count.
    """
    result = 0
    if isinstance(tensor, State | Apply) and tensor.index is not sympy.nan:
        result = int(tensor.index)
    elif isinstance(tensor, Mirror):
        result = tensor.block
    elif isinstance(tensor, History):
        result = int(tensor.last)
    elif scalars:
        result = max((slot.index for slot in scalars_in(tensor)), default=0)
    if isinstance(tensor, State | History):
        return result
    inner = (newest(child, scalars=scalars) for child in tensor.children)
    return max([result, *inner])


def leading(slots: Sequence[object]) -> int | None:
    """The position of the tensor of the newest block; None if there is no tensor."""
    ages = [newest(s) if isinstance(s, Tensor) else -1 for s in slots]
    best = max(ages, default=-1)
    return ages.index(best) if best >= 0 else None
