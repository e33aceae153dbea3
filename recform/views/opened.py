"""What is in the box of an operator: which boxes are opened, and what stands there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy

from recform.algebra.definitions.body import Body, every_step
from recform.algebra.expr import Apply, Elementwise, Input, State, Tensor
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Pipeline
from recform.algebra.symbols import INCOMING
from recform.algebra.tracing import arguments_of
from recform.algebra.typeset import plain_scalar
from recform.blocks import Arguments, Detail, Misfit, Operator, Shape
from recform.blocks.arguments import Kind as Takes
from recform.blocks.arguments import Value
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import CompileError, Diagnostics
from recform.diagram import text
from recform.diagram.model import Kind
from recform.recurrence.model import Step
from recform.source import Span

#: What stands beside the name of an operator: `conv 3×3, c`.
_WINDOWS, _WIDTH = ("kernel", "size", "scale"), "width"
#: What a figure leaves to the file.
_UNSAID = frozenset({"eps", "momentum", "bias", "std", "start", "affine", "countpad"})


@dataclass(frozen=True)
class Opening:
    """Which operators are opened.

    Attributes:
        names: of operators and of definitions; what holds one of them is opened too.
        depth: 1 for boxes that are all closed, 2 for what operators are made of, and so
            on into definitions.
    """

    names: tuple[str, ...] = ()
    depth: int = 1

    def opens(self, name: str, *pipelines: Pipeline, level: int = 1) -> bool:
        """Whether what is made of these pipelines is opened.

        Args:
            name: of an operator, or of a definition.
            pipelines: none with an operator for the identity, which has no inside.
            level: 1 for an operator of the network, and one more inside of an opened one.
        """
        known = {name, *(name for p in pipelines for name in _inner(p))}
        return level < self.depth or any(item in known for item in self.names)


CLOSED = Opening()


def _inner(pipeline: Pipeline) -> Iterator[str]:
    """The names in a pipeline that can be opened: of definitions, and of the library."""
    for step in every_step(pipeline):
        yield from (name for name, _ in step.within)
        if isinstance(step.operator, Body) or has_details(step.operator):
            yield step.operator.name


def has_details(operator: Operator) -> bool:
    """Whether an operator can be opened; of a plugin's it is said where it cannot."""
    return operator.foreign or operator.tells


def openable(formula: Formula) -> list[str]:
    """All that can be opened: operators, and what they are made of."""
    made = {name: p for name, p in formula.operators.items() if p.steps}
    inner = (name for p in made.values() for name in _inner(p))
    return list(dict.fromkeys([*made, *inner]))


def unopened(opening: Opening, formula: Formula, steps: Iterable[Step]) -> list[str]:
    """Sentences about names of which nothing is in these blocks."""
    calls = (t.operator for step in steps for t in step.body if isinstance(t, Apply))
    drawn = [(name, formula.operators[name]) for name in dict.fromkeys(calls)]
    return [
        f"{name} is not opened, for no block that is drawn applies it"
        for name in dict.fromkeys(opening.names)
        if not any(Opening((name,)).opens(*call) for call in drawn)
    ]


