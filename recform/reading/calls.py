"""Calls: functions of tensors and numbers, and operators with their arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import sympy

from recform.algebra import scalars as sc
from recform.algebra.expr import Across, Elementwise, Tensor
from recform.algebra.indices import untimed
from recform.algebra.operators import Composition, OperatorRef, Scalar, applied, apply
from recform.diagnostics import Label, Reported
from recform.outline.survey import BUILT_IN, COMBINE
from recform.outline.twice import is_parameters
from recform.reading.base import Value
from recform.reading.ranges import Ranges
from recform.syntax import nodes as n

#: Functions of other languages that a sign stands for here, or another function.
_SIGNS = {
    **dict.fromkeys(("add", "plus"), " + "),
    **dict.fromkeys(("sub", "subtract", "minus"), " - "),
    **dict.fromkeys(("mul", "multiply", "times"), "*"),
    **dict.fromkeys(("cat", "concatenate"), ", "),
}


def _by_sign(call: n.Call) -> str:
    """How ``add(A, B)`` is written; empty for any other function."""
    sign = _SIGNS.get(call.function.name.lower(), "")
    if not sign or len(call.arguments) < 2:
        return ""
    texts = [item.span.words for item in call.arguments]
    if sign == ", ":
        return f"write concat({sign.join(texts)})"
    later = [
        f"({x})" if isinstance(item, n.Sum) else x
        for x, item in zip(texts, call.arguments, strict=True)
    ]
    return f"write {sign.join(texts[:1] + later[1:] if sign == ' + ' else later)}"


class Calls(Ranges):
    """Reads ``name(...)``."""

    def _call(self, expr: n.Call) -> Value:
        name = expr.function.name
        indexed = bool(expr.function.indices)
        if name == "softmax" and not indexed and len(expr.arguments) == 2:
            # Of one argument it is the operator, across the features.
            return self._softmax(expr)
        if not indexed and name not in self.names.operators:
            if name in ("sum", "prod"):
                return self._repeated(expr)
            if name == "concat" or name in COMBINE:
                return self._combined(expr)
            if name == "split":
                self.report.fail(
                    "RF206",
                    "split makes several tensors, so it stands alone on the right",
                    expr.span,
                    hint="A_0, B_0 = split(input, 2)",
                )
            if name in ("dot", "norm"):
                return self._across(expr)
            known = self.names.library.elementwise(name)
            if known is not None or name in sc.FUNCTIONS:
                return self._function(expr)
        return self._application(expr)

    def _across(self, expr: n.Call) -> Value:
        """``dot(q_i, X)`` and ``norm(X)``: one number a position."""
        name, arguments = expr.function.name, self._arguments(expr)
        wanted = {"dot": 2, "norm": 1}[name]
        if len(arguments) != wanted:
            takes = "two tensors" if wanted > 1 else "one tensor"
            self.report.fail(
                "RF203", f"{name} takes {takes}, not {len(arguments)}", expr.span
            )
        values = [(self.value(argument), argument.span) for argument in arguments]
        for value, place in values:
            vector = isinstance(value, Scalar) and wanted > 1
            if not isinstance(value, Tensor) and not vector:
                self.report.fail("RF206", f"{name} takes tensors", place)
        made = self._multiply(values)
        if not isinstance(made, Tensor):
            self.report.fail("RF206", f"{name} takes a tensor", expr.span)
        return Across("sum" if name == "dot" else "norm", made)

    def _function(self, expr: n.Call) -> Value:
        name = expr.function.name
        arguments = self._arguments(expr)
        values = [self.value(argument) for argument in arguments]
        if values and all(isinstance(value, Scalar) for value in values):
            if name not in sc.FUNCTIONS:
                self.report.fail(
                    "RF206", f"{name} takes a tensor, not a number", expr.span
                )
            numbers = [value.value for value in values]  # type: ignore[union-attr]
            return Scalar(sc.call(name, numbers, expr.span, self.report.fail))
        if len(values) != 1:
            self.report.fail(
                "RF203", f"{name} takes one tensor, not {len(values)}", expr.span
            )
        (value,) = values
        if not isinstance(value, Tensor):
            self.report.fail(
                "RF206",
                f"{name} takes a tensor, and {arguments[0].span.text} is an operator",
                arguments[0].span,
                hint=f"apply it first: {name}({arguments[0].span.text}*X_<i-1>)",
            )
        function = self.names.library.elementwise(name)
        if function is None:
            self.report.fail(
                "RF206", f"{name} is a function of numbers", arguments[0].span
            )
        return Elementwise(function, value)

    def _application(self, expr: n.Call) -> Value:
        """``F_i(X)``; ``F(X, theta_i)`` is the paper's way to write the same."""
        name = expr.function.name
        if name not in self.names.operators:
            self._no_operator(expr)
        arguments = self._arguments(expr)
        known = {*self.names.all(), *self._bound}
        parameters = [a for a in arguments if is_parameters(a, known)]
        operator = self._applied(expr, parameters)
        tensors = [(self.value(a), a) for a in arguments if a not in parameters]
        inputs = self.names.operators[name]
        if len(tensors) != len(inputs):
            wanted = f"{len(inputs)} tensors ({', '.join(inputs)})"
            self.report.fail(
                "RF203",
                f"the operator {name} takes "
                f"{'one tensor' if len(inputs) == 1 else wanted}, not {len(tensors)}",
                expr.span,
                hint=_by_sign(expr)
                or "put tensors together with concat(...) or a sum first"
                if len(inputs) < len(tensors)
                else f"{expr.function.span.text}({', '.join(inputs)})",
            )
        for value, argument in tensors:
            if isinstance(value, Scalar):
                self.report.fail(
                    "RF206", f"{name} takes a tensor, not a number", argument.span
                )
        if len(tensors) != 1:
            return self._several(operator, tensors)
        ((value, _),) = tensors
        if isinstance(value, Tensor):
            return apply(operator, value)
        return Composition((operator, value))

    def _several(
        self, operator: OperatorRef, given: list[tuple[Value, n.Expr]]
    ) -> Tensor:
        """``A_i(Q_i*X, K_i*X, V_i*X)``."""
        tensors: list[Tensor] = []
        for value, argument in given:
            if not isinstance(value, Tensor):
                self.report.fail(
                    "RF206",
                    f"{untimed(operator.name)} takes tensors, and "
                    f"{argument.span.text} is an operator",
                    argument.span,
                    hint=f"apply it first: {argument.span.text}*X_<i-1>",
                )
            tensors.append(value)
        return applied(operator, *tensors)

    def _applied(self, expr: n.Call, parameters: list[n.Expr]) -> OperatorRef:
        """The operator of a call, with the index that it has, or that of its theta."""
        function = expr.function
        found: OperatorRef | None = None
        for place in [*([function] if function.indices else []), *parameters]:
            assert isinstance(place, n.Reference)
            self._called = True
            try:
                given = self._reference(replace(place, name=function.name))
            finally:
                self._called = False
            if not isinstance(given, OperatorRef):
                raise Reported  # a name with two meanings, which has been reported
            if found is not None and given != found:
                self.report.fail(
                    "RF304",
                    f"{function.name} has two different indices",
                    place.span,
                    others=[Label(function.span, "the other one")],
                )
            found = given
        if found is None:
            self.used.setdefault(function.name, function.span)
            return OperatorRef(function.name, sympy.nan)
        return found

    def _no_operator(self, expr: n.Call) -> NoReturn:
        name, library = expr.function.name, self.names.library
        others = [*self.names.operators, *BUILT_IN, *sc.FUNCTIONS]
        if name in self.names.unknowns or name in self.names.contexts:
            self.report.fail(
                "RF206",
                f"{name} is a tensor and cannot be called",
                expr.function.span,
                hint="write a product with `*`",
            )
        if library.lookup(name) is not None:
            self.report.fail(
                "RF214",
                f"an equation has operators by their names, and {name} stands here with "
                "arguments",
                expr.span,
                hint=f"give it a name behind `where`: A = {expr.span.text}",
            )
        self.report.fail(
            "RF202",
            f"there is no function or operator {name!r}",
            expr.span if (sign := _by_sign(expr)) else expr.function.span,
            hint=sign
            or library.hint(
                name, others, f"define it: {name} = conv(3, c) > bn > relu"
            ),
        )
