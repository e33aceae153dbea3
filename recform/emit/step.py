"""The class of a step: what its blocks own, and the formula as its forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sympy

from recform.algebra.expr import (
    Apply,
    Elementwise,
    I,
    L,
    Learned,
    State,
    Tensor,
)
from recform.algebra.formula import Pipeline
from recform.blocks import Layout, Shape
from recform.blocks.identifiers import identifier
from recform.blocks.library import function_call
from recform.emit.body import BodyWriter
from recform.emit.containers import fold
from recform.emit.expressions import (
    ATOM,
    PRODUCT,
    SUM,
    Writer,
    coefficient_text,
    numeric_parts,
)
from recform.emit.initialise import scalar_parameter
from recform.emit.names import operator_name, place_of, variable
from recform.emit.namespace import Namespace, fail
from recform.emit.owned import BlockClasses, Owned, kind
from recform.emit.pipelines import (
    GRID,
    WHOLE,
    PipelineCode,
    chain,
    is_body,
    is_whole,
    marked,
    pipeline_parts,
    symbols,
    typed,
    values_at,
    write_pipeline,
)
from recform.emit.says import line_marks, step_equations, step_title
from recform.emit.text import Lines, docstring
from recform.graph.model import Bridge, NetworkGraph, Segment, Site
from recform.proof.plan import Place, PrintedStep
from recform.recurrence.model import ModuleSlot, Slot


@dataclass
class StepCode:
    """A step as a class.

    Attributes:
        name: of the class.
        arguments: of its constructor: kind, name, and a value for each segment.
        free: parameters of the network that it passes on.
        shared: operators and scalars that the network hands to each call.
        adapters: the attribute of each adapter, by what it adapts.
        flat: how many modules a block is, if it is no module of its own but a list.
        made: for each segment what makes its blocks, if they are an operator's modules.
        modules: the expression of each operator and learned scalar that the block owns.
    """

    name: str
    arguments: list[tuple[str, str, tuple[Any, ...]]]
    free: tuple[str, ...]
    shared: tuple[str, ...]
    adapters: Mapping[Site, str] = field(default_factory=dict)
    flat: int = 0
    made: tuple[str, ...] = ()
    modules: Mapping[str, str] = field(default_factory=dict)


class StepWriter:
    """Writes one step.

    Args:
        network: the whole.
        step: an index into the steps of the recurrence.
        classes: what its modules are made of.
        name: of the class.
        single: whether states are single tensors rather than tuples.
        shared: operators and scalars that the network hands to every block.
    """

    def __init__(
        self,
        network: NetworkGraph,
        step: int,
        classes: BlockClasses,
        name: str,
        single: bool,
        shared: tuple[str, ...],
    ) -> None:
        self._recurrence = network.recurrence
        self._formula = network.recurrence.formula
        self._step = network.recurrence.steps[step]
        self._classes = classes
        self._single = single
        self._attributes = Namespace.attributes()
        self._module_names: dict[str, str] = {}
        self._inline: dict[str, PipelineCode] = {}
        self._number_names: dict[Any, str] = {}
        self._own = Owned(network, step, classes, self._attributes)
        self.positions = {id(s): n for n, s in enumerate(self._own.segments)}
        self.code = StepCode(
            name,
            self._own.columns.arguments(),
            tuple(sorted(self._own.free)),
            shared,
            self._own.adapters,
            modules=self._module_names,
        )

    def write(self, lines: Lines) -> StepCode:
        """Writes the class, or the function that makes a list of modules."""
        if self._formula.names.get("step") == ".":
            self._flat(lines)
            return self.code
        if self._is_operator():
            self.code.made = tuple(map(self._operator, self._own.segments))
            return self.code
        lines.add(f"class {self.code.name}(nn.Module):")
        with lines.indented():
            lines.extend(
                docstring(step_title(self._recurrence, self._step, self.code.shared))
            )
            lines.blank()
            self._constructor(lines)
            self._forward(lines)
        return self.code

    def printed(self) -> PrintedStep:
        """The plan of the step, and how its parts are called in the code."""
        places = []
        for number, segment in enumerate(self._own.segments):
            values = {
                name: column[number][0] if kind == "index" else column[number]
                for kind, name, column in self.code.arguments
            }
            places.append(
                Place(
                    segment.first,
                    segment.count,
                    self._own.depths()[number],
                    values,
                    frozenset(n for k, n, _ in self.code.arguments if k == "index"),
                )
            )
        functions = [t.name for t in self._step.body if isinstance(t, Elementwise)]
        return PrintedStep(
            name=self.code.name,
            step=self._step,
            handed=self.code.shared,
            scalars=frozenset(self._formula.scalars),
            modules=self._module_names,
            inlined={name: code.calls for name, code in self._inline.items()},
            adapters=self._own.adapters,
            functions={name: function_call(name).text for name in functions},
            is_class=not self.code.made and not self.code.flat,
            places=tuple(places),
        )

    def _is_plain(self) -> bool:
        """Whether a block is one operator: ``X_i = W_i*X_<i-1>``."""
        own = self._own
        body = [t for t in self._step.body if not isinstance(t, State)]
        alone = len(own.operators()) == len(body) == len(self._step.outputs) == 1
        return alone and not own.bridges and not own.scalars and self._single

    def _is_operator(self) -> bool:
        """Whether the blocks are modules of one definition by equations."""
        if not self._is_plain():
            return False
        (name,) = self._own.operators()
        inline = place_of(self._formula, name) == "."
        return inline and is_body(self._formula.operators[name])

    def _operator(self, segment: Segment) -> str:
        """What makes the module of an operator that is all of a block."""
        (name,) = self._own.operators()
        module = segment.block.calls[name]
        assert module.input is not None
        place = module.place
        table = values_at(self._formula.tables, place)
        table |= {I: place.index, L: place.length}
        pipeline = self._formula.operators[name]
        parts, _ = pipeline_parts(pipeline, module.input, table, self._classes.bodies)
        return parts[0].made

    def _flat(self, lines: Lines) -> None:
        """A block that is one operator: a function that makes its modules."""
        if not self._is_plain():
            fail(
                'names step = "." is for blocks that are one operator, X_i = W_i*X_<i-1>',
                self._formula.equations[0].span,
                "leave it out, and the blocks are modules",
            )
        (name,) = self._own.operators()
        arguments = {
            p: self._argument(name, p) for p in self._classes.codes[name].parameters
        }
        pipeline = self._formula.operators[name]
        x, table = self._place(name, arguments)
        parts, _ = pipeline_parts(pipeline, x, table, self._classes.bodies)
        if is_whole(pipeline):
            parts = fold([part.within((WHOLE,), None) for part in parts])
        culprit = next((part for part in parts if not part.layer), None)
        if culprit is not None:
            fail(f"{culprit.kind} cannot stand in an nn.Sequential", culprit.span)
        if not parts:
            fail("a block of nothing has no modules", pipeline.span)
        self.code.flat = len(parts)
        lines.signature(self.code.name, self._parameters(), "list[nn.Module]")
        with lines.indented():
            says = step_equations(self._recurrence, self._step)
            lines.extend(docstring("\n".join(says)))
            lines.returns(f"[{', '.join(part.layer for part in parts)}]")

    def _parameters(self) -> list[str]:
        parameters = [
            f"{name}: int = 1" if kind == "stride" else typed(name, self._classes.rates)
            for kind, name, _ in self.code.arguments
        ]
        free = [typed(name, self._classes.rates) for name in self.code.free]
        # Parameters with a default come last.
        first = [p for p in parameters if "=" not in p]
        return [*first, *free, *(p for p in parameters if "=" in p)]

    def _constructor(self, lines: Lines) -> None:
        owned = self._own.operators()
        if (
            not owned
            and not self._own.bridges
            and not self._own.scalars
            and not self._own.has_numbers
        ):
            return
        lines.signature("__init__", ["self", *self._parameters()], "None")
        with lines.indented():
            lines.add("super().__init__()")
            for name in owned:
                self._module(lines, name)
            for attribute, bridges in self._own.bridges.items():
                given = {
                    parameter: self._adapter_argument(parameter, bridges)
                    for parameter in self._classes.adapter_parameters
                }
                arguments = _call_arguments(given)
                made = f"{self._classes.adapter}({', '.join(arguments)})"
                lines.assign(f"self.{attribute}", made)
            for name in self._own.scalars:
                self._scalar(lines, name)
            self._numbers(lines)
        lines.blank()

    def _module(self, lines: Lines, name: str) -> None:
        classes = self._classes
        arguments = {p: self._argument(name, p) for p in classes.codes[name].parameters}
        if place_of(self._formula, name) != ".":
            attribute = operator_name(self._attributes, self._formula, name)
            self._module_names[name] = f"self.{attribute}"
            values = _call_arguments(arguments)
            lines.assign(
                f"self.{attribute}", f"{classes.operators[name]}({', '.join(values)})"
            )
            return
        written = self._inlined(name, arguments)
        self._inline[name] = written
        for attribute, made in written.modules:
            lines.assign(f"self.{attribute}", made)
        for kept, argument in written.stored:
            lines.assign(f"self.{kept}", argument)

    def _inlined(self, name: str, arguments: Mapping[str, str]) -> PipelineCode:
        """The operator's parts as the step's own, with the step's names in them."""
        pipeline: Pipeline = self._formula.operators[name]
        x, table = self._place(name, arguments)
        return write_pipeline(
            pipeline, x, table, self._attributes, self._classes.bodies
        )

    def _place(
        self, name: str, arguments: Mapping[str, str]
    ) -> tuple[Shape, dict[Any, Any]]:
        """What comes into an operator, and what c, s, i and L are, as the step says."""
        shape = self._own.blocks[0].calls[name].input
        assert shape is not None
        table = {
            symbol: _symbol(arguments.get(str(label), str(label)))
            for symbol, label in symbols(shape).items()
        }
        for constant in self._formula.tables:
            text = arguments.get(constant.argument, constant.argument)
            table[constant.symbol] = _symbol(text)
        incoming = "in_channels" if shape.layout is Layout.IMAGE else "in_features"
        features = _symbol(arguments.get(incoming, incoming))
        grid = tuple(_symbol(arguments.get(g, g)) for g in GRID[shape.layout])
        return Shape(shape.layout, features, grid), table

    def _argument(self, name: str, parameter: str) -> str:
        if parameter in self._own.free:
            return parameter
        values = tuple(
            self._own.value(name, parameter, segment) for segment in self._own.segments
        )
        return self._own.columns.text(self._own.kind(parameter), values)

    def _adapter_argument(self, parameter: str, bridges: tuple[Bridge, ...]) -> str:
        if parameter in self._own.free:
            return parameter
        values = self._own.adapter_values(parameter, bridges)
        return self._own.columns.text(kind(parameter), values)

    def _scalar(self, lines: Lines, name: str) -> None:
        scalar = self._formula.scalars[name]
        attribute = operator_name(self._attributes, self._formula, name)
        self._module_names[name] = f"self.{attribute}"
        if scalar.per_feature:
            values = tuple(block.scalars.get(name, 1) for block in self._own.blocks)
            size = self._own.columns.text("channels", values)
            shape = next(iter(self._own.blocks[0].shapes.values()))
            view = [size, *(["1"] * (len(shape.broadcast_view()) - 1))]
            made = scalar_parameter(scalar.start, view)
        else:
            made = scalar_parameter(scalar.start)
        lines.assign(f"self.{attribute}", made)

    def _numbers(self, lines: Lines) -> None:
        """Coefficients of ``i`` and ``L``, worked out once."""
        for tensor in self._own.coefficients():
            value = tensor.coefficient
            if not value.has(I) and not value.has(L):
                continue
            for part in numeric_parts(value):
                shifted = self._at_block(part, tensor)
                if shifted in self._number_names:
                    continue
                attribute = self._attributes.new("scale")
                self._number_names[shifted] = f"self.{attribute}"
                names = {I: self._index_text(), L: self._depth_text()}
                text = coefficient_text(shifted, names, torch=False)
                lines.assign(f"self.{attribute}", text)

    def _index_text(self) -> str:
        values = tuple((segment.first, segment.count) for segment in self._own.segments)
        return self._own.columns.text("index", values)

    def _depth_text(self) -> str:
        return self._own.columns.text("number", self._own.depths())

    def _at_block(self, value: Any, tensor: Any) -> Any:
        """``i`` of the block that the coefficient belongs to, from this block's."""
        if tensor.at is sympy.nan:
            return value
        return value.xreplace({I: I + (int(tensor.at) - self._step.at)})

    # -- the forward pass

    def _forward(self, lines: Lines) -> None:
        step = self._step
        names = Namespace.forward()
        parameters = ["self"]
        calls: dict[str, str] = {}
        scalars: dict[Any, str] = {}
        for shared in self.code.shared:
            name = names.new(f"{identifier(shared).lower()}_shared")
            if shared in self._formula.operators:
                parameters.append(f"{name}: nn.Module")
                calls[shared] = name
            else:
                parameters.append(f"{name}: Tensor")
                scalars[Learned(shared)] = name
        variables: dict[Any, str] = {}
        for slot in step.inputs:
            name = names.new(variable(slot, step.at, self._recurrence.order))
            if isinstance(slot, ModuleSlot):
                tensor_like = slot.name in self._formula.scalars
                parameters.append(f"{name}: {'Tensor' if tensor_like else 'nn.Module'}")
                scalars[Learned(slot.name, slot.index)] = name
                variables[slot] = name
            else:
                parameters.append(f"{name}: Tensor")
                variables[slot] = name
        outputs = list(step.outputs)
        result = (
            "Tensor" if self._single else _tuple_type(outputs, self._formula.scalars)
        )
        for scalar in self._own.scalars:
            scalars[Learned(scalar, step.at)] = self._module_names[scalar]
        writer = self._writer(variables, calls, scalars)
        lines.signature("forward", parameters, result)
        with lines.indented():
            body = BodyWriter(
                step,
                writer,
                names,
                partial(variable, at=step.at, order=self._recurrence.order),
                line_marks(self._formula, self._step),
            )
            body.write(lines, outputs, self._inline_statements)
            texts = [self._output(slot, writer, variables) for slot in outputs]
            if self._single:
                lines.returns(texts[0])
            else:
                lines.returns(f"({texts[0]},)" if len(texts) == 1 else ", ".join(texts))

    def _output(self, slot: Slot, writer: Writer, variables: Mapping[Any, str]) -> str:
        if isinstance(slot, ModuleSlot):
            if slot in variables:
                return variables[slot]
            return self._module_names[slot.name]
        return writer.show(slot)

    def _writer(
        self,
        variables: dict[Any, str],
        calls: Mapping[str, str],
        scalars: Mapping[Any, str],
    ) -> Writer:
        step = self._step

        def operator(tensor: Apply, argument: str) -> str:
            name = tensor.operator
            if tensor.index is sympy.nan or name in calls:
                return f"{calls[name]}({argument})"
            if int(tensor.index) != step.at:
                return f"{variables[ModuleSlot(name, int(tensor.index))]}({argument})"
            return f"{self._module_names[name]}({argument})"

        def adapter(value: Tensor, parent: Tensor) -> str:
            return self.code.adapters.get(Site(value, parent), "")

        def coefficient(tensor: Tensor) -> tuple[str, int]:
            return self._coefficient(tensor, scalars)

        def shape(tensor: Tensor) -> Shape:
            return self._own.blocks[0].shapes[tensor]

        return Writer(
            step.parts, step.bare, shape, operator, adapter, coefficient, variables
        )

    def _inline_statements(
        self, tensor: Tensor, argument: str, local: str
    ) -> tuple[list[str], str, str] | None:
        """The statements of an inlined operator, its result and line; None if it is none."""
        if not isinstance(tensor, Apply) or tensor.operator not in self._inline:
            return None
        if tensor.index is sympy.nan or int(tensor.index) != self._step.at:
            return None
        span = self._formula.operators[tensor.operator].span
        mark = marked(span, self._formula.source)
        return (*chain(self._inline[tensor.operator], argument, local), mark)

    def _coefficient(self, tensor: Any, scalars: Mapping[Any, str]) -> tuple[str, int]:
        value = tensor.coefficient
        if value.has(I) or value.has(L):
            # All at once: a number may be a part of another one.
            value = value.xreplace(
                {
                    part: sympy.Symbol(self._number_names[self._at_block(part, tensor)])
                    for part in numeric_parts(value)
                }
            )
        text = coefficient_text(value, dict(scalars), torch=True)
        if value.is_Add:
            return text, SUM
        return text, ATOM if value.is_Atom else PRODUCT


def _call_arguments(given: Mapping[str, str]) -> list[str]:
    """The arguments of a class; a stride is a keyword, and left out if it is 1."""
    return [
        f"stride={text}" if name == "stride" else text
        for name, text in given.items()
        if not (name == "stride" and text == "1")
    ]


def _symbol(text: str) -> Any:
    """A name as a symbol, a number as itself."""
    if text.isdigit():
        return int(text)
    return sympy.Symbol(text, integer=True, positive=True)


def _tuple_type(outputs: list[Slot], scalars: Mapping[str, Any]) -> str:
    kinds = [
        "nn.Module"
        if isinstance(slot, ModuleSlot) and slot.name not in scalars
        else "Tensor"
        for slot in outputs
    ]
    return f"tuple[{', '.join(kinds)}]"