@dataclass(frozen=True)
class Scope:
    """What the symbols of a pipeline stand for where it is drawn.

    Attributes:
        values: numbers of a block that is drawn; none for a block as such.
        inputs: the shapes that come in, where they are known; of a block as such, with
            symbols for features.
        names: what the file calls symbols of its own.
        numbers: whether all of these are numbers.
    """

    values: Mapping[Symbolic, Value]
    inputs: tuple[Shape, ...] | None
    names: Mapping[Symbolic, Symbolic]
    numbers: bool = False

    def said(self, value: Value) -> str:
        """An argument in the language of the files."""
        if isinstance(value, tuple):
            return "×".join(map(self.said, value))
        if hasattr(value, "xreplace"):
            return plain_scalar(sympy.factor_terms(value.xreplace(dict(self.names))))
        return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Call:
    """An operator of a pipeline where it is drawn.

    Attributes:
        arguments: with numbers in the place of symbols, where those are known.
        scope: what comes in.
        made: the shape of what it makes, where that is known.
        span: where it stands; None for a function of equations.
        within: the flows of the file around it, each where it is called.
    """

    operator: Operator
    arguments: Arguments
    scope: Scope
    made: Shape | None
    span: Span | None
    within: tuple[tuple[str, Span], ...] = ()

    @property
    def said(self) -> str:
        """As it stands in the file."""
        return self.operator.name if self.span is None else self.span.text

    @property
    def output(self) -> Shape | None:
        """The shape of what it makes, where a block is drawn that has numbers."""
        return self.made if self.scope.numbers else None

    @property
    def parameters(self) -> int:
        """How many it has; 0 where the shapes are not known."""
        if self.scope.inputs is None or not self.scope.numbers:
            return 0
        return self.operator.cost_of(self.scope.inputs, self.arguments).parameters

    @property
    def details(self) -> tuple[Detail, ...]:
        """What it computes one after the other, in the words of the picture."""
        if not self.operator.tells:
            return ()
        given = self.scope.inputs if self.scope.numbers else None
        said = {name: self.scope.said(value) for name, value in self.arguments.items()}
        return tuple(
            replace(d, said=_filled(d.said, said), note=_filled(d.note, said))
            for d in self._details(given)
        )

    def _details(self, given: tuple[Shape, ...] | None) -> tuple[Detail, ...]:
        try:
            return self.operator.told(given, self.arguments)
        except Misfit as misfit:
            report, what = Diagnostics(), f"{self.operator.name} {misfit.message}"
            report.error(misfit.code, what, self.span, hint=misfit.hint)
            raise CompileError(report) from misfit

    @property
    def is_silent(self) -> bool:
        """Whether it is a plugin's, which does not say what is in it."""
        operator = self.operator
        return operator.foreign and not operator.elementwise and not self.details

    @property
    def kind(self) -> Kind:
        """Its form: learned, an activation, or none of both."""
        operator = self.operator
        inner = operator.operators.values() if isinstance(operator, Body) else ()
        return _kind([operator, *(s.operator for p in inner for s in every_step(p))])

    @property
    def is_nothing(self) -> bool:
        """Whether it passes what it gets, whatever the network does."""
        rate = self.arguments.get("rate")
        return self.operator.absent and (rate is None or rate == 0)

    def label(self) -> str:
        """Its name, its window and its width."""
        given = self.arguments
        label = self.operator.name
        kinds = {a.name: a.kind for a in self.operator.arguments}
        for name in _WINDOWS:
            if name in kinds and given[name] is not None:
                window = given[name]
                if kinds[name] in (Takes.WINDOW, Takes.KERNEL):
                    window = window if isinstance(window, tuple) else (window, window)
                label += f" {self.scope.said(window)}"
        if _WIDTH in kinds and given[_WIDTH] is not None:
            label += f", {self.scope.said(given[_WIDTH])}"
        return label

    def note(self) -> str:
        """What else is said of it, beside its defaults."""
        if isinstance(self.operator, Body):
            return ""
        parts = []
        for argument in self.operator.arguments:
            name, value = argument.name, self.arguments[argument.name]
            if name in _UNSAID or name in (*_WINDOWS, _WIDTH):
                continue
            if value is None or value == argument.default:
                continue
            if argument.kind is Takes.FLAG:
                parts.append(name if value else f"not {name}")
            else:
                parts.append(f"{name} {self.scope.said(value)}")
        return ", ".join(parts)


def kind_of(pipeline: Pipeline) -> Kind:
    """The form of an operator whose box is closed, as far as its pipeline says."""
    return _kind([step.operator for step in every_step(pipeline)])


