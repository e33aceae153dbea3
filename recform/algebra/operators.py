"""Operator expressions: what stands in front of a tensor, until it is applied.

``(A + B)*X`` is ``A*X + B*X`` always; ``A*(X + Y)`` stays as it is, because blocks are
not linear. So an operator expression can always be applied away from the left, and only
applications of single operators are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recform.algebra.expr import Apply, Tensor, TensorSum, scaled, signed


@dataclass(frozen=True)
class OperatorRef:
    """``W_i``; the index is ``NaN`` for an operator without one."""

    name: str
    index: Any


@dataclass(frozen=True)
class Scalar:
    """A scalar as an operator: the scalar times the identity."""

    value: Any


@dataclass(frozen=True)
class OperatorSum:
    """``1 + W_i``: signs and terms."""

    terms: tuple[tuple[int, OperatorExpr], ...]


@dataclass(frozen=True)
class Composition:
    """``W_i*W_<i-1>``: the last one is applied first."""

    factors: tuple[OperatorExpr, ...]


OperatorExpr = OperatorRef | Scalar | OperatorSum | Composition


def apply(operator: OperatorExpr, tensor: Tensor) -> Tensor:
    """The operator expression applied to a tensor, in the author's order."""
    match operator:
        case OperatorRef():
            return Apply(operator.name, operator.index, tensor)
        case Scalar():
            return scaled(operator.value, tensor)
        case OperatorSum():
            terms = [signed(sign, apply(term, tensor)) for sign, term in operator.terms]
            return terms[0] if len(terms) == 1 else TensorSum(*terms)
        case Composition():
            for factor in reversed(operator.factors):
                tensor = apply(factor, tensor)
            return tensor
