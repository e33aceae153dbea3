"""Reads definitions by equations: ``SE(x, ratio=16) = x*sigmoid(G*x)  where G = ...``.

Ranges in a definition are finite, so its equations are written out at once: ``Y_k = ...``
is read for each number that something asks for, from the result backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import sympy

from recform.algebra.body import Body
from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Filled,
    I,
    Input,
    L,
    Learned,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import LearnedScalar, Pipeline
from recform.algebra.operators import OperatorRef
from recform.algebra.scalars import ScalarReader
from recform.algebra.sorts import MAX_TERMS, Names, Reader, Reported, Value, split_of
from recform.blocks import Argument, elementwise, lookup
from recform.diagnostics import Diagnostics, closest
from recform.source import Span
from recform.syntax import nodes as n

#: Most tensors that a definition computes.
MAX_TENSORS = 4096


@dataclass(frozen=True)
class Locals:
    """What the `where` of a definition declares.

    Attributes:
        flows: operators of its own.
        exact: equations for one name or one number: ``Z``, ``Y_1``.
        families: equations for all numbers: ``Y_k``, with their letter.
        parts: parts of a split, by name and number.
        scalars: learned scalars.
    """

    flows: dict[str, n.Relation] = field(default_factory=dict)
    exact: dict[tuple[str, Any], n.Expr] = field(default_factory=dict)
    families: dict[str, tuple[str, n.Expr]] = field(default_factory=dict)
    parts: dict[tuple[str, Any], tuple[n.Call, int]] = field(default_factory=dict)
    scalars: dict[str, LearnedScalar] = field(default_factory=dict)

    @property
    def unknowns(self) -> list[str]:
        """The names of tensors."""
        names = [*(name for name, _ in [*self.exact, *self.parts]), *self.families]
        return list(dict.fromkeys(names))


class BodyBuilder:
    """Reads one definition.

    Args:
        name: the operator letter.
        tensor: the name of its tensor argument.
        relation: the definition.
        values: numbers by name: constants, parameters, its own fixed arguments.
        report: gets RF2xx and RF301.
    """

    def __init__(
        self,
        name: str,
        tensor: str,
        relation: n.Relation,
        values: Mapping[str, Any],
        report: Diagnostics,
    ) -> None:
        self._name = name
        self._tensor = tensor
        self._relation = relation
        self._values = dict(values)
        self._report = report

    def locals(self, known: Callable[[str], bool]) -> Locals:
        """The `where` clauses, by kind.

        Args:
            known: whether a name is an operator of the file.
        """
        found = Locals()
        for item in self._relation.where:
            if isinstance(item, n.Scalar):
                self._scalar(item, found)
            elif self._is_flow(item, known, found):
                left = item.left[0]
                assert isinstance(left, n.Reference)
                self._once(left.name in found.flows, left)
                found.flows[left.name] = item
            else:
                self._equation(item, found)
        return found

    def _once(self, before: bool, left: n.Reference) -> None:
        if before:
            self._report.error(
                "RF207", f"{left.span.text} has two equations here", left.span
            )

    def _scalar(self, item: n.Scalar, found: Locals) -> None:
        reader = ScalarReader(self._values, self._report, "a scalar's start")
        value = reader.read(item.value)
        if isinstance(value, bool):
            self._report.error("RF212", "a scalar starts at a number", item.value.span)
            value = None
        name = item.target.name
        found.scalars[name] = LearnedScalar(
            name,
            bool(item.target.indices),
            0.0 if value is None else float(value),
            item.per is not None,
            item.span,
        )

    def _is_flow(
        self, item: n.Relation, known: Callable[[str], bool], found: Locals
    ) -> bool:
        """Whether a clause defines an operator: a flow, or an operator by its name."""
        left = item.left[0]
        if len(item.left) > 1 or not isinstance(left, n.Reference) or left.indices:
            return False
        if len(item.right.parts) > 1 or item.right.parts[0].label:
            return True
        expr = item.right.parts[0].expr
        if isinstance(expr, n.Call):
            name = expr.function.name
            if expr.function.indices or name == "split":
                return False
            if elementwise(name) is not None and expr.arguments:
                return False
            return known(name) and not any(
                self._mentions_tensor(argument, found) for argument in expr.arguments
            )
        return isinstance(expr, n.Reference) and not expr.indices and known(expr.name)

    def _mentions_tensor(self, expr: n.Expr | n.Keyword, found: Locals) -> bool:
        from recform.algebra.survey import references

        if isinstance(expr, n.Keyword):
            return False
        tensors = {self._tensor, "input", *found.unknowns}
        return any(ref.indices or ref.name in tensors for ref in references(expr))

    def _equation(self, item: n.Relation, found: Locals) -> None:
        if len(item.right.parts) != 1 or item.right.parts[0].label:
            self._report.error(
                "RF214",
                "an equation has no `>`; a flow defines an operator without an index",
                item.right.span,
            )
            return
        right = item.right.parts[0].expr
        if isinstance(right, n.Call) and right.function.name == "split":
            self._split(item, right, found)
            return
        left = item.left[0]
        if len(item.left) > 1 or not isinstance(left, n.Reference):
            self._report.error(
                "RF217", "the left side is one name, such as Y_k or Z", left.span
            )
            return
        if not left.indices:
            self._once((left.name, sympy.nan) in found.exact, left)
            found.exact[left.name, sympy.nan] = right
            return
        index = left.indices[0]
        if (
            len(left.indices) == 1
            and isinstance(index, n.Reference)
            and index.name not in self._values
            and not index.indices
        ):
            self._once(left.name in found.families, left)
            found.families[left.name] = (index.name, right)
            return
        if len(left.indices) == 1 and not isinstance(index, n.Range):
            value = self._number(index)
            if value is not None:
                self._once((left.name, value) in found.exact, left)
                found.exact[left.name, value] = right
            return
        self._report.error(
            "RF217", "the left side has one index: Y_k, or Y_1", left.span
        )

    def _number(self, expr: n.Expr) -> Any:
        value = ScalarReader(self._values, self._report, "an index").read(expr)
        if value is None:
            return None
        if isinstance(value, bool) or not value.is_Integer:
            self._report.error("RF304", "an index is a whole number", expr.span)
            return None
        return value

    def _split(self, item: n.Relation, call: n.Call, found: Locals) -> None:
        """``A, B = split(x, 2)`` and ``S_<1..4> = split(x, 4)``."""
        targets: list[tuple[str, Any]] = []
        for left in item.left:
            if not isinstance(left, n.Reference) or len(left.indices) > 1:
                self._report.error("RF217", "split makes tensors with names", left.span)
                return
            index = left.indices[0] if left.indices else None
            if index is None:
                targets.append((left.name, sympy.nan))
            elif isinstance(index, n.Range):
                first, last = self._number(index.first), self._number(index.last)
                if first is None or last is None:
                    return
                count = int(last - first) + 1
                if not 1 <= count <= MAX_TERMS:
                    self._report.error(
                        "RF308", "this range is empty or too long", index.span
                    )
                    return
                targets += [(left.name, first + k) for k in range(count)]
            else:
                targets.append((left.name, self._number(index)))
        given = call.arguments[-1]
        counted = len(call.arguments) == 2 and not isinstance(given, n.Keyword)
        wanted = self._number(given) if counted else None  # type: ignore[arg-type]
        if wanted is not None and int(wanted) != len(targets):
            self._report.error(
                "RF217",
                f"{len(targets)} names on the left, but {wanted} parts",
                item.span,
            )
            return
        for position, target in enumerate(targets):
            found.parts[target] = (call, position)

    # -- the tensors

    def build(
        self,
        found: Locals,
        operators: Mapping[str, Pipeline],
        arguments: tuple[Argument, ...],
        defaults: Mapping[str, int | float | None],
    ) -> Body | None:
        """The definition, written out; None after a diagnostic.

        Args:
            found: its `where` clauses.
            operators: all operators that it may use, by name.
            arguments: what stays open in them.
            defaults: of its own arguments among those.
        """
        names = Names(
            frozenset([self._tensor, *found.unknowns]),
            frozenset(operators),
            {name: scalar.indexed for name, scalar in found.scalars.items()},
            self._values,
        )
        reader = _Reader(names, self._report, tensor=self._tensor)
        try:
            output = reader.tensor(self._relation.right.parts[0].expr)
            definitions = self._definitions(output, found, reader)
        except Reported:
            return None
        tensors = _in_order(output, definitions)
        used = {t.operator for t in tensors if isinstance(t, Apply)}
        learned = {
            item.name: scalar
            for tensor in tensors
            for item in sorted(_learned(tensor), key=str)
            if (scalar := found.scalars.get(item.name)) is not None
        }
        return Body(
            name=self._name,
            arguments=arguments,
            defaults=defaults,
            tensors=tensors,
            definitions=definitions,
            output=output,
            operators={name: operators[name] for name in operators if name in used},
            scalars=learned,
            about=self._about(),
            attribute=self._name,
            span=self._relation.span,
            spans=reader.spans,
        )

    def _about(self) -> str:
        """The definition as it stands in the file, a line for each `where`."""
        relation = self._relation
        words = " ".join(relation.span.text_without_comments.split())
        return words.replace(" where ", "\n    where ")

    def _definitions(
        self, output: Tensor, found: Locals, reader: _Reader
    ) -> dict[State, Tensor]:
        """Every local unknown that the output needs, with what it is."""
        definitions: dict[State, Tensor] = {}
        waiting: list[State] = []
        stack: list[tuple[State, bool]] = [(s, False) for s in _states(output)]
        while stack:
            state, done = stack.pop()
            if done:
                waiting.remove(state)
                continue
            if state in definitions:
                if state in waiting:
                    self._fail("RF301", f"{state} needs itself", reader.place(state))
                continue
            definitions[state] = self._read(state, found, reader)
            if len(definitions) > MAX_TENSORS:
                self._fail(
                    "RF106",
                    f"{self._name} writes out more than {MAX_TENSORS:,} tensors",
                    self._relation.span,
                )
            waiting.append(state)
            stack.append((state, True))
            stack += [(part, False) for part in _states(definitions[state])]
        return definitions

    def _read(self, state: State, found: Locals, reader: _Reader) -> Tensor:
        key = (state.name, state.index)
        if key in found.parts:
            call, position = found.parts[key]
            parts = split_of(call, reader)
            assert parts is not None
            reader.spans.setdefault(parts[position], call.span)
            return parts[position]
        if key in found.exact:
            return reader.tensor(found.exact[key])
        family = state.name in found.families and state.index is not sympy.nan
        if family and state.index >= 1:
            letter, right = found.families[state.name]
            with reader.binding(letter, state.index):
                return reader.tensor(right)
        self._fail(
            "RF208",
            f"{state} has no equation here",
            reader.place(state),
            f"where {state} = ...",
        )

    def _fail(self, code: str, message: str, place: Span, hint: str = "") -> NoReturn:
        self._report.error(code, message, place, hint=hint)
        raise Reported


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


@dataclass
class _Reader(Reader):
    """Reads expressions whose indices are numbers."""

    tensor_name: str = ""

    def __init__(self, names: Names, report: Diagnostics, tensor: str) -> None:
        super().__init__(names, report)
        self.tensor_name = tensor

    def place(self, tensor: Tensor) -> Span:
        """Where a tensor first stands."""
        return self.spans[tensor]

    def _reference(self, expr: n.Reference) -> Value:
        if not expr.indices:
            if expr.name == self.tensor_name:
                return Input()
            if expr.name in self.names.unknowns:
                return State(expr.name, sympy.nan)
        if expr.name == self.tensor_name:
            self._fail("RF304", f"{expr.name} has no index here", expr.span)
        value = super()._reference(expr)
        if isinstance(value, OperatorRef) and value.name not in self.names.operators:
            self._unknown(expr)
        return value

    def _unknown(self, expr: n.Reference) -> NoReturn:
        if expr.name[0].isupper() and not closest(expr.name, self.names.all()):
            self._fail(
                "RF208",
                f"{expr.name} is not defined",
                expr.span,
                hint=f"where {expr.name} = conv(1, cin) > bn",
            )
        super()._unknown(expr)

    def tensor(self, expr: n.Expr) -> Tensor:
        value = super().tensor(expr)
        if value.has(I) or value.has(L):
            self._fail(
                "RF212",
                "i and L stand in the flows of a definition, not in its equations",
                expr.span,
            )
        return value

    def _combined(self, expr: n.Call) -> Value:
        value = super()._combined(expr)
        return _flat(value) if isinstance(value, Tensor) else value

    def _index(self, expr: n.Expr | n.Range) -> Any:
        assert not isinstance(expr, n.Range)
        value = self._value_of_index(expr)
        if not value.is_Integer:
            self._fail(
                "RF304",
                "an index in a definition is a number, or the letter of its own equation",
                expr.span,
            )
        return value

    def _history(
        self, kind: str, variable: str, body: n.Expr, low: Any, high: Any, span: Span
    ) -> Tensor:
        """A range in a definition is finite: all its members, side by side."""
        if not high.is_Integer or high < low:
            self._fail("RF308", "a range in a definition ends at a number", span)
        if high - low + 1 > MAX_TERMS:
            self._fail("RF106", f"this range has more than {MAX_TERMS} members", span)
        members = []
        for number in range(int(low), int(high) + 1):
            with self.binding(variable, sympy.Integer(number)):
                members.append(self.tensor(body))
        if len(members) == 1:
            return members[0]
        if kind == "concat":
            return Concat(*members)
        return TensorSum(*members) if kind == "sum" else Combine(kind, *members)


def _states(tensor: Tensor) -> list[State]:
    """The unknowns that a tensor reads, each once, the last one first."""
    found = [
        part for part in sympy.preorder_traversal(tensor) if isinstance(part, State)
    ]
    return list(reversed(dict.fromkeys(found)))


def _learned(tensor: Tensor) -> set[Learned]:
    return getattr(tensor, "coefficient", sympy.S.Zero).atoms(Learned)  # type: ignore[no-any-return]


def _in_order(
    output: Tensor, definitions: Mapping[State, Tensor]
) -> tuple[Tensor, ...]:
    """All tensors, parts before what uses them."""
    done: dict[Tensor, None] = {}
    stack: list[tuple[Tensor, bool]] = [(output, False)]
    while stack:
        tensor, ready = stack.pop()
        if tensor in done:
            continue
        if ready:
            done[tensor] = None
            continue
        if isinstance(tensor, Filled):
            continue
        stack.append((tensor, True))
        parts = (definitions[tensor],) if isinstance(tensor, State) else tensor.children
        stack += [(part, False) for part in reversed(parts)]
    return tuple(done)


def is_operator(name: str, definitions: Mapping[str, n.Relation]) -> bool:
    """Whether a name is an operator: of the library, or of the file."""
    return name in definitions or lookup(name) is not None


__all__ = ["BodyBuilder", "Locals", "is_operator"]
