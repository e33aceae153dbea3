"""Reads operators of the library with their arguments: ``conv(3, c, stride=s)``."""

from __future__ import annotations

from collections.abc import Mapping

from recform.algebra.pipeline import Step
from recform.algebra.scalars import ScalarReader
from recform.algebra.symbols import MAX_SIZE, SYMBOLS, parameter, told
from recform.blocks import Argument, Arguments, Kind, Library, Operator
from recform.blocks.arguments import Value
from recform.blocks.code import LARGEST
from recform.blocks.exact import as_any_float
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, beyond, large, meant
from recform.source import Span
from recform.syntax import nodes as n


class OperatorReader:
    """Reads one operator of a flow.

    Args:
        library: the operators that it may be.
        definitions: operators that the file defines, for guesses.
        values: of constants and parameters.
        params: the names of the parameters among them.
        report: gets RF2xx.

    Attributes:
        structural: names of parameters that shape the network.
    """

    def __init__(
        self,
        library: Library,
        definitions: Mapping[str, n.Relation],
        values: Mapping[str, Symbolic],
        params: frozenset[str],
        report: Diagnostics,
    ) -> None:
        self._library = library
        self._definitions = definitions
        self._values = values
        self._params = params
        self._report = report
        self.structural: set[str] = set()

    def _step(self, part: n.Part, label: str, head: bool) -> Step | None:
        expr = part.expr
        assert not isinstance(expr, n.Flow)
        if isinstance(expr, n.Call):
            function, given = expr.function, expr.arguments
        elif isinstance(expr, n.Reference):
            function, given = expr, ()
        else:
            self._report.error(
                "RF214",
                "a flow is made of operators, with `>` between them",
                expr.span,
                hint="for example conv(3, c) > bn > relu",
            )
            return None
        if function.indices:
            self._report.error(
                "RF214",
                "operators in a flow have no index",
                function.span,
                hint="an equation starts with an indexed name: X_i = ...",
            )
            return None
        operator = self._library.lookup(function.name)
        if operator is None:
            self._unknown(function)
            return None
        arguments = self._arguments(operator, given, expr.span, head)
        if arguments is None:
            return None
        return Step(operator, arguments, label, expr.span)

    def _unknown(self, function: n.Reference) -> None:
        known = self._library.names
        listed = f"operators: {', '.join(known)}"
        self._report.error(
            "RF202",
            f"there is no operator {function.name!r}",
            function.span,
            hint=self._library.hint(function.name, self._definitions, listed),
        )

    def _arguments(
        self,
        operator: Operator,
        given: tuple[n.Expr | n.Keyword, ...],
        span: Span,
        head: bool,
    ) -> Arguments | None:
        values: dict[str, Symbolic] = {}
        sound = True
        if given and self._is_tensor(given[0]):
            rest = ", ".join(given_as(operator, item) for item in given[1:])
            called = f"{operator.name}({rest})" if rest else operator.name
            self._report.error(
                "RF203",
                f"{operator.name} stands in a flow, which gives it what stands in front: "
                f"{given[0].span.words} is no argument",
                span,
                hint=f"write {called}",
            )
            return None
        for position, item in enumerate(given):
            argument = self._slot(operator, item, position)
            if argument is None:
                sound = False
                continue
            if argument.name in values:
                self._report.error(
                    "RF203",
                    f"{operator.name} is given {argument.name!r} twice",
                    item.span,
                )
                sound = False
                continue
            expr = item.value if isinstance(item, n.Keyword) else item
            value = self._value(operator, argument, expr, head)
            sound = sound and value is not None
            values[argument.name] = value
        for argument in operator.arguments:
            if argument.name not in values:
                if argument.required:
                    self._report.error(
                        "RF203",
                        f"{operator.name} needs its {argument.name}",
                        span,
                        hint=usage(operator),
                    )
                    sound = False
                values[argument.name] = argument.default
        return Arguments(values) if sound else None

    def _is_tensor(self, item: n.Expr | n.Keyword) -> bool:
        """Whether an argument is what comes in, as programs write it."""
        if not isinstance(item, n.Reference):
            return False
        name, known = item.name, item.name in self._values or item.name in SYMBOLS
        return not known and (
            name in ("X", "x", "input")
            or name in self._definitions
            or (bool(item.indices) and name[0].isupper())
        )

    def _slot(
        self, operator: Operator, item: n.Expr | n.Keyword, position: int
    ) -> Argument | None:
        """The argument that is meant by a keyword or by a position."""
        if isinstance(item, n.Keyword):
            for argument in operator.arguments:
                if argument.name == item.name:
                    return argument
            self._report.error(
                "RF203",
                f"{operator.name} has no argument {item.name!r}",
                item.span,
                hint=f"write {given_as(operator, item)}; {operator.name} has one argument, "
                f"{operator.arguments[0].name}"
                if len(operator.arguments) == 1
                else meant(
                    item.name, [a.name for a in operator.arguments], usage(operator)
                ),
            )
            return None
        if position >= len(operator.arguments):
            self._report.error(
                "RF203",
                f"{operator.name} takes {len(operator.arguments)} argument(s) at most",
                item.span,
                hint=usage(operator),
            )
            return None
        return operator.arguments[position]

    def _value(
        self, operator: Operator, argument: Argument, expr: n.Expr, head: bool
    ) -> Value:
        names = {**SYMBOLS, **self._values}
        free = argument.kind.free or (head and argument.kind is Kind.SIZE)
        used = names_in(expr) & self._params
        if not used <= set(self._values):
            return None  # its own mistake has been reported
        if free:
            # Left symbolic: such a parameter becomes one of the constructor.
            names |= {name: parameter(name) for name in used}
        else:
            self.structural |= used
        what = f"{operator.name}'s {argument.name}"
        if argument.kind is Kind.CHOICE:
            return self._choice(argument, expr, what)
        reader = ScalarReader(names, self._report, what)
        if argument.kind.paired and isinstance(expr, n.Tuple):
            return self._pair(argument, expr, reader, what)
        value = told(reader.read(expr))
        if value is None:
            return None
        inside = used if free else set()
        checked = self._check(argument, value, inside)
        if checked is None:
            self._refuse(argument, [self._filled(value, inside)], what, expr)
        return checked

    def _choice(self, argument: Argument, expr: n.Expr, what: str) -> str | None:
        """One of the words of an argument."""
        given = word(expr)
        if given in argument.choices:
            return given
        hint = meant(given, argument.choices)
        self._out_of_range(argument, what, expr.span.text[:60], expr.span, hint)
        return None

    def _pair(
        self, argument: Argument, expr: n.Tuple, reader: ScalarReader, what: str
    ) -> Value:
        """Height and width; one number if they are equal."""
        values = [told(reader.read(item)) for item in expr.items]
        if any(value is None for value in values):
            return None
        checked = [self._check(argument, value, set()) for value in values]
        if len(checked) != 2 or None in checked:
            self._refuse(argument, values, what, expr)
            return None
        return checked[0] if checked[0] == checked[1] else tuple(checked)

    def _refuse(
        self, argument: Argument, values: list[Symbolic], what: str, expr: n.Expr
    ) -> None:
        """Reports a value, or a pair, that an argument does not take."""
        for value in values:
            if argument.kind.least is not None and _is_large(value):
                text = beyond(f"{what} of {large(int(value))}", MAX_SIZE)
                self._report.error("RF106", text, expr.span)
                return
            if argument.kind.real and _is_no_float(value):
                text = beyond(f"{what} of {_shown(value)}", "3.4*10^38")
                self._report.error("RF106", text, expr.span)
                return
        # The author's words, but for names that a number stands for.
        shown = expr.span.words
        if (names_in(expr) & self._values.keys()) and not isinstance(expr, n.Tuple):
            shown = _shown(values[0])
        hint = ""
        if argument.kind.fixed and any(getattr(v, "free_symbols", ()) for v in values):
            hint = "it is one number for all blocks: write it out, or as a `param`"
        self._out_of_range(argument, what, shown[:60], expr.span, hint)

    def _filled(self, value: Symbolic, used: set[str]) -> Symbolic:
        """A value with numbers for the parameters that are left to the constructor."""
        if isinstance(value, bool):
            return value
        return value.subs({parameter(name): self._values[name] for name in used})

    def _out_of_range(
        self, argument: Argument, what: str, shown: str, span: Span, hint: str = ""
    ) -> None:
        message = f"{what} is {argument.takes}, not {shown}"
        self._report.error("RF210", message, span, hint=hint or argument.hint)

    def _check(self, argument: Argument, value: Symbolic, used: set[str]) -> Value:
        """The value in the form that the operator takes, or None."""
        if argument.kind is Kind.FLAG:
            return value if isinstance(value, bool) else None
        if isinstance(value, bool):
            return None
        if value.free_symbols:
            if argument.kind.fixed and not argument.kind.real:
                return None
            filled = self._filled(value, used)
            if not filled.free_symbols and self._number(argument, filled) is None:
                return None
            return value
        return self._number(argument, value)

    def _number(self, argument: Argument, value: Symbolic) -> int | float | None:
        least = argument.kind.least
        if least is not None:
            if not value.is_Integer or not least <= value <= MAX_SIZE:
                return None
            return int(value)
        number = as_any_float(value)
        is_one = argument.kind.allows(number) and abs(number) <= LARGEST
        return number if is_one else None


