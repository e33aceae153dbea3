"""Coefficients with their block: learned scalars have an owner, ``i`` is a number."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import sympy

from recform.algebra.expr import I, Learned
from recform.blocks.symbolic import Symbolic

#: What a coefficient is somewhere: an expression, and what ``i`` in it is (or None).
Number: TypeAlias = tuple[Symbolic, int | None]


@lru_cache(maxsize=4096)
def scalars(coefficient: Symbolic) -> tuple[Learned, ...]:
    """The learned scalars of a coefficient that have an index, in a stable order."""
    found = [s for s in coefficient.atoms(Learned) if s.index is not sympy.nan]
    return tuple(sorted(found, key=str))


@lru_cache(maxsize=4096)
def _owned(coefficient: Symbolic, owners: tuple[int, ...]) -> Symbolic:
    return coefficient.xreplace(
        {
            scalar: scalar.at(sympy.Integer(owner))
            for scalar, owner in zip(scalars(coefficient), owners, strict=True)
        }
    )


@lru_cache(maxsize=4096)
def has_i(coefficient: Symbolic) -> bool:
    """Whether a coefficient depends on the block."""
    return bool(coefficient.has(I))


def number(
    coefficient: Symbolic, owner: Callable[[Learned], int], at: int | None
) -> Number:
    """A coefficient at a place.

    Args:
        coefficient: in ``i``, ``L`` and learned scalars.
        owner: the block that owns a learned scalar.
        at: what ``i`` is.
    """
    owners = tuple(map(owner, scalars(coefficient)))
    value = _owned(coefficient, owners) if owners else coefficient
    return value, at if has_i(value) else None


@lru_cache(maxsize=4096)
def moved(value: Number, by: int, up_to: int) -> Number:
    """A coefficient some blocks later; what belongs to blocks up to one stays."""
    coefficient, at = value
    found = scalars(coefficient)
    owners = tuple(int(s.index) + (by if int(s.index) > up_to else 0) for s in found)
    shifted = _owned(coefficient, owners) if owners else coefficient
    return shifted, None if at is None else at + by
