"""Tensors with a factor in front, and those linear in one: ``(1 - z)*h + z*x`` in ``h``."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from recform.algebra.expr import (
    Filled,
    Pointwise,
    Scaled,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.blocks.symbolic import Symbolic


def signed(sign: int, term: Tensor) -> Tensor:
    """A term of a sum with its sign: a subtracted one is scaled by -1."""
    if sign > 0:
        return term
    if isinstance(term, Scaled):
        return Scaled(-term.coefficient, term.tensor, term.at)
    if isinstance(term, Filled):
        return Filled(-term.coefficient, term.at)
    return Scaled(-1, term)


def scaled(coefficient: Symbolic, tensor: Tensor) -> Tensor:
    """A scalar times a tensor; factors that meet are multiplied, a factor 1 is left out."""
    if isinstance(tensor, Scaled):
        coefficient, tensor = coefficient * tensor.coefficient, tensor.tensor
    if coefficient == 1:
        return tensor
    return Scaled(coefficient, tensor)


@dataclass(frozen=True)
class Affine:
    """``factor * h + rest``, element by element.

    Attributes:
        factor: a tensor, or a number alone (:class:`Filled`).
        rest: likewise; None for nothing.
    """

    factor: Tensor
    rest: Tensor | None


def affine(tensor: Tensor, h: Tensor) -> Affine | None:
    """A tensor as one that is linear in ``h``; None if it is not, or is free of it."""
    if tensor == h:
        return Affine(Filled(sympy.S.One), None)
    if h not in subtensors(tensor):
        return None
    match tensor:
        case Scaled():
            inner = affine(tensor.tensor, h)
            return inner and Affine(
                _times(Filled(tensor.coefficient), inner.factor),
                inner.rest and _times(Filled(tensor.coefficient), inner.rest),
            )
        case TensorSum():
            return _sum(tensor, h)
        case Pointwise():
            return _product(tensor, h)
    return None


def _sum(tensor: TensorSum, h: Tensor) -> Affine | None:
    factors: list[Tensor] = []
    rests: list[Tensor] = []
    for term in tensor.children:
        if h not in subtensors(term):
            rests.append(term)
            continue
        inner = affine(term, h)
        if inner is None:
            return None
        factors.append(inner.factor)
        rests += [] if inner.rest is None else [inner.rest]
    return Affine(_added(factors), _added(rests) if rests else None)


def _product(tensor: Pointwise, h: Tensor) -> Affine | None:
    # The factors keep their order, since terms and factors are computed in the author's.
    factor: Tensor = Filled(sympy.S.One)
    rest: Tensor | None = factor
    found = False
    for part in tensor.children:
        if h not in subtensors(part):
            factor = _times(factor, part)
            rest = rest and _times(rest, part)
            continue
        inner = affine(part, h)
        if inner is None or found:
            return None
        found = True
        factor = _times(factor, inner.factor)
        rest = rest and inner.rest and _times(rest, inner.rest)
    return Affine(factor, rest)


def _added(terms: list[Tensor]) -> Tensor:
    if all(isinstance(term, Filled) for term in terms):
        return Filled(sum((term.coefficient for term in terms), sympy.S.Zero))
    return terms[0] if len(terms) == 1 else TensorSum(*terms)


def _times(left: Tensor, right: Tensor) -> Tensor:
    """A product in which numbers stand in front."""
    if isinstance(left, Filled) and isinstance(right, Filled):
        return Filled(left.coefficient * right.coefficient)
    if isinstance(left, Filled):
        return scaled(left.coefficient, right)
    if isinstance(right, Filled):
        return scaled(right.coefficient, left)
    coefficient = sympy.S.One
    factors: list[Tensor] = []
    for part in (left, right):
        if isinstance(part, Scaled):
            coefficient, part = coefficient * part.coefficient, part.tensor
        factors += part.children if isinstance(part, Pointwise) else [part]
    return scaled(coefficient, Pointwise(*factors))
