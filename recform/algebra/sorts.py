"""Reads equations: every part of one is a scalar, an operator or a tensor.

The rules of the near-ring (docs/language.md, "Sorts"):

- operator*tensor applies, operator*operator composes, scalar*anything scales,
  tensor*tensor is element by element; ``1`` among operators is the identity;
- in a product each operator applies to the next tensor on its right;
- a sum has terms of one sort; a number among tensors is added to each element.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, NoReturn

import sympy

from recform.algebra import scalars as sc
from recform.algebra.expr import (
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    I,
    Input,
    K,
    L,
    Learned,
    Part,
    Pointwise,
    State,
    Tensor,
    TensorSum,
    at_time,
    scaled,
    signed,
    untimed,
)
from recform.algebra.operators import (
    Composition,
    OperatorExpr,
    OperatorRef,
    OperatorSum,
    Scalar,
    apply,
)
from recform.algebra.survey import references
from recform.blocks import elementwise
from recform.blocks import names as operator_names
from recform.diagnostics import Diagnostics, Label, closest
from recform.source import Span
from recform.syntax import nodes as n

#: Most terms that sum(k, a, b, ...) and prod write out.
MAX_TERMS = 512
#: Furthest that an index may lie from ``i``, and largest absolute index.
MAX_OFFSET = 32
MAX_INDEX = 1_000_000

_COMBINE = ("max", "min", "mean")
_BUILT_IN = ("sum", "prod", "concat", "split", *_COMBINE)

Value = Tensor | OperatorExpr


@dataclass(frozen=True)
class Names:
    """What the names of a network stand for.

    Attributes:
        unknowns: names with an equation.
        operators: operator letters, defined or inferred.
        learned: learned scalars, by name: whether each block has its own.
        numbers: constants and parameters, by name; constants may hold ``i`` and ``L``.
        indexed_numbers: the names among them that are written with an index.
        times: how far a second index runs; 0 where there is none.
        timed: unknowns with a second index.
    """

    unknowns: frozenset[str]
    operators: frozenset[str]
    learned: Mapping[str, bool]
    numbers: Mapping[str, Any]
    indexed_numbers: frozenset[str] = frozenset()
    times: int = 0
    timed: frozenset[str] = frozenset()

    def all(self) -> list[str]:
        """Every name that an equation can use."""
        return sorted(
            {*self.unknowns, *self.operators, *self.learned, *self.numbers, "input"}
        )


class Reported(Exception):
    """A diagnostic has been made; this equation is given up."""


@dataclass
class Reader:
    """Reads the expressions of one network.

    Attributes:
        names: what is known.
        report: gets the diagnostics.
        spans: filled with the place where each tensor first stands.
        used: filled with the names of operators and scalars, in order of appearance.
        members: filled with learned scalars of a fixed number (``a_1``), and what they
            are members of (``a``).
    """

    names: Names
    report: Diagnostics
    spans: dict[Tensor, Span] = field(default_factory=dict)
    used: dict[str, Span] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    _bound: dict[str, Any] = field(default_factory=dict)
    _time: str = ""

    # -- entry points

    def tensor(self, expr: n.Expr) -> Tensor:
        """Reads an expression that must be a tensor.

        Raises:
            Reported: after a diagnostic.
        """
        value = self.value(expr)
        if isinstance(value, Tensor):
            return value
        if isinstance(value, Scalar):
            self._fail("RF208", "this is a number, where a tensor is needed", expr.span)
        self._fail(
            "RF208",
            f"{expr.span.text} is an operator that is applied to nothing",
            expr.span,
            hint=f"write {expr.span.text}*X_<i-1>",
        )

    def value(self, expr: n.Expr) -> Value:
        """Reads an expression of any sort.

        Raises:
            Reported: after a diagnostic.
        """
        try:
            value = self._value(expr)
        except sc.Unreasonable:
            self._fail("RF106", "this number is out of all reason", expr.span)
        except sc.Undefined:
            self._fail("RF211", "this is a root of a negative number", expr.span)
        except ZeroDivisionError:
            self._fail("RF211", "this divides by zero", expr.span)
        if isinstance(value, Tensor):
            self.spans.setdefault(value, expr.span)
        return value

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
        self._fail("RF212", "this has no place in an equation", expr.span)

    # -- sums and products

    def _sum(self, expr: n.Sum) -> Value:
        terms = [(sign, self.value(term), term.span) for sign, term in expr.terms]
        return self._add(terms)

    def _add(self, terms: list[tuple[int, Value, Span]]) -> Value:
        tensors = [span for _, v, span in terms if isinstance(v, Tensor)]
        others = [span for _, v, span in terms if not isinstance(v, Tensor | Scalar)]
        if tensors and others:
            self._fail(
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
            return OperatorSum(tuple((sign, v) for sign, v, _ in terms))
        total = sum((sign * v.value for sign, v, _ in terms), sympy.S.Zero)  # type: ignore[union-attr]
        return Scalar(sc.bounded(total))

    def _product(self, expr: n.Product) -> Value:
        factors: list[tuple[Value, Span]] = []
        for direction, factor in expr.factors:
            value = self.value(factor)
            if direction < 0:
                if not isinstance(value, Scalar):
                    kind = "a tensor" if isinstance(value, Tensor) else "an operator"
                    self._fail("RF205", f"{kind} is no divisor", factor.span)
                if value.value == 0:
                    raise ZeroDivisionError
                value = Scalar(1 / value.value)
            factors.append((value, factor.span))
        return self._multiply(factors)

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
            self._fail(
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
                self._fail(
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
            self._fail(
                "RF208",
                f"{last.name} has no equation",
                span,
                hint=f"add an equation {last.name}_i = ...",
            )

    def _power(self, expr: n.Power) -> Value:
        base, exponent = self.value(expr.base), self.value(expr.exponent)
        if not isinstance(exponent, Scalar):
            self._fail("RF205", "an exponent is a number", expr.exponent.span)
        if isinstance(base, Scalar):
            return Scalar(sc.power(base.value, exponent.value))
        times = exponent.value
        if not (times.is_Integer and 1 <= times <= 16):
            self._fail(
                "RF205",
                "a tensor or an operator takes a whole number from 1 to 16 as exponent",
                expr.exponent.span,
            )
        return self._multiply([(base, expr.base.span)] * int(times))

    # -- names

    def _reference(self, expr: n.Reference) -> Value:
        name = expr.name
        if any(isinstance(index, n.Range) for index in expr.indices):
            self._fail(
                "RF304",
                "a range of history is read as a whole",
                expr.span,
                hint=f"concat({expr.span.text}), sum(...), max(...), min(...) or mean(...)",
            )
        if not expr.indices:
            plain = self._plain(expr)
            if plain is not None:
                return plain
        index, time = self._two_indices(expr)
        if name in self.names.unknowns:
            return self._state(expr, index, time)
        if name in self.names.operators:
            owner = name if time is None else at_time(name, time)
            self.used.setdefault(owner, expr.span)
            return OperatorRef(owner, index)
        if name in self.names.learned:
            return self._learned(expr, index, time)
        if name in self.names.numbers and expr.indices:
            if name not in self.names.indexed_numbers:
                self._fail("RF304", f"{name} was declared without an index", expr.span)
            return Scalar(self.names.numbers[name].subs(I, index))
        if name[0].isupper() and index == I and not closest(name, self.names.unknowns):
            # Nothing says what it is; as an operator it gets the more telling error.
            return OperatorRef(name, index)
        self._unknown(expr)

    def _state(self, expr: n.Reference, index: Any, time: Any) -> State:
        """An unknown at its index; one of a second index at its time."""
        name = expr.name
        if not expr.indices:
            self._fail(
                "RF304",
                f"{name} needs an index",
                expr.span,
                hint=f"{name}_<i-1> is what the last block made of it",
            )
        if (time is None) == (name in self.names.timed):
            one, two = f"{name}_<i-1>", f"{name}_<i-1,t>"
            wanted, other = (two, one) if time is None else (one, two)
            self._fail(
                "RF304",
                f"{name} has {'two indices' if time is None else 'one index'}, "
                f"as in {wanted}",
                expr.span,
                hint=f"write {wanted}, or {other} everywhere",
            )
        return State(name if time is None else at_time(name, time), index)

    def _two_indices(self, expr: n.Reference) -> tuple[Any, Any]:
        """The index of the block, and of the time; NaN and None where there is none."""
        if not expr.indices:
            return sympy.nan, None
        first = expr.indices[0]
        assert not isinstance(first, n.Range)
        if len(expr.indices) == 1:
            if expr.name not in self.names.unknowns and self._is_time(first):
                # W_t: one for each time, which all blocks share.
                return sympy.nan, self._time_at(first)
            return self._index(first), None
        if len(expr.indices) > 2:
            self._fail(
                "RF307", "a name has two indices at most: block and time", expr.span
            )
        second = expr.indices[1]
        assert not isinstance(second, n.Range)
        if not self.names.times:
            self._fail(
                "RF304",
                f"{expr.name} has a second index here, but no unknown has one",
                expr.span,
                hint="an equation with two indices starts with X_<i,t> = ...",
            )
        return self._index(first), self._time_at(second)

    def _is_time(self, index: n.Expr) -> bool:
        """Whether an index speaks of the time: ``t`` or ``t-1``."""
        return bool(self._time) and self._time in {
            part.name for part in references(index)
        }

    def _time_at(self, expr: n.Expr) -> Any:
        """A second index, which is a number by now."""
        time = self._value_of_index(expr)
        if not time.is_Integer:
            letter = self._time or "t"
            self._fail(
                "RF304",
                f"a second index is {letter}, {letter}-1, ... or a number",
                expr.span,
            )
        if time > self.names.times:
            self._fail(
                "RF302",
                f"there is no time {time}: the times are 1 to {self.names.times}",
                expr.span,
                hint=f"times {time}" if time <= 64 and not self._time else "",
            )
        if time < -MAX_OFFSET:
            self._fail("RF106", "this index is out of all reason", expr.span)
        return time

    @contextmanager
    def at(self, letter: str, time: int) -> Iterator[None]:
        """Gives the letter of the second index a value while a side is read."""
        before = self._time
        self._time = letter
        try:
            with self.binding(letter, sympy.Integer(time)):
                yield
        finally:
            self._time = before

    def _plain(self, expr: n.Reference) -> Value | None:
        """A name without an index, if it is a number or the input."""
        name = expr.name
        if name in self._bound:
            return Scalar(self._bound[name])
        if name == "i":
            return Scalar(I)
        if name == "L":
            return Scalar(L)
        if name == "T" and self.names.times and name not in self.names.all():
            return Scalar(sympy.Integer(self.names.times))
        if name == "input":
            return Input()
        if name in self.names.numbers:
            if name in self.names.indexed_numbers:
                self._fail("RF304", f"{name} needs an index: {name}_i", expr.span)
            value = self.names.numbers[name]
            if isinstance(value, bool):
                self._fail("RF212", f"{name} is true or false, not a number", expr.span)
            return Scalar(value)
        if name in sc.CONSTANTS and name not in self.names.all():
            return Scalar(sc.CONSTANTS[name])
        return None

    def _learned(self, expr: n.Reference, index: Any, time: Any) -> Value:
        name = expr.name
        if time is not None:
            owner = at_time(name, time)
            self.used.setdefault(owner, expr.span)
            return Scalar(Learned(owner, index))
        if self.names.learned[name] != bool(expr.indices):
            wanted = f"{name}_i" if self.names.learned[name] else name
            self._fail(
                "RF304",
                f"{name} was declared as {wanted}",
                expr.span,
                hint=f"write {wanted} here, or declare it the other way",
            )
        if index is not sympy.nan and index.is_Integer:
            # a_1 among a_1, a_2, ... of a sum: one scalar for all blocks.
            member = f"{name}_{index}"
            self.members.setdefault(member, name)
            return Scalar(Learned(member))
        self.used.setdefault(name, expr.span)
        return Scalar(Learned(name, index))

    def _unknown(self, expr: n.Reference) -> NoReturn:
        name = expr.name
        if elementwise(name) or name in _BUILT_IN:
            self._fail(
                "RF206",
                f"{name} is a function and needs its argument in brackets",
                expr.span,
                hint=f"{name}(...)",
            )
        guess = closest(name, [*self.names.all(), "input"])
        if name[0].isupper() and expr.indices:
            self._fail(
                "RF208",
                f"{name} has no equation, and it is applied to nothing",
                expr.span,
                hint=f"did you mean {guess}?"
                if guess
                else f"add an equation: {name}_i = ...",
            )
        hint = f"did you mean {guess!r}?" if guess else ""
        if not hint:
            shown = expr.span.text
            hint = (
                f"declare it: `scalar {shown} = 0.5` (learned) or `const {shown} = 0.5`"
            )
        self._fail("RF201", f"the name {name!r} is not known", expr.span, hint=hint)

    # -- indices

    def _index(self, expr: n.Expr | n.Range) -> Any:
        assert not isinstance(expr, n.Range)
        value = self._value_of_index(expr)
        number = value - I if value.has(I) else value - L if value.has(L) else value
        if not number.is_Integer:
            self._fail(
                "RF304",
                "an index is i, i-1, i-2, ... or a number",
                expr.span,
            )
        limit = MAX_INDEX if number == value else MAX_OFFSET
        if abs(number) > limit:
            self._fail(
                "RF106",
                f"this index reaches further than {limit:,}: out of all reason",
                expr.span,
            )
        return value

    def _value_of_index(self, expr: n.Expr) -> Any:
        value = self.value(expr)
        if not isinstance(value, Scalar) or value.value.has(Learned):
            self._fail("RF304", "an index is i, i-1, i-2, ... or a number", expr.span)
        return value.value

    @contextmanager
    def binding(self, name: str, value: Any) -> Iterator[None]:
        """Gives a name a value while a body is read."""
        before = self._bound.get(name)
        self._bound[name] = value
        try:
            yield
        finally:
            if before is None:
                del self._bound[name]
            else:
                self._bound[name] = before

    # -- calls

    def _call(self, expr: n.Call) -> Value:
        name = expr.function.name
        indexed = bool(expr.function.indices)
        if not indexed and name not in self.names.operators:
            if name in ("sum", "prod"):
                return self._repeated(expr)
            if name == "concat" or name in _COMBINE:
                return self._combined(expr)
            if name == "split":
                self._fail(
                    "RF206",
                    "split makes several tensors, so it stands alone on the right",
                    expr.span,
                    hint="A_0, B_0 = split(input, 2)",
                )
            if elementwise(name) is not None or name in sc.FUNCTIONS:
                return self._function(expr)
        return self._application(expr)

    def _arguments(self, expr: n.Call) -> list[n.Expr]:
        for argument in expr.arguments:
            if isinstance(argument, n.Keyword):
                self._fail(
                    "RF203",
                    "arguments of a function in an equation have no names",
                    argument.span,
                )
        return list(expr.arguments)  # type: ignore[arg-type]

    def _function(self, expr: n.Call) -> Value:
        name = expr.function.name
        arguments = self._arguments(expr)
        values = [self.value(argument) for argument in arguments]
        if values and all(isinstance(value, Scalar) for value in values):
            if name not in sc.FUNCTIONS:
                self._fail("RF206", f"{name} takes a tensor, not a number", expr.span)
            numbers = [value.value for value in values]  # type: ignore[union-attr]
            return Scalar(sc.call(name, numbers, expr.span, self._fail))
        if len(values) != 1:
            self._fail(
                "RF203", f"{name} takes one tensor, not {len(values)}", expr.span
            )
        (value,) = values
        if not isinstance(value, Tensor):
            self._fail(
                "RF206",
                f"{name} takes a tensor, and {arguments[0].span.text} is an operator",
                arguments[0].span,
                hint=f"apply it first: {name}({arguments[0].span.text}*X_<i-1>)",
            )
        if elementwise(name) is None:
            self._fail("RF206", f"{name} is a function of numbers", arguments[0].span)
        return Elementwise(name, value)

    def _application(self, expr: n.Call) -> Value:
        """``F_i(X)``; ``F(X, theta_i)`` is the paper's way to write the same."""
        name = expr.function.name
        if name not in self.names.operators:
            self._no_operator(expr)
        self.used.setdefault(name, expr.function.span)
        index = sympy.nan
        if expr.function.indices:
            reference = self._reference(expr.function)
            assert isinstance(reference, OperatorRef)
            index = reference.index
        arguments = self._arguments(expr)
        tensors = []
        for argument in arguments:
            if self._is_parameters(argument):
                assert isinstance(argument, n.Reference)
                given = (
                    self._index(argument.indices[0]) if argument.indices else sympy.nan
                )
                if index is not sympy.nan and given != index:
                    self._fail(
                        "RF304",
                        f"{name} has two different indices",
                        argument.span,
                        others=[Label(expr.function.span, "the other one")],
                    )
                index = given
            else:
                tensors.append((self.value(argument), argument))
        if len(tensors) != 1:
            self._fail(
                "RF203",
                f"the operator {name} takes one tensor, not {len(tensors)}",
                expr.span,
                hint="put tensors together with concat(...) or a sum first",
            )
        value, argument = tensors[0]
        if isinstance(value, Scalar):
            self._fail("RF206", f"{name} takes a tensor, not a number", argument.span)
        operator = OperatorRef(name, index)
        if isinstance(value, Tensor):
            return apply(operator, value)
        return Composition((operator, value))

    def _is_parameters(self, argument: n.Expr) -> bool:
        """Whether this is ``theta_i``: a name that means nothing but its index."""
        return (
            isinstance(argument, n.Reference)
            and argument.name not in self.names.all()
            and argument.name not in self._bound
            and argument.name in ("theta", "\u03b8", "omega", "\u03c9", "Theta", "w")
        )

    def _no_operator(self, expr: n.Call) -> NoReturn:
        name = expr.function.name
        known = [*self.names.operators, *operator_names(), *_BUILT_IN, *sc.FUNCTIONS]
        if name in self.names.unknowns:
            self._fail(
                "RF206",
                f"{name} is a tensor and cannot be called",
                expr.function.span,
                hint="write a product with `*`",
            )
        guess = closest(name, known)
        self._fail(
            "RF202",
            f"there is no function or operator {name!r}",
            expr.function.span,
            hint=f"did you mean {guess!r}?"
            if guess
            else f"define it: {name} = conv(3, c) > bn > relu",
        )

    # -- sums, products and histories

    def _repeated(self, expr: n.Call) -> Value:
        name = expr.function.name
        arguments = self._arguments(expr)
        if name == "sum" and len(arguments) == 1:
            return self._combined(expr)
        if len(arguments) != 4 or not _is_plain_name(arguments[0]):
            self._fail(
                "RF203",
                f"{name} takes a variable, its first and last value, and a body",
                expr.span,
                hint=f"{name}(k, 1, 3, a_k*X_<i-k>)",
            )
        variable, first, last, body = arguments
        assert isinstance(variable, n.Reference)
        if variable.name in (*self.names.all(), "L"):
            self._fail(
                "RF209",
                f"{variable.name!r} already means something else",
                variable.span,
                hint="use k, j or another free letter",
            )
        low, high = self._value_of_index(first), self._value_of_index(last)
        if not low.is_Integer:
            self._fail("RF308", "the range starts at a whole number", first.span)
        if high.has(I) and name == "sum":
            return self._history("sum", variable.name, body, low, high, expr.span)
        if not high.is_Integer:
            self._fail(
                "RF308",
                "the range ends at a whole number"
                + (" or at i-1" if name == "sum" else ""),
                last.span,
            )
        if high - low + 1 > MAX_TERMS:
            self._fail(
                "RF106",
                f"this writes out {int(high - low + 1):,} terms; "
                f"the limit is {MAX_TERMS}",
                expr.span,
            )
        if high < low:
            self._fail("RF308", "the range is empty", first.span.to(last.span))
        values: list[tuple[Value, Span]] = []
        for k in range(int(low), int(high) + 1):
            with self.binding(variable.name, sympy.Integer(k)):
                values.append((self.value(body), body.span))
        if name == "sum":
            return self._add([(1, value, span) for value, span in values])
        return self._multiply(values)

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
        for value, argument in zip(values, arguments, strict=True):
            if not isinstance(value, Tensor):
                self._fail(
                    "RF206",
                    f"{name} takes tensors, and {argument.span.text} is "
                    + ("a number" if isinstance(value, Scalar) else "an operator"),
                    argument.span,
                )
        if not values:
            self._fail("RF203", f"{name} needs at least one tensor", expr.span)
        tensors: list[Tensor] = values  # type: ignore[assignment]
        if len(tensors) == 1:
            return tensors[0]
        return Concat(*tensors) if name == "concat" else Combine(name, *tensors)

    def _ranged(self, name: str, argument: n.Expr) -> Tensor:
        """``concat(X_<0..i-1>)``, ``mean(X_<0..i-1>)``: a range of one unknown."""
        assert isinstance(argument, n.Reference)
        ends = argument.indices[0]
        if not isinstance(ends, n.Range):
            return self._over_time(name, argument)
        low = self._value_of_index(ends.first)
        high = self._value_of_index(ends.last)
        if not low.is_Integer:
            self._fail("RF308", "the history starts at a number", ends.first.span)
        if argument.name not in self.names.unknowns:
            self._unknown(argument)
        here = argument.span
        indices = (n.Reference(here, "_k"), *argument.indices[1:])
        body = n.Reference(here, argument.name, indices)
        kind = "sum" if name == "mean" else name
        history = self._history(kind, "_k", body, low, high, here)
        return scaled(1 / (high - low + 1), history) if name == "mean" else history

    def _over_time(self, name: str, argument: n.Reference) -> Tensor:
        """``mean(X_<L,1..T>)``: a range of the second index, written out."""
        first, ends = argument.indices
        assert isinstance(ends, n.Range)
        low, high = self._time_at(ends.first), self._time_at(ends.last)
        if not 1 <= low <= high:
            self._fail("RF308", "the range is empty, or starts before 1", ends.span)
        parts = []
        for time in range(int(low), int(high) + 1):
            second = n.Number(ends.span, Fraction(time))
            value = self.value(replace(argument, indices=(first, second)))
            if not isinstance(value, Tensor):
                self._fail("RF206", f"{name} takes tensors", argument.span)
            parts.append(value)
        if len(parts) == 1:
            return parts[0]
        if name == "concat":
            return Concat(*parts)
        return TensorSum(*parts) if name == "sum" else Combine(name, *parts)

    def _history(
        self, kind: str, variable: str, body: n.Expr, low: Any, high: Any, span: Span
    ) -> Tensor:
        """A range up to ``i-d``, kept as one tensor that grows or adds up."""
        with self.binding(variable, K):
            value = self._body(body)
        if not isinstance(value, Tensor):
            self._fail("RF308", f"{kind} over a history needs a tensor", body.span)
        if value.has(I):
            self._fail(
                "RF308",
                "the body of a range that ends at i cannot depend on i itself",
                body.span,
                hint="a sum over all of history is kept as one tensor that adds up",
            )
        end = high - I if high.has(I) else high - L if high.has(L) else high
        if not end.is_Integer:
            self._fail("RF308", "the range ends at i-1, i-2, ... or a number", span)
        if abs(end) > (MAX_OFFSET if high.has(I) or high.has(L) else MAX_INDEX):
            self._fail("RF106", "this range reaches out of all reason", span)
        if not (0 <= low <= MAX_OFFSET):
            self._fail("RF308", f"the range starts at 0 to {MAX_OFFSET}", span)
        return History(kind, value, low, high)

    def _body(self, body: n.Expr) -> Value:
        reader = _BodyReader(
            self.names, self.report, self.spans, self.used, self.members
        )
        reader._bound, reader._time = self._bound, self._time
        return reader.value(body)

    def _fail(
        self,
        code: str,
        message: str,
        place: Span,
        label: str = "",
        *,
        hint: str = "",
        others: list[Label] | None = None,
    ) -> NoReturn:
        self.report.error(code, message, place, label, hint=hint, others=others or ())
        raise Reported


