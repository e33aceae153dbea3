"""Operator expressions: what stands in front of a tensor, until it is applied.

``(A + B)*X`` is ``A*X + B*X`` always; ``A*(X + Y)`` stays as it is, because blocks are
not linear. So an operator expression can always be applied away from the left, and only
applications of single operators are left. What cancels in a sum of operators is gone
before it is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import sympy

from recform.algebra.expr import Apply, Tensor, TensorSum
from recform.algebra.lists import Dealt
from recform.algebra.multiples import scaled, signed
from recform.blocks.symbolic import Symbolic


@dataclass(frozen=True)
class OperatorRef:
    """``W_i``; the index is ``NaN`` for an operator without one.

    Attributes:
        dealt: whether its features are for the members of a sum: ``A_<i,k>``.
    """

    name: str
    index: Symbolic
    dealt: bool = False
    size: ClassVar[int] = 1


@dataclass(frozen=True)
class Scalar:
    """A scalar as an operator: the scalar times the identity."""

    value: Symbolic
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


def summed(terms: Sequence[tuple[int, OperatorExpr]]) -> OperatorExpr:
    """A sum of operators, without those that cancel: ``W - W`` applies none.

    The others stay as they are, in the author's order.
    """
    flat = list(_flat(terms, 1))
    totals: dict[tuple[OperatorExpr, ...], Symbolic] = {}
    for sign, term in flat:
        factor, rest = _factored(term)
        totals[rest] = totals.get(rest, sympy.S.Zero) + sign * factor
    if all(total != 0 for total in totals.values()):
        return OperatorSum(tuple(terms))
    left = tuple(term for term in flat if totals[_factored(term[1])[1]] != 0)
    if not left:
        return Scalar(sympy.S.Zero)
    return left[0][1] if len(left) == 1 and left[0][0] > 0 else OperatorSum(left)


def _flat(
    terms: Iterable[tuple[int, OperatorExpr]], outer: int
) -> Iterator[tuple[int, OperatorExpr]]:
    for sign, term in terms:
        if isinstance(term, OperatorSum):
            yield from _flat(term.terms, outer * sign)
        else:
            yield outer * sign, term


def _factored(term: OperatorExpr) -> tuple[Symbolic, tuple[OperatorExpr, ...]]:
    """A term as a number times what it is a multiple of."""
    factors = term.factors if isinstance(term, Composition) else (term,)
    number = sympy.S.One
    rest = list(factors)
    while rest and isinstance(rest[0], Scalar):
        number *= rest.pop(0).value  # type: ignore[union-attr]
    return number, tuple(rest)


def applied(operator: OperatorRef, *tensors: Tensor) -> Tensor:
    """A single operator applied to the tensors that it takes."""
    made = Apply(operator.name, operator.index, *tensors)
    return Dealt(made) if operator.dealt else made


def apply(operator: OperatorExpr, tensor: Tensor) -> Tensor:
    """The operator expression applied to a tensor, in the author's order."""
    match operator:
        case OperatorRef():
            return applied(operator, tensor)
        case Scalar():
            return scaled(operator.value, tensor)
        case OperatorSum():
            terms = [signed(sign, apply(term, tensor)) for sign, term in operator.terms]
            return terms[0] if len(terms) == 1 else TensorSum(*terms)
        case Composition():
            for factor in reversed(operator.factors):
                tensor = apply(factor, tensor)
            return tensor
