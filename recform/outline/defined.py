"""Operators with their arguments where only names of operators stand: in equations.

``X_i = dropout(0.1)*X_<i-1>`` and ``F_i = conv(3, c) > bn`` define an operator at a place that
uses one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from string import ascii_uppercase

from recform.algebra.scalars import FUNCTIONS
from recform.blocks import Operator
from recform.diagnostics import Diagnostics
from recform.outline.operator_calls import given_as
from recform.outline.sections import Section
from recform.outline.survey import BUILT_IN, references
from recform.syntax import nodes as n

#: What the arguments of an operator may be made of, besides numbers that the file declares.
_NUMBERS = frozenset(("c", "s", "cin", "i", "j", "L", "pi", "e"))


def check_calls(section: Section, report: Diagnostics) -> bool:
    """Reports operators that are defined in equations; whether there are none.

    Args:
        section: the statements.
        report: gets RF214.
    """
    finder = _Finder(section, report)
    for item in section.equations:
        finder.relation(item)
    output = section.single.get("output")
    if isinstance(output, n.Output):
        finder.expression(output.expr, "")
    return finder.is_sound


class _Finder:
    def __init__(self, section: Section, report: Diagnostics) -> None:
        self._section = section
        self._report = report
        self.is_sound = True
        self._numbers = {*_NUMBERS, *section.params, *section.consts}
        items = section.equations
        lefts = [left for item in items for left in item.left]
        self._equations = Counter(
            left.name for left in lefts if isinstance(left, n.Reference)
        )
        self._read = {ref.name for item in items for ref in _names(item)}

    def relation(self, item: n.Relation) -> None:
        """A whole equation: it may be the definition of an operator with an index."""
        left, first = item.left[0], item.right.parts[0].expr
        if isinstance(left, n.Reference) and self._defines(left, item.right, first):
            defined = left.name in self._section.definitions
            name = self._letter(left.name) if defined else left.name
            hint = f"write {name} = {item.right.span.text}"
            if defined or left.span.text != f"{name}_i":
                blocks = left.span.text.removeprefix(left.name)
                single = bool(left.indices) and isinstance(left.indices[0], n.Number)
                used = f"{name}{blocks}" if single else f"{name}_i"
                hint += (
                    f", and an equation with {used} for these blocks, X{blocks} = ..."
                )
            self._fail(
                f"{left.span.text} = ... is an equation, and this is an operator: one is "
                "defined without an index, for all blocks",
                item.right,
                hint,
            )
            return
        for part in item.right.parts:
            if not isinstance(part.expr, n.Flow):
                self.expression(part.expr)

    def _defines(
        self, left: n.Reference, right: n.Flow, first: n.Expr | n.Flow
    ) -> bool:
        """Whether a right side is a flow or an operator, whose name others apply."""
        if left.name not in self._read or self._equations[left.name] > 1:
            return False
        if isinstance(first, n.Call) and len(right.parts) == 1:
            return self._is_defined(first)
        if isinstance(first, n.Call):
            first = first.function
        section = self._section
        return (
            isinstance(first, n.Reference)
            and not first.indices
            and (
                first.name in section.definitions
                or section.library.lookup(first.name) is not None
            )
        )

    def expression(self, expr: n.Expr, index: str = "_i") -> None:
        """All that stands in an expression, where operators have this index."""
        left = [expr]
        while left:
            part = left.pop()
            left += reversed(n.inner(part))
            if isinstance(part, n.Call) and self._is_defined(part):
                name, given = part.function.name, list(self._arguments(part))
                text, tensors = ", ".join(given), len(given) < len(part.arguments)
                letter = self._letter(name)
                used = f"{letter}{index}"
                used += "(...)" if tensors else " in its place"
                self._fail(
                    f"an equation has operators by their names, and {name} stands here "
                    "with arguments",
                    part,
                    f"define {letter} = {name}({text}), and write {used}",
                )

    def _fail(self, message: str, at: n.Node, hint: str) -> None:
        self.is_sound = False
        self._report.error("RF214", message, at.span, hint=hint)

    def _is_defined(self, call: n.Call) -> bool:
        """Whether a call gives an operator its arguments, and not only tensors."""
        name = call.function.name
        operator = self._operator(call.function)
        if operator is None and not self._has_arguments(call.function):
            return False
        given = list(self._arguments(call))
        if operator is not None and operator.elementwise:
            # `exp(0.5)` is a number.
            return any(isinstance(a, n.Keyword) for a in call.arguments)
        return name != "softmax" and (bool(given) or not call.arguments)

    def _operator(self, function: n.Reference) -> Operator | None:
        name = function.name
        if function.indices or name in (*BUILT_IN, *FUNCTIONS, *self._equations):
            return None
        return self._section.library.lookup(name)

    def _has_arguments(self, function: n.Reference) -> bool:
        """Whether this is a definition of the file with arguments, and without tensors."""
        relation = self._section.definitions.get(function.name)
        if relation is None or function.indices:
            return False
        left = relation.left[0]
        return isinstance(left, n.Call) and all(
            isinstance(argument, n.Keyword) for argument in left.arguments
        )

    def _arguments(self, call: n.Call) -> Iterator[str]:
        """Those that are no tensors, as they are written."""
        for argument in call.arguments:
            value = argument.value if isinstance(argument, n.Keyword) else argument
            names = list(references(value))
            if all(ref.name in self._numbers and not ref.indices for ref in names):
                operator = self._section.library.lookup(call.function.name)
                yield given_as(operator, argument) if operator else argument.span.text

    def _letter(self, name: str) -> str:
        """A name that is free for an operator."""
        taken = {*self._section.definitions, *self._equations, *self._read, "L"}
        letters = [name[0].upper(), *ascii_uppercase]
        return next((letter for letter in letters if letter not in taken), f"{name}2")


def _names(item: n.Relation) -> Iterator[n.Reference]:
    for part in item.right.parts:
        if not isinstance(part.expr, n.Flow):
            yield from references(part.expr)
