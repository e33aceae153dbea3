"""Tensors with a number in front."""

from __future__ import annotations

from recform.algebra.expr import Filled, Scaled, Tensor
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
