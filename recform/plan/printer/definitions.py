"""Classes, functions and statements of a plan as lines."""

from __future__ import annotations

from collections.abc import Iterable

from recform.plan.definitions import (
    Assign,
    Branch,
    Class,
    Definition,
    Do,
    Function,
    Line,
    Loop,
    Parameter,
    Raise,
    Return,
    Statement,
    Yield,
)
from recform.plan.expressions import Expression, Make
from recform.plan.namespace import Loops
from recform.plan.printer.expressions import shown
from recform.plan.printer.layout import wrap
from recform.plan.printer.lines import WIDTH, Lines, docstring

#: How far the statements of a method are from the margin.
_INSIDE = 8


def fits(statement: Assign, indent: int = _INSIDE) -> bool:
    """Whether a statement fits on one line, so far from the margin."""
    text = f"{statement.target} = {shown(statement.value, Loops())}"
    return len(wrap(text, WIDTH - indent, _comment(statement.line))) == 1


def print_definition(lines: Lines, made: Definition, loops: Loops) -> None:
    """Adds a class or a function.

    Args:
        lines: get it.
        made: of the plan.
        loops: what the variables of loops are called.
    """
    printer = _Printer(lines, loops)
    printer.class_(made) if isinstance(made, Class) else printer.function(made)


class _Printer:
    def __init__(self, lines: Lines, loops: Loops) -> None:
        self._lines = lines
        self._loops = loops

    def class_(self, made: Class) -> None:
        lines = self._lines
        lines.add(f"class {made.name}({made.base}):")
        with lines.indented():
            lines.extend(docstring(made.about))
            if made.fields:
                lines.blank()
                self._statements(made.fields)
            if made.parameters or made.attributes:
                lines.blank()
                self._constructor(made)
            for method in made.methods:
                lines.blank()
                self.function(method, ("self",))

    def _constructor(self, made: Class) -> None:
        lines = self._lines
        lines.signature("__init__", ["self", *map(_parameter, made.parameters)], "None")
        with lines.indented():
            self._statement(Do(Make("super().__init__", made.given)))
            self._statements(made.checks)
            for item in made.attributes:
                self._statement(Assign(f"self.{item.name}", item.value))
            if made.start:
                lines.blank()
                self._statements(made.start)

    def function(self, made: Function, first: Iterable[str] = ()) -> None:
        lines = self._lines
        if made.around:
            lines.decorator(made.around)
        parameters = [*first, *map(_parameter, made.parameters)]
        lines.signature(made.name, parameters, made.result)
        with lines.indented():
            if made.about:
                lines.extend(docstring(made.about))
            self._statements(made.body)

    def _statements(self, statements: Iterable[Statement]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, made: Statement) -> None:
        match made:
            case Assign():
                kind = f": {made.type}" if made.type else ""
                self._line(f"{made.target}{kind} = ", made.value, made.line)
            case Return():
                self._line("return ", made.value, made.line)
            case Yield():
                self._line("yield ", made.value)
            case Raise():
                self._line("raise ", made.error)
            case Do():
                self._line("", made.value)
            case Loop():
                self._block(
                    f"for {made.variable} in {self._text(made.over)}", made.body
                )
            case Branch():
                for number, case in enumerate(made.cases):
                    word = "elif " if number else "if "
                    head = word + case.condition if case.condition else "else"
                    self._block(head, case.body)

    def _line(self, head: str, value: Expression, line: Line | None = None) -> None:
        self._lines.statement(head + self._text(value), _comment(line))

    def _block(self, head: str, body: tuple[Statement, ...]) -> None:
        self._lines.add(f"{head}:")
        with self._lines.indented():
            self._statements(body)

    def _text(self, value: Expression) -> str:
        return shown(value, self._loops)


def _parameter(made: Parameter) -> str:
    default = f" = {made.default}" if made.default else ""
    return f"{made.name}: {made.type}{default}"


def _comment(line: Line | None) -> str:
    """What names the line of the formula; a traceback prints it."""
    if line is None:
        return ""
    if not line.number:
        return "rf:default"
    # The name of a file is data, whatever it holds.
    file = "".join(char if char.isprintable() else " " for char in line.file)
    return f"rf:{line.number} of {file}" if file else f"rf:{line.number}"