class _BodyReader(Reader):
    """Reads the body of a history, where an index may hold its variable."""

    def _index(self, expr: n.Expr | n.Range) -> Any:
        assert not isinstance(expr, n.Range)
        value = self._value_of_index(expr)
        if value.has(K):
            if not (value - K).is_Integer or abs(value - K) > MAX_OFFSET:
                self._fail(
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


def _is_plain_name(expr: n.Expr) -> bool:
    return isinstance(expr, n.Reference) and not expr.indices


def _has_range(expr: n.Expr) -> bool:
    return (
        isinstance(expr, n.Reference)
        and 1 <= len(expr.indices) <= 2
        and any(isinstance(index, n.Range) for index in expr.indices)
    )


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
        reader._fail("RF203", "split takes a tensor and a number of parts", call.span)
    first, second = call.arguments
    assert not isinstance(first, n.Keyword) and not isinstance(second, n.Keyword)
    tensor = reader.tensor(first)
    parts = reader.value(second)
    if (
        not isinstance(parts, Scalar)
        or not parts.value.is_Integer
        or not 2 <= parts.value <= 64
    ):
        reader._fail("RF203", "split takes a number of parts from 2 to 64", second.span)
    return tuple(Part(tensor, parts.value, k) for k in range(int(parts.value)))
