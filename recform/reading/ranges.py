"""Ranges: sums and products that are written out, histories that are kept."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import sympy

from recform.algebra.expr import (
    Combine,
    Concat,
    History,
    I,
    K,
    L,
    Learned,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.indices import free_letter
from recform.algebra.multiples import scaled
from recform.algebra.operators import Scalar
from recform.diagnostics import beyond
from recform.reading.base import MAX_INDEX, MAX_OFFSET, MAX_TERMS, MAX_WRITTEN, Value
from recform.reading.beside import SideBySide
from recform.reading.means import members
from recform.reading.members import Gathered, Range, reads_block
from recform.source import Span
from recform.syntax import nodes as n


class Ranges(Gathered, SideBySide):
    """Reads what runs over several indices."""

    def _repeated(self, expr: n.Call) -> Value:
        name = expr.function.name
        expr, by_stage = self._by_stage(expr)
        arguments = self._arguments(expr)
        if name == "sum" and len(arguments) == 1:
            return self._combined(expr)
        if len(arguments) != 4 or not _is_plain_name(arguments[0]):
            self.report.fail(
                "RF203",
                f"{name} takes a variable, its first and last value, and a body",
                expr.span,
                hint=f"{name}(k, 1, 3, a_k*X_<i-k>)",
            )
        variable, first, last, body = arguments
        assert isinstance(variable, n.Reference)
        if variable.name in (*self.names.all(), "L"):
            self.report.fail(
                "RF209",
                f"{variable.name!r} already means something else",
                variable.span,
                hint=f"use another letter: {free_letter(self.names.all())}",
            )
        low, high = self._value_of_index(first), self._value_of_index(last)
        if not low.is_Integer:
            self.report.fail("RF308", "the range starts at a whole number", first.span)
        if (high.has(I) or high.has(L)) and name == "sum":
            over = Range(variable.name, low, high, by_stage)
            return self._history("sum", over, body, expr.span)
        if by_stage:
            self.report.fail(
                "RF308",
                "a sum by stage ends at i, i-1, ..., or at L in the output",
                last.span,
            )
        if not high.is_Integer:
            self.report.fail(
                "RF308",
                "the range ends at a whole number"
                + (" or at i-1 (at L in the output)" if name == "sum" else ""),
                last.span,
            )
        if high - low + 1 > MAX_TERMS:
            self.report.fail(
                "RF106",
                f"this writes out {int(high - low + 1):,} terms; "
                f"the limit is {MAX_TERMS}",
                expr.span,
            )
        self._written += int(high - low) + 1
        if self._written > MAX_WRITTEN:
            self.report.fail(
                "RF106",
                f"the ranges here write out more than {MAX_WRITTEN:,} terms together",
                expr.span,
            )
        if high < low:
            self.report.fail("RF308", "the range is empty", first.span.to(last.span))
        values: list[tuple[Value, Span]] = []
        for k in range(int(low), int(high) + 1):
            with self.binding(variable.name, sympy.Integer(k)):
                values.append((self.value(body), body.span))
        if name == "sum":
            return self._add([(1, value, span) for value, span in values])
        return self._multiply(values)

    def _by_stage(self, expr: n.Call) -> tuple[n.Call, bool]:
        """Whether a sum is one ``by=stage``, and the call without that."""
        found = [
            a for a in expr.arguments if isinstance(a, n.Keyword) and a.name == "by"
        ]
        if not found or expr.function.name != "sum":
            return expr, False
        value = found[0].value
        if not isinstance(value, n.Reference) or value.name != "stage":
            self.report.fail(
                "RF203", "a sum is by=stage, or over all blocks", value.span
            )
        if self.names.restarts:
            self.report.fail(
                "RF308",
                "the index starts anew in each stage, so no sum goes over several",
                found[0].span,
                hint="leave out `scope stage`",
            )
        rest = tuple(a for a in expr.arguments if a not in found)
        return replace(expr, arguments=rest), True

    def _combined(self, expr: n.Call) -> Value:
        name = expr.function.name
        arguments = self._arguments(expr)
        if len(arguments) == 1 and _has_range(arguments[0]):
            return self._ranged(name, arguments[0])
        values = [
            self._ranged(name, argument)
            if _has_range(argument) and name != "mean"
            else self.value(argument)
            for argument in arguments
        ]
        if (
            name in ("min", "max")
            and values
            and all(isinstance(v, Scalar) for v in values)
        ):
            return self._function(expr)
        if not values:
            self.report.fail("RF203", f"{name} needs at least one tensor", expr.span)
        if name == "concat":
            return self._side_by_side(list(zip(values, arguments, strict=True)))
        for value, argument in zip(values, arguments, strict=True):
            if not isinstance(value, Tensor):
                number = isinstance(value, Scalar)
                self.report.fail(
                    "RF206",
                    f"{name} takes tensors, and {argument.span.text} is "
                    + ("a number" if number else "an operator"),
                    argument.span,
                    hint=_bounded(name, values, arguments)
                    if number
                    else f"apply it first: {argument.span.text}*X_<i-1>",
                )
        tensors: list[Tensor] = values  # type: ignore[assignment]
        return tensors[0] if len(tensors) == 1 else Combine(name, *tensors)

    def _ranged(self, name: str, argument: n.Expr) -> Tensor:
        """``concat(X_<0..i-1>)``, ``mean(X_<0..i-1>)``: a range of one unknown."""
        assert isinstance(argument, n.Reference)
        ends = argument.indices[0]
        if not isinstance(ends, n.Range):
            return self._over_time(name, argument)
        low = self._value_of_index(ends.first)
        high = self._value_of_index(ends.last)
        if not low.is_Integer:
            self.report.fail("RF308", "the history starts at a number", ends.first.span)
        if argument.name not in self.names.unknowns:
            self._unknown(argument)
        here = argument.span
        indices = (n.Reference(here, "_k"), *argument.indices[1:])
        body = n.Reference(here, argument.name, indices)
        kind = "sum" if name == "mean" else name
        history = self._history(kind, Range("_k", low, high), body, here)
        if name != "mean":
            return history
        if not isinstance(history, History):
            return scaled(1 / (high - low + 1), history)
        unknown = history.body
        assert isinstance(unknown, State)
        return scaled(1 / members(unknown.name, low, high), history)

    def _over_time(self, name: str, argument: n.Reference) -> Tensor:
        """``mean(X_<L,1..T>)``: a range of the second index, written out."""
        first, ends = argument.indices
        assert isinstance(ends, n.Range)
        low, high = self._time_at(ends.first), self._time_at(ends.last)
        if not 1 <= low <= high:
            self.report.fail(
                "RF308", "the range is empty, or starts before 1", ends.span
            )
        parts = []
        for time in range(int(low), int(high) + 1):
            second = n.Number(ends.span, Fraction(time))
            value = self.value(replace(argument, indices=(first, second)))
            if not isinstance(value, Tensor):
                self.report.fail("RF206", f"{name} takes tensors", argument.span)
            parts.append(value)
        if len(parts) == 1:
            return parts[0]
        if name == "concat":
            return Concat(*parts)
        return TensorSum(*parts) if name == "sum" else Combine(name, *parts)

    def _history(self, kind: str, over: Range, body: n.Expr, span: Span) -> Tensor:
        """A range up to ``i-d``, kept as one tensor that grows or adds up, or as a list."""
        low, high = over.first, over.last
        with self.binding(over.variable, K):
            value = self._body(body, over)
        if not isinstance(value, Tensor):
            self.report.fail(
                "RF308", f"{kind} over a history needs a tensor", body.span
            )
        end = high - I if high.has(I) else high - L if high.has(L) else high
        if not end.is_Integer:
            self.report.fail(
                "RF308", "the range ends at i-1, i-2, ... or a number", span
            )
        limit = MAX_OFFSET if high.has(I) or high.has(L) else MAX_INDEX
        if abs(end) > limit:
            text = beyond("how far this range reaches", limit)
            self.report.fail("RF106", text, span)
        if not (0 <= low <= MAX_OFFSET):
            self.report.fail("RF308", f"the range starts at 0 to {MAX_OFFSET}", span)
        self._missing_scalars(value, over.variable, int(low), span)
        if over.by_stage or reads_block(value):
            return self._weighed(value, over, body.span)
        return History(kind, value, low, high)

    def _missing_scalars(
        self, body: Tensor, variable: str, low: int, span: Span
    ) -> None:
        """Warns of terms at the start that have the scalar of no block: ``a_0*Y_0``."""
        for item in sorted(body.atoms(Learned), key=str):
            if item.index is sympy.nan or not item.index.has(K):
                continue
            first = int(item.index.xreplace({K: sympy.Integer(low)}))
            if first < 1:
                self.report.warning(
                    "RF311",
                    f"there is no {item.name}_{first}, so the term with it is left out",
                    span,
                    hint=f"blocks are counted from 1: let {variable} start at "
                    f"{low + 1 - first}, and write what comes before as terms of its own",
                )

    def _body(self, body: n.Expr, over: Range) -> Value:
        raise NotImplementedError

    def _arguments(self, expr: n.Call) -> list[n.Expr]:
        for argument in expr.arguments:
            if isinstance(argument, n.Keyword):
                self.report.fail(
                    "RF203",
                    "arguments of a function in an equation have no names",
                    argument.span,
                )
        return list(expr.arguments)  # type: ignore[arg-type]

    def _function(self, expr: n.Call) -> Value:
        raise NotImplementedError


def _bounded(name: str, values: list[Value], arguments: list[n.Expr]) -> str:
    """How tensors are held above or below a number, for a hint."""
    pairs = list(zip(values, arguments, strict=True))
    tensors = [a for value, a in pairs if isinstance(value, Tensor)]
    numbers = [a for value, a in pairs if isinstance(value, Scalar)]
    if not tensors or len(numbers) != 1 or name not in ("max", "min"):
        return ""
    (number,) = numbers
    tensor = ", ".join(a.span.text for a in tensors)
    if len(tensors) > 1:
        tensor = f"{name}({tensor})"
    elif name == "min" and isinstance(tensors[0], n.Sum):
        tensor = f"({tensor})"
    bound = number.span.text
    if not isinstance(number, n.Number | n.Reference | n.Call | n.Group):
        bound = f"({bound})"
    if bound == "0":
        return f"relu({tensor})" if name == "max" else f"(-relu(-{tensor}))"
    if name == "max":
        return f"(relu({tensor} - {bound}) + {bound})"
    return f"({bound} - relu({bound} - {tensor}))"


def _is_plain_name(expr: n.Expr) -> bool:
    return isinstance(expr, n.Reference) and not expr.indices


def _has_range(expr: n.Expr) -> bool:
    return (
        isinstance(expr, n.Reference)
        and 1 <= len(expr.indices) <= 2
        and any(isinstance(index, n.Range) for index in expr.indices)
    )