def given_as(operator: Operator, item: n.Expr | n.Keyword) -> str:
    """An argument as it may be given; an only one has no need of another name."""
    names = [a.name for a in operator.arguments]
    if isinstance(item, n.Keyword) and len(names) == 1 and item.name not in names:
        return item.value.span.words
    return item.span.words


#: What may be given for a required argument, by its name or kind.
_LIKELY = {"kernel": "3", "width": "c", Kind.RATE: "0.1", Kind.FLAG: "true"}


def example(operator: Operator) -> str:
    """A call with what must be given, for hints."""
    given = (
        _LIKELY.get(a.name) or _LIKELY.get(a.kind) or next(iter(a.choices), "2")
        for a in operator.arguments
        if a.required
    )
    return f"{operator.name}({', '.join(given)})"


def usage(operator: Operator) -> str:
    """How an operator is called, for hints and the reference."""
    parts = [
        a.name if a.required else f"{a.name}={_default(a)}" for a in operator.arguments
    ]
    return f"{operator.name}({', '.join(parts)})"


def _default(argument: Argument) -> str:
    value = argument.default
    if value is None:
        return "..."
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_large(value: Symbolic) -> bool:
    return not isinstance(value, bool) and value.is_Integer and value > MAX_SIZE


def _is_no_float(value: Symbolic) -> bool:
    """Whether torch's float32 has no such number."""
    is_number = not isinstance(value, bool) and not value.free_symbols
    return is_number and abs(as_any_float(value)) > LARGEST


def _shown(value: Symbolic) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:60]


def word(expr: n.Expr) -> str:
    """The name of a reference that stands alone."""
    if isinstance(expr, n.Reference) and not expr.indices:
        return expr.name
    return ""


def names_in(expr: n.Expr) -> set[str]:
    """The plain names that a scalar expression uses."""
    if isinstance(expr, n.Reference):
        return {expr.name}
    return set().union(*map(names_in, n.inner(expr)))
