"""The class of a step: what its blocks own, and the formula as its forward pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import I, L, State
from recform.algebra.pipeline import Pipeline
from recform.blocks import Shape, symbols_in
from recform.blocks.symbolic import Symbolic
from recform.classes.steps.computed import Called, StepForward
from recform.classes.steps.numbers import Numbers
from recform.classes.steps.owned import BlockClasses, Owned
from recform.graph.model import Bridge, NetworkGraph, Segment
from recform.plan.columns import Column, Kind
from recform.plan.definitions import (
    Attribute,
    Class,
    Function,
    Parameter,
    Return,
    Role,
    in_order,
)
from recform.plan.expressions import Code, Container, Expression, Holds, Item, Make
from recform.plan.namespace import Namespace, fail
from recform.plan.network import StepPlan
from recform.plan.parts import PipelineCode
from recform.readback.plan import PrintedStep
from recform.recurrence.model import shared_by
from recform.writers.calls import given
from recform.writers.containers import fold
from recform.writers.formula.statements import BodyWriter
from recform.writers.initialise import member_parameter, scalar_parameter, start_text
from recform.writers.names import ADAPTER, as_named, is_inline, operator_name
from recform.writers.pipelines import (
    WHOLE,
    attributes_of,
    check_inline,
    is_body,
    is_whole,
    pipeline_parts,
)
from recform.writers.says import step_equations, step_title
from recform.writers.setting import Setting

#: A number as code says it.
_NUMBER = re.compile(r"-?\d+(\.\d*)?(e-?\d+)?")


@dataclass(frozen=True)
class Frame:
    """What all steps of a network have in common.

    Attributes:
        network: the whole.
        classes: what modules are made of.
        single: whether states are single tensors rather than tuples.
    """

    network: NetworkGraph
    classes: BlockClasses
    single: bool


def plan_step(
    frame: Frame, index: int, name: str
) -> tuple[StepPlan, Class | Function | None]:
    """A step as code, and its class or the function that makes the modules of a block.

    There is neither where the blocks are modules of a definition by equations.

    Args:
        frame: what all steps have in common.
        index: into the steps of the recurrence.
        name: of its class or function.

    Raises:
        CompileError: RF219, if its names cannot be had.
    """
    return _StepWriter(frame, index, name).plan()


class _StepWriter:
    def __init__(self, frame: Frame, index: int, name: str) -> None:
        self._recurrence = frame.network.recurrence
        self._formula = self._recurrence.formula
        self._step = self._recurrence.steps[index]
        self._classes = frame.classes
        self._workshop = frame.classes.workshop
        self._single = frame.single
        self._name = name
        self._shared = tuple(
            name
            for name in shared_by(self._step)
            if name not in frame.classes.functions
        )
        self._attributes = Namespace.attributes()
        self._module_names: dict[str, str] = {}
        self._inline: dict[str, PipelineCode] = {
            name: frame.classes.codes[name]
            for name in shared_by(self._step)
            if name in frame.classes.functions
        }
        self._said: Mapping[Symbolic, Symbolic] = {}
        self._own = Owned(frame.network, index, frame.classes, self._attributes)
        self._free = tuple(sorted(self._own.free))

    def plan(self) -> tuple[StepPlan, Class | Function | None]:
        definition: Class | Function | None = None
        made: tuple[Expression, ...] = ()
        flat = 0
        body: BodyWriter | None = None
        if is_inline(self._formula, "step"):
            definition, flat = self._flat()
        elif self._is_operator():
            made = tuple(map(self._operator, self._own.segments))
        else:
            attributes = tuple(self._owned())
            called = Called(self._module_names, self._inline, self._said)
            forward = StepForward(
                self._recurrence,
                self._step,
                self._own,
                called,
                self._shared,
            )
            method, body = forward.write()
            definition = Class(
                self._name,
                step_title(self._recurrence, self._step, self._shared),
                self._parameters() if attributes else (),
                attributes,
                (method,),
            )
        is_class = isinstance(definition, Class)
        modules = {
            name: path.removeprefix("self.")
            for name, path in self._module_names.items()
            if is_class and name in self._formula.operators and name not in self._inline
        }
        printed = PrintedStep(
            self._name, is_class, self._shared, self._own.adapters, modules
        )
        arguments = self._own.arguments
        step = StepPlan(
            printed,
            self._module_names,
            tuple(self._inline),
            arguments,
            self._free,
            made,
            flat,
            body.variables if body else (),
            body.inlined if body else {},
            self._said,
        )
        return step, definition

    def _is_plain(self) -> bool:
        """Whether a block is one operator: ``X_i = W_i*X_<i-1>``."""
        own = self._own
        body = [t for t in self._step.body if not isinstance(t, State)]
        alone = len(own.operators()) == len(body) == len(self._step.outputs) == 1
        alone = alone and all(len(t.children) == 1 for t in body)
        return alone and not own.bridges and not own.scalars and self._single

    def _is_operator(self) -> bool:
        """Whether the blocks are modules of one definition by equations."""
        if not self._is_plain():
            return False
        (name,) = self._own.operators()
        inline = is_inline(self._formula, name)
        return inline and is_body(self._formula.operators[name])

    def _operator(self, segment: Segment) -> Expression:
        """What makes the module of an operator that is all of a block."""
        (name,) = self._own.operators()
        module = segment.block.calls[name]
        assert module.inputs is not None
        place, tables = module.place, self._formula.tables
        here = Setting.at(module.inputs, place, tables, place.index, place.length)
        pipeline = self._formula.operators[name]
        parts, _ = pipeline_parts(pipeline, here, self._workshop)
        assert parts[0].made is not None
        return parts[0].made

    def _flat(self) -> tuple[Function, int]:
        """A block that is one operator: a function that makes its modules."""
        if not self._is_plain():
            fail(
                'names step = "." is for blocks that are one operator, X_i = W_i*X_<i-1>',
                self._formula.equations[0].span,
                "leave it out, and the blocks are modules",
            )
        (name,) = self._own.operators()
        pipeline = self._formula.operators[name]
        here = self._place(name, self._arguments(name))
        parts, _ = pipeline_parts(pipeline, here, self._workshop)
        if is_whole(pipeline):
            parts = fold([part.within((WHOLE,), None) for part in parts])
        culprit = next((part for part in parts if part.layer is None), None)
        if culprit is not None:
            fail(f"{culprit.kind} cannot stand in an nn.Sequential", culprit.span)
        if not parts:
            fail("a block of nothing has no modules", pipeline.span)
        layers = (Item(part.layer) for part in parts if part.layer is not None)
        says = step_equations(self._recurrence, self._step)
        made = Function(
            self._name,
            self._parameters(),
            "list[nn.Module]",
            (Return(Container(Holds.PLAIN, tuple(layers))),),
            "\n".join(says),
        )
        return made, len(parts)

    def _parameters(self) -> tuple[Parameter, ...]:
        arguments = self._own.arguments
        names = [*(argument.name for argument in arguments), *self._free]
        strides = {a.name for a in arguments if a.column.kind is Kind.STRIDE}
        floats = {
            a.name
            for a in arguments
            if any(isinstance(value, float) for value in a.column.values)
        }
        return in_order(
            Parameter(made.name, "int", "1")
            if made.name in strides
            else replace(made, type="float")
            if made.name in floats
            else made
            for made in self._workshop.typed(names)
        )

    # -- the constructor

    def _owned(self) -> Iterator[Attribute]:
        """What the constructor makes."""
        scalars = self._own.scalars
        parts = [*self._own.operators(), ADAPTER, *scalars]
        made: list[Attribute] = []
        for name in as_named(self._formula, parts):
            if name == ADAPTER:
                made += self._adapters()
            elif name in scalars:
                made.append(self._scalar(name))
            else:
                made += self._module(name)
        numbers = Numbers(self._recurrence, self._step, self._own, self._attributes)
        self._said = numbers.said
        begun = self._begun(numbers)
        # Numbers stand last, but in front of what begins with them.
        first = next(
            (n for n, item in enumerate(made) if item.name in begun), len(made)
        )
        yield from made[:first]
        yield from numbers.attributes
        yield from (begun.get(item.name, item) for item in made[first:])

    def _begun(self, numbers: Numbers) -> dict[str, Attribute]:
        """The learned scalars that begin with a number of the block, by attribute."""
        found = {}
        for name in self._own.scalars:
            scalar = self._formula.scalars[name]
            is_one = isinstance(scalar.start, float)
            text = "" if is_one else numbers.start(scalar.start, name, scalar.span)
            if text:
                attribute = self._module_names[name].removeprefix("self.")
                value = self._starting(name, text)
                found[attribute] = Attribute(attribute, value, Role.SCALAR)
        return found

    def _adapters(self) -> Iterator[Attribute]:
        for attribute, bridges in self._own.bridges.items():
            values = [
                (parameter, Code(self._adapter_argument(parameter, bridges)))
                for parameter in self._classes.adapter_parameters
            ]
            yield Attribute(attribute, Make(self._classes.adapter, given(values)))

    def _module(self, name: str) -> Iterator[Attribute]:
        arguments = self._arguments(name)
        if is_inline(self._formula, name):
            self._inline[name] = self._inlined(name, arguments)
            yield from attributes_of(self._inline[name])
            return
        attribute = operator_name(self._attributes, self._formula, name)
        self._module_names[name] = f"self.{attribute}"
        values = ((parameter, Code(text)) for parameter, text in arguments.items())
        yield Attribute(attribute, Make(self._classes.operators[name], given(values)))

    def _arguments(self, name: str) -> dict[str, str]:
        """What an operator's class gets, by parameter, as the step says it."""
        parameters = self._classes.codes[name].parameters
        return {p: self._argument(name, p) for p in parameters}

    def _inlined(self, name: str, arguments: Mapping[str, str]) -> PipelineCode:
        """The operator's parts as the step's own, with the step's names in them."""
        pipeline: Pipeline = self._formula.operators[name]
        check_inline(pipeline)
        here = self._place(name, arguments)
        return self._workshop.code(pipeline, here, self._attributes)

    def _place(self, name: str, arguments: Mapping[str, str]) -> Setting:
        """What comes into an operator, and what c, s, i and L are, as the step says."""
        inputs = self._own.blocks[0].calls[name].inputs
        assert inputs is not None
        open_ = Setting.open(inputs)

        def said(symbol: Symbolic) -> Symbolic:
            return _said(symbol, arguments.get(str(symbol), str(symbol)))

        values = {key: said(symbol) for key, symbol in open_.values.items()}
        values |= {table.symbol: said(table.symbol) for table in self._formula.tables}
        places = (
            Shape(
                x.layout,
                said(x.features) if symbols_in(x.features) else x.features,
                tuple(map(said, x.grid)),
            )
            for x in open_.inputs
        )
        return Setting(tuple(places), values)

    def _argument(self, name: str, parameter: str) -> str:
        if parameter in self._own.free:
            return parameter
        return self._text(self._own.column(name, parameter))

    def _adapter_argument(self, parameter: str, bridges: tuple[Bridge, ...]) -> str:
        if parameter in self._own.free:
            return parameter
        return self._text(self._own.adapter_column(parameter, bridges))

    def _text(self, column: Column | None) -> str:
        assert column is not None
        return self._own.columns.text(column)

    def _scalar(self, name: str) -> Attribute:
        attribute = operator_name(self._attributes, self._formula, name)
        self._module_names[name] = f"self.{attribute}"
        return Attribute(attribute, self._starting(name), Role.SCALAR)

    def _starting(self, name: str, said: str = "") -> Code:
        """A learned scalar.

        Args:
            name: of it.
            said: where it starts, if that is said by attributes.
        """
        scalar = self._formula.scalars[name]
        numbers = {I: self._own.index, L: self._own.depth}
        names = {s: self._text(made()) for s, made in numbers.items() if scalar.has(s)}
        if scalar.members is not None:
            names[I] = self._text(self._own.index())
            return member_parameter(scalar.members, self._own.first_member(name), names)
        start = said or start_text(scalar.start, names)
        if not scalar.per_feature:
            return scalar_parameter(start)
        features = self._text(self._own.scalar(name))
        _, *ones = self._own.blocks[0].scalars[name]
        return scalar_parameter(start, [features, *map(str, ones)])


def _said(symbol: Symbolic, text: str) -> Symbolic:
    """What a symbol is by its code: a number, or a name of which the same is known."""
    if text.isdigit():
        return int(text)
    if _NUMBER.fullmatch(text):
        return sympy.Rational(text)
    return sympy.Symbol(text, **symbol.assumptions0)