def _kind(operators: Sequence[Operator]) -> Kind:
    learned = (
        x.attribute and not x.absent for x in operators if not isinstance(x, Body)
    )
    if any(learned):
        return Kind.operator
    is_activation = bool(operators) and all(x.elementwise for x in operators)
    return Kind.activation if is_activation else Kind.function


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@dataclass(frozen=True)
class Box:
    """A node: an operator, and the norms and activations that follow a learned one."""

    calls: tuple[Call, ...]

    @property
    def lead(self) -> Call:
        """What gives the box its name."""
        return self.calls[0]

    @property
    def output(self) -> Shape | None:
        """The shape of what comes out."""
        return self.calls[-1].output

    @property
    def parameters(self) -> int:
        """Those of all."""
        return sum(call.parameters for call in self.calls)

    @property
    def notes(self) -> list[text.Text]:
        """The smaller lines."""
        return [text.formula(line) for line in (self.lead.note(), self.after) if line]

    @property
    def after(self) -> str:
        """What follows its operator in the same box."""
        after = [call for call in self.calls[1:] if not call.is_nothing]
        return ", ".join(call.label() for call in after)

    @property
    def said(self) -> str:
        """As it stands in the file."""
        return " > ".join(call.said for call in self.calls)


def boxes(pipeline: Pipeline, scope: Scope, names: Iterable[str] = ()) -> list[Box]:
    """What a pipeline is drawn as; one of nothing but identities is one box.

    No box is in and out of a flow of the file that is one of these names.
    """
    found: list[Box] = []
    for call in _calls(pipeline, scope):
        if found and _takes(found[-1].lead, call, names):
            found[-1] = Box((*found[-1].calls, call))
        else:
            found.append(Box((call,)))
    there = [box for box in found if not box.lead.is_nothing]
    return there or found[:1]


def _takes(lead: Call, call: Call, names: Iterable[str]) -> bool:
    """Whether a figure says one operator in the box of another one, which it follows."""
    first, second = lead.operator, call.operator
    if isinstance(first, Body) or isinstance(second, Body) or first.normalises:
        return False
    inside, other = ([f for f in x.within if f[0] in names] for x in (lead, call))
    small = second.normalises or second.elementwise or second.absent
    return small and inside == other and lead.kind is Kind.operator


def _calls(pipeline: Pipeline, scope: Scope) -> Iterator[Call]:
    """The operators; of a definition that is no more than a row of some, these."""
    inputs, values = scope.inputs, scope.values
    if inputs is not None:
        # It is what comes into the pipeline, for each of its operators.
        values = {**values, INCOMING: inputs[0].features}
    for step in pipeline.steps:
        here = replace(scope, inputs=inputs)
        arguments = arguments_of(step, values)
        body = step.operator
        made = _made(body, inputs, arguments)
        row = row_of(body) if isinstance(body, Body) else None
        if row is None:
            yield Call(body, arguments, here, made, step.span, step.within)
        else:
            assert isinstance(body, Body)
            yield from _row(row, body, arguments, here)
        inputs = _one(made)


def _row(
    row: list[Apply | Elementwise], body: Body, arguments: Arguments, scope: Scope
) -> Iterator[Call]:
    inner = inside(body, arguments, scope)
    for tensor in row:
        if isinstance(tensor, Apply):
            for call in _calls(body.operators[tensor.operator], inner):
                yield call
                inner = replace(inner, inputs=_one(call.made))
        else:
            x = None if inner.inputs is None else inner.inputs[0]
            yield Call(tensor.function, Arguments({}), inner, x, None)


def _made(
    operator: Operator, inputs: tuple[Shape, ...] | None, arguments: Arguments
) -> Shape | None:
    """What an operator makes; None where its rule asks how large a symbol is."""
    try:
        return None if inputs is None else operator.shape_of(inputs, arguments)
    except (TypeError, Misfit):
        return None


def _one(shape: Shape | None) -> tuple[Shape, ...] | None:
    return None if shape is None else (shape,)


def inside(body: Body, arguments: Arguments, scope: Scope) -> Scope:
    """The scope of the operators in a definition."""
    return replace(scope, values=body.values(arguments))


def row_of(body: Body) -> list[Apply | Elementwise] | None:
    """The operators and functions of a definition, if it runs one after the other."""
    if len(body.inputs) > 1:
        return None
    before: Tensor = Input()
    found: list[Apply | Elementwise] = []
    for tensor in body.tensors:
        if isinstance(tensor, Input):
            continue
        if isinstance(tensor, Apply | Elementwise):
            found.append(tensor)
        elif not isinstance(tensor, State):
            return None
        if body.parts(tensor) != (before,):
            return None
        before = tensor
    return found if before == body.output and found else None
