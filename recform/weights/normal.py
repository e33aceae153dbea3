"""The normal form of a formula: what its weights mean, and nothing else.

Two files have the same normal form if their networks compute the same of the same
weights, operation by operation. Comments, spaces, how statements are put, and the names
of unknowns, operators, scalars, parameters and networks make no difference; nor does
where parameters live in the state_dict, and how they start before training.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import sympy

from recform.algebra.definitions.body import Body
from recform.algebra.definitions.cell import Cell, before
from recform.algebra.expr import (
    Apply,
    Context,
    Filled,
    I,
    Learned,
    Scaled,
    State,
    Tensor,
)
from recform.algebra.formula import Formula, LearnedScalar, Scope
from recform.algebra.indices import at_time, time_of, untimed
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.placed import placed
from recform.algebra.symbols import SYMBOLS, parameter
from recform.blocks import Shape
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic


@dataclass(frozen=True)
class Row:
    """A part of the normal form.

    Attributes:
        key: what it says something about.
        normal: what it says, under normal names.
        shown: the same as in the file.
    """

    key: str
    normal: str
    shown: str


@dataclass(frozen=True)
class Normal:
    """A formula in its normal form.

    Attributes:
        rows: its parts, in order.
        unknowns, operators, scalars: in the order in which the equations name them.
        definitions: what the definitions by equations say, by their names.
    """

    rows: tuple[Row, ...]
    unknowns: tuple[str, ...]
    operators: tuple[str, ...]
    scalars: tuple[str, ...]
    definitions: Mapping[str, str]

    @property
    def text(self) -> str:
        """The normal form as text, a line a part."""
        return "\n".join(f"{row.key}: {row.normal}" for row in self.rows) + "\n"

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def definition(self, name: str) -> str:
        """What an operator or a scalar is, under normal names; unknowns have none."""
        for letter, names in (("F", self.operators), ("k", self.scalars)):
            if name in names:
                key = f"{letter}{names.index(name) + 1}"
                return next(row.normal for row in self.rows if row.key == key)
        return ""


def normal_form(formula: Formula) -> Normal:
    """The normal form of a network's formula."""
    return _Reader(formula).read()


class _Letters:
    """Names in the order in which they are met, and their normal names."""

    def __init__(
        self, scalars: Mapping[str, LearnedScalar], contexts: Iterable[str] = ()
    ) -> None:
        self._declared = list(scalars)
        self._contexts = list(contexts)
        self.unknowns: dict[str, str] = {}
        self.operators: dict[str, str] = {}
        self.scalars: dict[str, str] = {}

    def show(self, tensor: Tensor) -> str:
        """A tensor under normal names."""
        if isinstance(tensor, Scaled | Filled) and tensor.at is not sympy.nan:
            # What is said of several blocks is for each of them what it is there.
            value = filled(tensor.coefficient, {I: tensor.at})
            tensor = tensor.func(value, *tensor.children)
        match tensor:
            case Context():
                return f"input {self._contexts.index(tensor.name) + 2}"
            case State():
                name = _normal(self.unknowns, "X", tensor.name)
                return f"{name}[{tensor.index}]"
            case Apply():
                name = _normal(self.operators, "F", tensor.operator)
                inner = ", ".join(map(self.show, tensor.arguments))
                return f"{name}[{tensor.index}]({inner})"
        parts = [
            self.show(arg) if isinstance(arg, Tensor) else self._scalar(arg)
            for arg in tensor.args
        ]
        return f"{type(tensor).__name__}({', '.join(parts)})"

    def _scalar(self, value: Symbolic) -> str:
        met = sorted(value.atoms(Learned), key=self._place)
        table = {
            item: item.func(_normal(self.scalars, "k", item.name), *item.args[1:])
            for item in met
        }
        # What a place has is its numbers, whatever they are called.
        rows = {
            item: sympy.Symbol(f"({item.row.numbers} at {item.index})")
            for item in placed(value)
        }
        return str(value.xreplace(table).xreplace(rows))

    def _place(self, item: Learned) -> tuple[int, str]:
        """The order of the file, where one coefficient has several new scalars."""
        base = [untimed(name) for name in self._declared]
        name = untimed(item.name)
        return (base.index(name) if name in base else len(base), str(item))


