"""Reads equations whose ranges are finite: those inside of a definition."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import sympy

from recform.algebra.expr import Combine, Concat, I, L, State, Tensor, TensorSum
from recform.algebra.operators import OperatorRef
from recform.algebra.symbols import parameter
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, closest
from recform.reading.members import Range
from recform.reading.sorts import MAX_TERMS, Names, Reader, Value
from recform.source import Span
from recform.syntax import nodes as n


@dataclass
class FiniteReader(Reader):
    """Reads expressions whose indices are numbers."""

    #: The tensors that come in, by their names in the file.
    incoming: Mapping[str, Tensor] = field(default_factory=dict)
    #: The definitions that these equations stand in.
    above: Container[str] = ()

    def __init__(
        self,
        names: Names,
        report: Diagnostics,
        incoming: Mapping[str, Tensor],
        above: Container[str] = (),
    ) -> None:
        super().__init__(names, report)
        self.incoming = incoming
        self.above = above

    def _example(self) -> str:
        return next(iter(self.incoming), "input")

    def place(self, tensor: Tensor) -> Span:
        """Where a tensor first stands."""
        return self.spans[tensor]

    def _reference(self, expr: n.Reference) -> Value:
        if not expr.indices:
            if expr.name in self.incoming:
                return self.incoming[expr.name]
            if expr.name == "input" and len(self.incoming) > 1:
                self.report.fail(
                    "RF208",
                    f"of the tensors {', '.join(self.incoming)} none is the input",
                    expr.span,
                )
            if expr.name in self.names.unknowns:
                return State(expr.name, sympy.nan)
            self._check_place(expr)
        if expr.name in self.incoming:
            self.report.fail("RF304", f"{expr.name} has no index here", expr.span)
        value = super()._reference(expr)
        if isinstance(value, OperatorRef) and value.name not in self.names.operators:
            self._unknown(expr)
        return value

    def _check_place(self, expr: n.Reference) -> None:
        """Reports a number of stages or blocks: its symbol is a constructor's argument."""
        number = self.names.numbers.get(expr.name, sympy.S.One)
        known = expr.name in self._bound or number == parameter(expr.name)
        if known or not getattr(number, "is_Symbol", False):
            return
        if self._indexing:
            self._no_index(expr)
        self.report.fail(
            "RF212",
            "numbers of stages and blocks stand in the flows of a definition, "
            "not in its equations",
            expr.span,
            hint="multiply where the definition is applied, in the network's equation",
        )

    def _unknown(self, expr: n.Reference) -> NoReturn:
        if expr.name in self.above:
            self.report.fail("RF213", f"{expr.name} is defined by itself", expr.span)
        if expr.name[0].isupper() and not closest(expr.name, self.names.all()):
            self.report.fail(
                "RF208",
                f"{expr.name} is not defined",
                expr.span,
                hint=f"where {expr.name} = conv(1, cin) > bn",
            )
        super()._unknown(expr)

    def tensor(self, expr: n.Expr) -> Tensor:
        value = super().tensor(expr)
        if value.has(I) or value.has(L):
            self.report.fail(
                "RF212",
                "i and L stand in the flows of a definition, not in its equations",
                expr.span,
                hint="multiply where it is applied: sqrt(i/L)*F_i*X_<i-1>",
            )
        return value

    def _combined(self, expr: n.Call) -> Value:
        value = super()._combined(expr)
        return _flat(value) if isinstance(value, Tensor) else value

    def _no_index(self, expr: n.Reference) -> NoReturn:
        self.report.fail(
            "RF304",
            f"there is no index {expr.name} here",
            expr.span,
            hint="an index in a definition is a number, or the letter of its own equation",
        )

    def _index(self, expr: n.Expr | n.Range) -> Symbolic:
        assert not isinstance(expr, n.Range)
        value = self._value_of_index(expr)
        if not value.is_Integer:
            self.report.fail(
                "RF304",
                "an index in a definition is a number, or the letter of its own equation",
                expr.span,
                hint="multiply where it is applied: k_i*F_i*X_<i-1>"
                if value.has(I)
                else "",
            )
        return value

    def _history(self, kind: str, over: Range, body: n.Expr, span: Span) -> Tensor:
        """A range in a definition is finite: all its members, side by side."""
        low, high = over.first, over.last
        if not high.is_Integer or high < low:
            self.report.fail("RF308", "a range in a definition ends at a number", span)
        if high - low + 1 > MAX_TERMS:
            self.report.fail(
                "RF106", f"this range has more than {MAX_TERMS} members", span
            )
        members = []
        for number in range(int(low), int(high) + 1):
            with self.binding(over.variable, sympy.Integer(number)):
                members.append(self.tensor(body))
        if len(members) == 1:
            return members[0]
        if kind == "concat":
            return Concat(*members)
        return TensorSum(*members) if kind == "sum" else Combine(kind, *members)


def _flat(tensor: Tensor) -> Tensor:
    """Tensors side by side, without brackets between them."""
    if not isinstance(tensor, Concat):
        return tensor
    parts = [
        inner
        for part in tensor.children
        for inner in (part.children if isinstance(part, Concat) else (part,))
    ]
    return Concat(*parts)
