"""Reads flows such as ``conv(3, c, stride=s) > bn > relu`` into pipelines of operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from recform.algebra.bodies import BodyBuilder
from recform.algebra.body import Body
from recform.algebra.definitions import (
    Signature,
    called,
    every_name,
    fixed_names,
    given_values,
    signature,
)
from recform.algebra.formula import Pipeline, Step
from recform.algebra.scalars import ScalarReader
from recform.algebra.symbols import INCOMING, MAX_SIZE, SYMBOLS, parameter, size
from recform.algebra.where import WhereReader
from recform.blocks import Argument, Arguments, Kind, Operator, lookup
from recform.blocks import names as operator_names
from recform.diagnostics import Diagnostics, closest
from recform.source import Span
from recform.syntax import nodes as n

_MAX_STEPS = 256
_WHOLE = {
    Kind.SIZE: 1,
    Kind.STRIDE: 1,
    Kind.COUNT: 1,
    Kind.NATURAL: 0,
    Kind.KERNEL: 1,
    Kind.WINDOW: 1,
    Kind.PADDING: 0,
}
_FIXED = (Kind.COUNT, Kind.NATURAL, Kind.KERNEL, Kind.PADDING, Kind.FLAG)


class PipelineReader:
    """Reads the flows of one network.

    Args:
        definitions: operators that the file defines, for flows that use them by name.
        values: of constants and parameters.
        report: gets RF2xx.

    Attributes:
        structural: names of parameters that shape the network.
    """

    def __init__(
        self,
        definitions: Mapping[str, n.Relation],
        values: Mapping[str, Any],
        params: frozenset[str],
        report: Diagnostics,
    ) -> None:
        self._definitions = definitions
        self._values = values
        self._params = params
        self._report = report
        self.structural: set[str] = set()
        self._bodies: dict[object, Body | None] = {}

    def read(self, name: str, flow: n.Flow) -> Pipeline:
        """The pipeline of a flow; parts with mistakes are reported and left out."""
        steps: list[Step] = []
        self._flow(flow, steps, (name,), "", name == "head")
        text = " ".join(flow.span.text_without_comments.split())
        return Pipeline(name, tuple(steps), text, flow.span)

    def define(self, name: str) -> Pipeline:
        """The pipeline of an operator that the file defines, with its defaults."""
        relation = self._definitions[name]
        left = relation.left[0]
        if isinstance(left, n.Reference) and not relation.where:
            return self.read(name, relation.right)
        steps: list[Step] = []
        part = n.Part(left.span, left.function if isinstance(left, n.Call) else left)
        self._defined(name, (), part, steps, (name,), "", False)
        text = " ".join(relation.right.span.text_without_comments.split())
        return Pipeline(name, tuple(steps), text, relation.span)

    def _flow(
        self,
        flow: n.Flow,
        steps: list[Step],
        above: tuple[str, ...],
        prefix: str,
        head: bool,
    ) -> None:
        parts = flow.parts
        if len(parts) == 1 and _word(parts[0].expr) == "none":
            return
        for part in parts:
            label = part.label or ""
            name, given = called(part.expr)
            if name in self._definitions:
                if name in above:
                    self._report.error(
                        "RF213", f"{name} is defined by itself", part.span
                    )
                    continue
                self._defined(name, given, part, steps, (*above, name), prefix, head)
                continue
            step = self._step(part, label, head)
            if step is not None:
                steps.append(step)
            if len(steps) > _MAX_STEPS:
                self._report.error(
                    "RF106", f"a flow has more than {_MAX_STEPS} operators", flow.span
                )
                return

    # -- definitions of the file

    def _defined(
        self,
        name: str,
        given: tuple[n.Expr | n.Keyword, ...],
        part: n.Part,
        steps: list[Step],
        above: tuple[str, ...],
        prefix: str,
        head: bool,
    ) -> None:
        """A definition in the place of its call: its flow, or an operator of its own."""
        definition = signature(self._definitions[name], self._report)
        if definition is None:
            return
        names = {**SYMBOLS, **self._values}
        values = given_values(definition, given, names, self._report)
        if values is None:
            return
        label = part.label or ""
        if definition.tensor:
            self._used_params(given)
            step = self._body_step(definition, values, label, part.span, above)
            if step is not None:
                steps.append(step)
            return
        own = _flows(definition.relation)
        with self._inside({k: v for k, (v, _) in values.items()}, own):
            inner = definition.relation.right
            self._flow(inner, steps, above, label or prefix, head)

    def _used_params(self, given: object) -> None:
        self.structural |= set(every_name(given)) & self._params

    @contextmanager
    def _inside(
        self, values: Mapping[str, Any], flows: Mapping[str, n.Relation]
    ) -> Iterator[None]:
        """Inside of a definition its arguments and its own operators are known."""
        before = self._values, self._params, self._definitions
        self._values = {**self._values, **values}
        self._params = self._params - set(values)
        self._definitions = {**self._definitions, **flows}
        try:
            yield
        finally:
            self._values, self._params, self._definitions = before

    def _body_step(
        self,
        definition: Signature,
        values: Mapping[str, tuple[Any, Span]],
        label: str,
        span: Span,
        above: tuple[str, ...],
    ) -> Step | None:
        """A definition by equations as one operator."""
        relation = definition.relation
        shaping = fixed_names(relation, self._definitions)
        fixed: dict[str, Any] = {}
        for name, (value, place) in values.items():
            if name in shaping or isinstance(value, bool):
                if not isinstance(value, bool) and value.free_symbols:
                    self._report.error(
                        "RF210",
                        f"{definition.name}'s {name} shapes the code, so it is a number "
                        f"and not {place.text}",
                        place,
                    )
                    return None
                fixed[name] = value
        key = (definition.name, relation.span, tuple(sorted(fixed.items(), key=str)))
        if key not in self._bodies:
            opened = [name for name in values if name not in fixed]
            self._bodies[key] = self._body(definition, fixed, opened, above)
        body = self._bodies[key]
        if body is None:
            return None
        arguments = {
            argument.name: values[argument.name][0]
            if argument.name in values
            else argument.default
            for argument in body.arguments
        }
        return Step(body, Arguments(arguments), label, span)

    def _body(
        self,
        definition: Signature,
        fixed: Mapping[str, Any],
        opened: list[str],
        above: tuple[str, ...],
    ) -> Body | None:
        relation = definition.relation
        if len(relation.right.parts) != 1:
            self._report.error(
                "RF214",
                f"{definition.name}({definition.tensor}) is given by an equation; "
                "a flow has no tensor argument",
                relation.right.span,
                hint=f"{definition.name} = {relation.right.span.text}",
            )
            return None
        called_name, _ = called(relation.right.parts[0].expr)
        operator = lookup(called_name)
        if operator is not None and not operator.elementwise:
            name, argument = definition.name, definition.tensor
            self._report.error(
                "RF214",
                f"{argument} has no default, so it is a tensor, and {called_name} is an "
                "operator of a flow",
                relation.left[0].span,
                hint=f"a flow's arguments are numbers with defaults: {name}({argument}=3)",
            )
            return None
        errors = len(list(self._report))
        numbers = {k: v for k, v in self._values.items() if not isinstance(v, bool)}
        self.structural |= fixed_names(relation, self._definitions) & self._params
        builder = BodyBuilder(
            definition.name,
            definition.tensor,
            relation,
            {**numbers, **fixed},
            self._report,
        )
        known = {**numbers, **fixed}
        where = WhereReader(definition.tensor, relation, known, self._report)
        found = where.read(self._is_operator)
        tensors = {*found.unknowns, *found.scalars, definition.tensor}
        wanted = dict.fromkeys(every_name((relation.right, relation.where)))
        operators: dict[str, Pipeline] = {}
        with self._inside({**fixed, **{k: size(k) for k in opened}}, found.flows):
            for name in wanted:
                if name not in tensors and name not in above and name not in fixed:
                    pipeline = self._operator(name, found.flows, above)
                    if pipeline is not None:
                        operators[name] = pipeline
        if len(list(self._report)) > errors:
            return None
        own = {name: Argument(name, Kind.NUMBER, size(name)) for name in opened}
        symbols = _symbols(operators)
        places = [
            Argument(str(symbol), _PLACES.get(str(symbol), Kind.NUMBER), symbol)
            for symbol in symbols
            if str(symbol) not in own and symbol != INCOMING
        ]
        defaults = self._defaults(definition, opened)
        if defaults is None:
            return None
        arguments = (*own.values(), *places)
        return builder.build(found, operators, arguments, defaults)

    def _defaults(
        self, definition: Signature, opened: list[str]
    ) -> dict[str, int | float | None] | None:
        """The numbers that arguments of a definition have if they are left out."""
        names = {**SYMBOLS, **self._values}
        values = given_values(definition, (), names, self._report)
        if values is None:
            return None
        defaults: dict[str, int | float | None] = {}
        for name in opened:
            value = values[name][0]
            if value.free_symbols:
                defaults[name] = None
            else:
                defaults[name] = int(value) if value.is_Integer else float(value)
        return defaults

    def _is_operator(self, name: str) -> bool:
        return name in self._definitions or lookup(name) is not None

    def _operator(
        self, name: str, flows: Mapping[str, n.Relation], above: tuple[str, ...]
    ) -> Pipeline | None:
        """An operator that a definition by equations applies, or None if it is none."""
        if name in flows:
            return self._named(name, flows[name].right, above)
        if name in self._definitions:
            relation = self._definitions[name]
            if isinstance(relation.left[0], n.Call) and relation.left[0].arguments:
                # Called with its defaults: `F*x` and `F(x)` give it nothing else.
                part = n.Part(relation.left[0].span, relation.left[0].function)
                flow = n.Flow(relation.left[0].span, (part,))
                return self._named(name, flow, above)
            return self._named(name, relation.right, (*above, name))
        operator = lookup(name)
        if operator is None or operator.elementwise:
            return None
        if any(argument.required for argument in operator.arguments):
            return None
        empty = Arguments({a.name: a.default for a in operator.arguments})
        span = self._definitions[above[-1]].span
        return Pipeline(name, (Step(operator, empty, "", span),), name, span)

    def _named(self, name: str, flow: n.Flow, above: tuple[str, ...]) -> Pipeline:
        steps: list[Step] = []
        self._flow(flow, steps, above, "", False)
        text = " ".join(flow.span.text_without_comments.split())
        return Pipeline(name, tuple(steps), text, flow.span)

    # -- operators of the library

    def _step(self, part: n.Part, label: str, head: bool) -> Step | None:
        expr = part.expr
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
        operator = lookup(function.name)
        if operator is None:
            self._unknown(function)
            return None
        arguments = self._arguments(operator, given, expr.span, head)
        if arguments is None:
            return None
        return Step(operator, arguments, label, expr.span)

    def _unknown(self, function: n.Reference) -> None:
        guess = closest(function.name, [*operator_names(), *self._definitions])
        self._report.error(
            "RF202",
            f"there is no operator {function.name!r}",
            function.span,
            hint=f"did you mean {guess!r}?"
            if guess
            else "operators: " + ", ".join(operator_names()),
        )

    def _arguments(
        self,
        operator: Operator,
        given: tuple[n.Expr | n.Keyword, ...],
        span: Span,
        head: bool,
    ) -> Arguments | None:
        values: dict[str, Any] = {}
        sound = True
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

    def _slot(
        self, operator: Operator, item: n.Expr | n.Keyword, position: int
    ) -> Argument | None:
        """The argument that is meant by a keyword or by a position."""
        if isinstance(item, n.Keyword):
            for argument in operator.arguments:
                if argument.name == item.name:
                    return argument
            guess = closest(item.name, [a.name for a in operator.arguments])
            self._report.error(
                "RF203",
                f"{operator.name} has no argument {item.name!r}",
                item.span,
                hint=f"did you mean {guess!r}?" if guess else usage(operator),
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
    ) -> Any:
        names = {**SYMBOLS, **self._values}
        free = argument.kind is Kind.RATE or (head and argument.kind is Kind.SIZE)
        used = _names_in(expr) & self._params
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
        value = reader.read(expr)
        if value is None:
            return None
        checked = self._check(argument, value, used if free else set())
        if checked is None:
            self._out_of_range(argument, what, _shown(value), expr.span)
        return checked

    def _choice(self, argument: Argument, expr: n.Expr, what: str) -> str | None:
        """One of the words of an argument."""
        word = _word(expr)
        if word in argument.choices:
            return word
        guess = closest(word, argument.choices)
        hint = f"did you mean {guess!r}?" if guess else ""
        self._out_of_range(argument, what, expr.span.text[:60], expr.span, hint)
        return None

    def _pair(
        self, argument: Argument, expr: n.Tuple, reader: ScalarReader, what: str
    ) -> Any:
        """Height and width; one number if they are equal."""
        values = [reader.read(item) for item in expr.items]
        if any(value is None for value in values):
            return None
        checked = [
            None
            if isinstance(value, bool) or value.free_symbols
            else self._number(argument, value)
            for value in values
        ]
        if len(checked) != 2 or None in checked:
            shown = f"({', '.join(map(_shown, values))})"
            self._out_of_range(argument, what, shown, expr.span)
            return None
        return checked[0] if checked[0] == checked[1] else tuple(checked)

    def _out_of_range(
        self, argument: Argument, what: str, shown: str, span: Span, hint: str = ""
    ) -> None:
        self._report.error(
            "RF210", f"{what} is {argument.takes}, not {shown}", span, hint=hint
        )

    def _check(self, argument: Argument, value: Any, used: set[str]) -> Any:
        """The value in the form that the operator takes, or None."""
        if argument.kind is Kind.FLAG:
            return value if isinstance(value, bool) else None
        if isinstance(value, bool):
            return None
        if value.free_symbols:
            if argument.kind in _FIXED:
                return None
            filled = value.subs({parameter(name): self._values[name] for name in used})
            if not filled.free_symbols and self._number(argument, filled) is None:
                return None
            return value
        return self._number(argument, value)

    def _number(self, argument: Argument, value: Any) -> int | float | None:
        if argument.kind in _WHOLE:
            if not value.is_Integer or not _WHOLE[argument.kind] <= value <= MAX_SIZE:
                return None
            return int(value)
        number = float(value)
        if argument.kind is Kind.RATE and not 0 <= number <= 1:
            return None
        return number


#: What the symbols of the place are where they are handed to a definition.
_PLACES = {
    "c": Kind.SIZE,
    "s": Kind.STRIDE,
    "i": Kind.NATURAL,
    "L": Kind.NATURAL,
}


def _flows(relation: n.Relation) -> dict[str, n.Relation]:
    """The operators that a flow declares for itself."""
    return {
        item.left[0].name: item
        for item in relation.where
        if isinstance(item, n.Relation)
        and isinstance(item.left[0], n.Reference)
        and not item.left[0].indices
    }


def _symbols(operators: Mapping[str, Pipeline]) -> list[Any]:
    """The symbols in the arguments of operators, in a stable order."""
    found = {
        symbol
        for pipeline in operators.values()
        for step in pipeline.steps
        for value in step.arguments.values()
        for symbol in getattr(value, "free_symbols", ())
    }
    return sorted(found, key=str)


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


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:60]


def _word(expr: n.Expr) -> str:
    """The name of a reference that stands alone."""
    if isinstance(expr, n.Reference) and not expr.indices:
        return expr.name
    return ""


def _names_in(expr: n.Expr) -> set[str]:
    """The plain names that a scalar expression uses."""
    match expr:
        case n.Reference():
            return {expr.name}
        case n.Sum():
            return set().union(*(_names_in(term) for _, term in expr.terms))
        case n.Product():
            return set().union(*(_names_in(factor) for _, factor in expr.factors))
        case n.Power():
            return _names_in(expr.base) | _names_in(expr.exponent)
        case n.Group():
            return _names_in(expr.inner)
        case n.Tuple():
            return set().union(*(_names_in(item) for item in expr.items))
        case n.Call():
            arguments = [
                a.value if isinstance(a, n.Keyword) else a for a in expr.arguments
            ]
            return (
                set().union(*(_names_in(a) for a in arguments)) if arguments else set()
            )
    return set()