def _normal(table: dict[str, str], letter: str, name: str) -> str:
    base = untimed(name)
    known = table.setdefault(base, f"{letter}{len(table) + 1}")
    time = time_of(name)
    return known if time is None else at_time(known, time)


class _Reader:
    """Collects the rows of a formula."""

    def __init__(self, formula: Formula) -> None:
        self._formula = formula
        self._rows: list[Row] = []
        self._bodies: dict[Body, str] = {}
        self._named: dict[str, list[str]] = {}
        free = [param.name for param in formula.params if param.free]
        self._free = {parameter(name): f"p{n + 1}" for n, name in enumerate(free)}
        for number, table in enumerate(formula.tables, 1):
            self._free[table.symbol] = f"t{number}"

    def read(self) -> Normal:
        formula = self._formula
        letters = _Letters(formula.scalars, formula.contexts)
        self._frame()
        for number, equation in enumerate(formula.equations, 1):
            left = letters.show(State(equation.unknown, 0))
            right = letters.show(equation.right)
            self._row(f"equation {number}", f"{left} = {right}", equation.text)
        for number, boundary in enumerate(formula.boundaries, 1):
            left = letters.show(boundary.left)
            right = "0" if boundary.right is None else letters.show(boundary.right)
            self._row(f"boundary {number}", f"{left} = {right}", boundary.text)
        output = letters.show(formula.output)
        self._row("output", output, f"output {formula.output}")
        self._operators(letters)
        return Normal(
            tuple(self._rows),
            tuple(letters.unknowns),
            tuple(letters.operators),
            tuple(letters.scalars),
            self._definitions(),
        )

    def _row(self, key: str, normal: str, shown: str) -> None:
        self._rows.append(Row(key, normal, shown))

    def _frame(self) -> None:
        formula = self._formula
        self._row("input", *2 * (_shape(formula.input),))
        for number, (name, shape) in enumerate(formula.contexts.items(), 2):
            self._row(f"input {number}", _shape(shape), f"input {name} = {shape}")
        stages = ", ".join(
            f"{stage.width} x {stage.blocks} / {stage.stride}"
            for stage in formula.stages
        )
        self._row("stages", stages, f"stages {stages.replace(' / 1', '')}")
        self._row("scope", formula.scope.value, f"scope {formula.scope.value}")
        for number, table in enumerate(formula.tables, 1):
            per = "per block" if table.by_block else "per stage"
            values = ", ".join(self._value(value) for value in table.values)
            shown = f"const {table.name} = ({values}) {per}"
            self._row(f"t{number}", f"{values} {per}", shown)
        pieces = {"stem": formula.stem, "head": formula.head}
        adapters = {"adapter": formula.adapter}
        if any(stage.stride < 1 for stage in formula.stages):
            adapters["adapter up"] = formula.rise
        if formula.scope is Scope.STAGE:
            adapters["transition"] = formula.transition
            up = any(stage.stride < 1 for stage in formula.stages[1:])
            if up and _steps(formula.lift) != _steps(formula.transition):
                adapters["transition up"] = formula.lift
        for role, pipeline in (*pieces.items(), *adapters.items()):
            self._pipeline(role, f"{role} ", pipeline)

    def _operators(self, letters: _Letters) -> None:
        operators = {untimed(n): p for n, p in self._formula.operators.items()}
        for name, normal in letters.operators.items():
            self._pipeline(normal, f"{name} = ", operators.get(name))
        scalars = {untimed(n): s for n, s in self._formula.scalars.items()}
        for name, normal in letters.scalars.items():
            self._scalar(normal, name, scalars[name])

    def _scalar(self, key: str, name: str, scalar: LearnedScalar) -> None:
        index = "_i" if scalar.indexed else ""
        per = " per channel" if scalar.per_feature else ""
        self._row(key, f"scalar{index}{per}", f"scalar {name}{index}{per}")

    def _pipeline(self, key: str, before: str, pipeline: Pipeline | None) -> None:
        if pipeline is None:
            self._row(key, "none", f"{before}none")
            return
        steps = [self._step(step) for step in pipeline.steps]
        normal = " > ".join(text for text, _ in steps)
        shown = " > ".join(text for _, text in steps)
        self._row(key, normal or "identity", before + (shown or "none"))

    def _step(self, step: Step) -> tuple[str, str]:
        """An operator of a pipeline, under normal names and as in a file."""
        operator = step.operator
        given: list[str] = []
        changed: list[str] = []
        for number, argument in enumerate(operator.arguments, 1):
            name, value = argument.name, step.arguments[argument.name]
            key = number if isinstance(operator, Body) else name
            given.append(f"{key}={self._value(value)}")
            if name in SYMBOLS or argument.default == value:
                continue
            # As long as none was left out, the first two need no names.
            named = number > 2 or len(changed) < number - 1
            text = str(value).lower() if isinstance(value, bool) else str(value)
            changed.append(f"{name}={text}" if named else text)
        name = operator.name
        if isinstance(operator, Body):
            name = self._body(operator)
        called = f"({', '.join(changed)})" if changed else ""
        return f"{name}({', '.join(given)})", f"{operator.name}{called}"

    def _value(self, value: object) -> str:
        if isinstance(value, sympy.Basic):
            named = {symbol: sympy.Symbol(n) for symbol, n in self._free.items()}
            value = value.xreplace(named)
        # 0.1 is the same number as 1/10.
        if isinstance(value, float | sympy.Float):
            value = sympy.Rational(str(value))
        return str(value)

    def _body(self, body: Body) -> str:
        """A definition by equations gets a row of its own."""
        if body not in self._bodies:
            self._bodies[body] = f"definition {len(self._bodies) + 1}"
            key = self._bodies[body]
            self._named.setdefault(body.name, []).append(key)
            self._row(key, "; ".join(self._inside(body)), " ".join(body.about.split()))
        return self._bodies[body]

    def _definitions(self) -> dict[str, str]:
        """What definitions say, whatever they are called and in which order they come."""
        rows = {row.key: row.normal for row in self._rows}

        def said(key: str) -> str:
            return re.sub(
                r"definition \d+", lambda m: f"({said(m.group())})", rows[key]
            )

        return {name: " | ".join(map(said, keys)) for name, keys in self._named.items()}

    def _inside(self, body: Body) -> Iterator[str]:
        letters = _Letters(body.scalars)
        own = {
            argument.default: f"a{number}"
            for number, argument in enumerate(body.arguments, 1)
            if isinstance(argument.default, sympy.Symbol)
            and argument.default not in SYMBOLS.values()
        }
        outer, self._free = self._free, {**self._free, **own}
        for tensor, made in body.definitions.items():
            yield f"{letters.show(tensor)} = {letters.show(made)}"
        yield letters.show(body.output)
        for name, start in body.starts.items() if isinstance(body, Cell) else ():
            yield f"{letters.show(before(name, 1))} begins with {letters.show(start)}"
        for name, normal in letters.operators.items():
            steps = [self._step(step)[0] for step in body.operators[name].steps]
            yield f"{normal} = {' > '.join(steps)}"
        for name, normal in letters.scalars.items():
            scalar = body.scalars[name]
            yield f"{normal}: {scalar.indexed} {scalar.per_feature}"
        self._free = outer


def _shape(shape: Shape) -> str:
    return f"input {shape}"


def changes(before: Normal, after: Normal) -> list[str]:
    """What differs between two formulas, a line a change: ``-`` before, ``+`` after."""
    old, new = ({row.key: row for row in form.rows} for form in (before, after))
    lines: dict[str, None] = {}
    for key in dict.fromkeys((*old, *new)):
        if key in old and key in new and old[key].normal == new[key].normal:
            continue
        for mark, rows in (("-", old), ("+", new)):
            if key in rows:
                lines[f"{mark} {rows[key].shown}"] = None
    return list(lines)


def _steps(pipeline: Pipeline | None) -> tuple[Step, ...]:
    return () if pipeline is None else pipeline.steps
