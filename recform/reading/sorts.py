"""Reads equations: every part of one is a scalar, an operator or a tensor.

The rules of the near-ring (docs/language.md, "Sorts"):

- operator*tensor applies, operator*operator composes, scalar*anything scales,
  tensor*tensor is element by element; ``1`` among operators is the identity;
- in a product each operator applies to the next tensor on its right;
- a sum has terms of one sort; a number among tensors is added to each element.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from recform.algebra import scalars as sc
from recform.algebra.expr import (
    Elementwise,
    Filled,
    K,
    Part,
    Pointwise,
    Tensor,
    TensorSum,
)
from recform.algebra.indices import untimed
from recform.algebra.multiples import scaled, signed
from recform.algebra.operators import (
    Composition,
    OperatorExpr,
    OperatorRef,
    OperatorSum,
    Scalar,
    apply,
    summed,
)
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Label
from recform.operators.activation import RECIPROCAL
from recform.reading.base import MAX_OFFSET, MAX_POWER, MAX_TERMS, Names, Value
from recform.reading.calls import Calls
from recform.reading.members import Range
from recform.source import Span
from recform.syntax import nodes as n


@dataclass
class Reader(Calls):
    """Reads the expressions of one network: all rules together."""

    def _value(self, expr: n.Expr) -> Value:
        match expr:
            case n.Number():
                number = sympy.Rational(expr.value.numerator, expr.value.denominator)
                return Scalar(sc.bounded(number))
            case n.Group():
                return self.value(expr.inner)
            case n.Sum():
                return self._sum(expr)
            case n.Product():
                return self._product(expr)
            case n.Power():
                return self._power(expr)
            case n.Reference():
                return self._reference(expr)
            case n.Call():
                return self._call(expr)
        self.report.fail(
            "RF212",
            "this has no place in an equation",
            expr.span,
            hint="an equation is made of tensors, operators and numbers",
        )

    def _sum(self, expr: n.Sum) -> Value:
        terms = [(sign, self.value(term), term.span) for sign, term in expr.terms]
        return self._add(terms)

    def _add(self, terms: list[tuple[int, Value, Span]]) -> Value:
        tensors = [span for _, v, span in terms if isinstance(v, Tensor)]
        others = [span for _, v, span in terms if not isinstance(v, Tensor | Scalar)]
        if tensors and others:
            self.report.fail(
                "RF204",
                "a tensor and an operator cannot be added",
                others[0],
                "this is an operator",
                hint=f"apply it: {others[0].text}*X_<i-1>",
                others=[Label(tensors[0], "this is a tensor")],
            )
        if tensors:
            parts = [
                signed(sign, v if isinstance(v, Tensor) else Filled(v.value))  # type: ignore[union-attr]
                for sign, v, _ in terms
            ]
            for part, (_, _, span) in zip(parts, terms, strict=True):
                self.spans.setdefault(part, span)
            return parts[0] if len(parts) == 1 else TensorSum(*parts)
        if others:
            return summed([(sign, v) for sign, v, _ in terms])
        total = sum((sign * v.value for sign, v, _ in terms), sympy.S.Zero)  # type: ignore[union-attr]
        return Scalar(sc.bounded(total))

    def _product(self, expr: n.Product) -> Value:
        factors: list[tuple[Value, Span]] = []
        for direction, factor in expr.factors:
            value = self.value(factor)
            if direction < 0:
                value = self._inverse(value, factor)
            factors.append((value, factor.span))
        return self._multiply(factors)

    def _inverse(self, divisor: Value, factor: n.Expr) -> Value:
        """1 over a number or a tensor."""
        if isinstance(divisor, Tensor):
            return Elementwise(RECIPROCAL, divisor)
        if not isinstance(divisor, Scalar):
            self.report.fail("RF205", "an operator is no divisor", factor.span)
        if divisor.value == 0:
            raise ZeroDivisionError
        return Scalar(1 / divisor.value)

    def _multiply(self, factors: list[tuple[Value, Span]]) -> Value:
        """Each operator applies to the next tensor on its right."""
        tensors: list[Tensor] = []
        coefficient = sympy.S.One
        waiting: list[tuple[OperatorExpr, Span]] = []
        start = factors[0][1]
        for value, span in factors:
            if isinstance(value, Tensor):
                tensor = value
                for operator, place in reversed(waiting):
                    self._check_letters(operator, place)
                    tensor = apply(operator, tensor)
                    self._check_size(tensor, place)
                    self.spans.setdefault(tensor, place.to(span))
                tensors.append(tensor)
                waiting = []
            elif isinstance(value, Scalar) and not any(
                not isinstance(operator, Scalar) for operator, _ in waiting
            ):
                coefficient = sc.bounded(coefficient * value.value)
            else:
                waiting.append((value, span))
        if not tensors:
            if all(isinstance(operator, Scalar) for operator, _ in waiting):
                for operator, _ in waiting:
                    coefficient = sc.bounded(coefficient * operator.value)  # type: ignore[union-attr]
                return Scalar(coefficient)
            self._no_tensor(waiting)
            parts = tuple(operator for operator, _ in waiting)
            return Composition(
                (Scalar(coefficient), *parts) if coefficient != 1 else parts
            )
        if waiting and any(not isinstance(v, Scalar) for v, _ in waiting):
            place = waiting[0][1]
            self.report.fail(
                "RF205",
                "a tensor stands on the left of an operator",
                place,
                "this operator is applied to nothing",
                hint=f"an operator stands in front of what it is applied to: "
                f"{place.text}*{start.text}",
            )
        for operator, _ in waiting:
            coefficient = sc.bounded(coefficient * operator.value)  # type: ignore[union-attr]
        result = tensors[0] if len(tensors) == 1 else Pointwise(*tensors)
        self.spans.setdefault(result, start.to(factors[-1][1]))
        return scaled(coefficient, result)

    def _check_letters(self, operator: OperatorExpr, place: Span) -> None:
        """Reports a letter that nothing says to be an operator."""
        for name in _letters(operator):
            if untimed(name) not in self.names.operators:
                self.report.fail(
                    "RF208",
                    f"{untimed(name)} has no equation, and it is applied to nothing",
                    place,
                    hint=f"add an equation {name}_i = ...",
                )

    def _no_tensor(self, factors: list[tuple[OperatorExpr, Span]]) -> None:
        """Reports an unknown without an equation at the end of a product."""
        last, span = factors[-1]
        if (
            len(factors) > 1
            and isinstance(last, OperatorRef)
            and untimed(last.name) not in self.names.operators
        ):
            self.report.fail(
                "RF208",
                f"{last.name} has no equation",
                span,
                hint=f"add an equation {last.name}_i = ...",
            )

    def _power(self, expr: n.Power) -> Value:
        base, exponent = self.value(expr.base), self.value(expr.exponent)
        if not isinstance(exponent, Scalar):
            factor = "" if base == Scalar(sympy.E) else f"log({expr.base.span.text})*"
            above = expr.exponent
            if not factor and isinstance(above, n.Group):
                above = above.inner
            hint = f"exp({factor}{above.span.text})"
            known = isinstance(base, Scalar) and base.value.is_positive
            self.report.fail(
                "RF205",
                "an exponent is a number",
                expr.exponent.span,
                hint=hint if known and isinstance(exponent, Tensor) else "",
            )
        if isinstance(base, Scalar):
            return Scalar(sc.power(base.value, exponent.value))
        if isinstance(base, Tensor):
            return self._tensor_power(base, exponent.value, expr)
        if not (exponent.value.is_Integer and 1 <= exponent.value <= MAX_POWER):
            text = f"an operator takes a whole number from 1 to {MAX_POWER} as exponent"
            self.report.fail("RF205", text, expr.exponent.span)
        return self._multiply([(base, expr.base.span)] * int(exponent.value))

    def _tensor_power(self, base: Tensor, exponent: Symbolic, expr: n.Power) -> Value:
        """``X^2``, ``X^(1/2)``, ``X^(-1)``: products, roots and quotients."""
        times = abs(exponent)
        halves = exponent.is_number and (2 * times).is_Integer
        if not (halves and 0 < times <= MAX_POWER):
            self.report.fail(
                "RF205",
                "the exponent of a tensor is a half or a whole number, from 1/2 to "
                f"{MAX_POWER} or from -{MAX_POWER} to -1/2",
                expr.exponent.span,
            )
        factors = [base] * int(times)
        if not times.is_Integer:
            root = self.names.library.elementwise("sqrt")
            assert root is not None
            factors.append(Elementwise(root, base))
        made = self._multiply([(factor, expr.base.span) for factor in factors])
        return made if exponent > 0 else self._inverse(made, expr.base)

    def _body(self, body: n.Expr, over: Range) -> Value:
        reader = _HistoryReader(
            self.names,
            self.report,
            self.spans,
            self.used,
            self.members,
            self.ends,
            self.beside,
        )
        reader._bound, reader._time = self._bound, self._time
        reader._ahead, reader._ending = self._ahead, self._ending
        reader._over = over
        return reader.value(body)


class _HistoryReader(Reader):
    """Reads the body of a history, where an index may hold its variable."""

    def _index(self, expr: n.Expr | n.Range) -> Symbolic:
        assert not isinstance(expr, n.Range)
        value = self._value_of_index(expr)
        if value.has(K):
            if not (value - K).is_Integer or abs(value - K) > MAX_OFFSET:
                self.report.fail(
                    "RF304", "an index here is k, k-1, ... or a number", expr.span
                )
            return value
        return super()._index(expr)


def _letters(operator: OperatorExpr) -> Iterator[str]:
    """The names in an operator expression."""
    match operator:
        case OperatorRef():
            yield operator.name
        case OperatorSum():
            for _, term in operator.terms:
                yield from _letters(term)
        case Composition():
            for factor in operator.factors:
                yield from _letters(factor)


def split_of(call: n.Call, reader: Reader) -> tuple[Tensor, ...] | None:
    """The parts of ``split(tensor, n)``, or None if this is another call.

    Raises:
        Reported: after a diagnostic.
    """
    if call.function.name != "split" or call.function.indices:
        return None
    if len(call.arguments) != 2 or any(
        isinstance(a, n.Keyword) for a in call.arguments
    ):
        reader.report.fail(
            "RF203", "split takes a tensor and a number of parts", call.span
        )
    first, second = call.arguments
    assert not isinstance(first, n.Keyword) and not isinstance(second, n.Keyword)
    tensor = reader.tensor(first)
    parts = reader.value(second)
    if (
        not isinstance(parts, Scalar)
        or not parts.value.is_Integer
        or not 2 <= parts.value <= 64
    ):
        reader.report.fail(
            "RF203", "split takes a number of parts from 2 to 64", second.span
        )
    return tuple(Part(tensor, parts.value, k) for k in range(int(parts.value)))


__all__ = [
    "MAX_OFFSET",
    "MAX_TERMS",
    "Names",
    "Reader",
    "Value",
    "split_of",
]
