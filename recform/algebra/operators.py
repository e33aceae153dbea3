"""Operator expressions: what stands in front of a tensor, until it is applied.

``(A + B)*X`` is ``A*X + B*X`` always; ``A*(X + Y)`` stays as it is, because blocks are
not linear. So an operator expression can always be applied away from the left, and only
applications of single operators are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from recform.algebra.expr import Apply, Tensor, TensorSum, scaled, signed


@dataclass(frozen=True)
class OperatorRef:
    """``W_i``; the index is ``NaN`` for an operator without one."""

    name: str
    index: Any
    size: ClassVar[int] = 1


@dataclass(frozen=True)
class Scalar:
    """A scalar as an operator: the scalar times the identity."""

    value: Any
    size: ClassVar[int] = 1


@dataclass(frozen=True)
class OperatorSum:
    """``1 + W_i``: signs and terms."""

    terms: tuple[tuple[int, OperatorExpr], ...]

    @cached_property
    def size(self) -> int:
        """How many operators and sums it is, written out."""
        return 1 + sum(term.size for _, term in self.terms)


@dataclass(frozen=True)
class Composition:
    """``W_i*W_<i-1>``: the last one is applied first."""

    factors: tuple[OperatorExpr, ...]

    @cached_property
    def size(self) -> int:
        """How many operators and sums it is, written out."""
        return sum(factor.size for factor in self.factors)


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
