"""The class of a step: what its blocks own, and the formula as its forward pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy

from recform.algebra.expr import (
    Apply,
    Filled,
    I,
    Input,
    L,
    Learned,
    Part,
    Scaled,
    State,
    Tensor,
)
from recform.algebra.formula import Pipeline
from recform.blocks import Layout, Shape, code
from recform.emit.columns import Columns
from recform.emit.expressions import (
    ATOM,
    PRODUCT,
    SUM,
    Writer,
    coefficient_text,
)
from recform.emit.names import Namespace, class_name, identifier, variable
from recform.emit.pipelines import (
    GRID,
    PipelineCode,
    chain,
    symbols,
    typed,
    write_pipeline,
)
from recform.emit.text import Lines, docstring, folded, signature
from recform.graph.model import Block, Module, NetworkGraph, Segment, Site
from recform.graph.shapes import bare
from recform.recurrence.build import relative, show
from recform.recurrence.model import ModuleSlot, Slot, Step

#: Which name a merged column gets.
_PRIORITY = {
    "in_channels": 0,
    "in_features": 0,
    "channels": 1,
    "features": 1,
    "stride": 2,
}


@dataclass
class BlockClasses:
    """The classes of operators and adapters, shared by all steps of a network.

    Attributes:
        operators: class names, by operator letter.
        codes: what their constructors take.
        adapter: the name of the adapter's function, or an empty string.
        adapter_parameters: what it takes.
        rates: parameters of the file that are no whole numbers.
    """

    operators: Mapping[str, str]
    codes: Mapping[str, PipelineCode]
    adapter: str
    adapter_parameters: tuple[str, ...]
    rates: frozenset[str]


@dataclass
class StepCode:
    """A step as a class.

    Attributes:
        name: of the class.
        arguments: of its constructor: kind, name, and a value for each segment.
        free: parameters of the network that it passes on.
        shared: operators and scalars that the network hands to each call.
        adapters: the attribute of each adapter, by what it adapts.
    """

    name: str
    arguments: list[tuple[str, str, tuple[Any, ...]]]
    free: tuple[str, ...]
    shared: tuple[str, ...]
    adapters: Mapping[Site, str] = field(default_factory=dict)


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
        self._network = network
        self._recurrence = network.recurrence
        self._formula = network.recurrence.formula
        self._step = network.recurrence.steps[step]
        self._classes = classes
        self._single = single
        self.segments: list[Segment] = [
            segment
            for stage in network.stages
            for segment in stage.segments
            if segment.step == step
        ]
        self.positions = {id(segment): n for n, segment in enumerate(self.segments)}
        self._blocks: list[Block] = [segment.block for segment in self.segments]
        self._length = {
            number: flow.length for number, flow in enumerate(self._recurrence.flows)
        }
        self._columns = Columns(len(self.segments))
        self._attributes = Namespace(attributes=True)
        self._inline: dict[str, PipelineCode] = {}
        self._free: set[str] = set()
        self.code = StepCode(name, [], (), shared)
        self._modules()
        self._sites()
        self._scalars()
        self._columns.settle(_PRIORITY)
        self.code.arguments = self._columns.arguments()
        self.code.free = tuple(sorted(self._free))

    # -- what the block owns

    def _all_scaled(self) -> list[Any]:
        """Every coefficient of the step; numbers in sums are no tensors of the body."""
        found: list[Any] = []
        for tensor in self._step.body:
            for part in (tensor, *self._step.parts(tensor)):
                if isinstance(part, Scaled | Filled) and part not in found:
                    if part in self._step.inputs:
                        continue
                    if isinstance(part, Filled) or part in self._step.body:
                        found.append(part)
        return found

    def _owned(self) -> list[str]:
        """The operators that the block owns, in the order of the formula."""
        called = {name for block in self._blocks for name in block.calls}
        return [name for name in self._formula.operators if name in called]

    def _call(self, name: str, block: Block) -> Module:
        return block.calls[name]

    def _modules(self) -> None:
        """Columns of the operators' constructors."""
        for name in self._owned():
            parameters = self._classes.codes[name].parameters
            for parameter in parameters:
                values = tuple(
                    self._value(name, parameter, segment) for segment in self.segments
                )
                if any(value is None for value in values):
                    self._free.add(parameter)
                    continue
                self._columns.add(
                    _kind(parameter), self._wanted(name, parameter), values
                )

    def _value(self, name: str, parameter: str, segment: Segment) -> Any:
        """The number of a constructor's parameter in a segment; None if it is free."""
        module = segment.block.calls[name]
        shape = module.input
        assert shape is not None
        if parameter in ("in_channels", "in_features"):
            return shape.features
        if parameter in ("channels", "features"):
            return module.place.width
        if parameter == "stride":
            return module.place.stride
        if parameter == "i":
            return (segment.first, segment.count)
        if parameter == "depth":
            return module.place.length
        grid = GRID[shape.layout]
        if parameter in grid:
            return shape.grid[grid.index(parameter)]
        return None

    def _wanted(self, name: str, parameter: str) -> str:
        """How an operator's parameter is called in the step, if it is not merged."""
        if parameter in ("channels", "features", "i", "depth"):
            return parameter
        first = self._owned()[0] == name
        return parameter if first else f"{identifier(name).lower()}_{parameter}"

    def _sites(self) -> None:
        """Adapters: one for each value and target, in the order of the formula."""
        table: dict[tuple[Tensor, tuple[Any, ...]], str] = {}
        adapters: dict[Site, str] = {}
        for site in self._site_order():
            pairs = tuple(block.sites.get(site) for block in self._blocks)
            targets = tuple(
                (pair[1] if pair is not None else self._target(site, block))
                for pair, block in zip(pairs, self._blocks, strict=True)
            )
            key = (site.value, targets)
            if key not in table:
                wanted = self._formula.names.get("adapter", "shortcut")
                table[key] = self._attributes.new(wanted)
                for parameter in self._classes.adapter_parameters:
                    values = tuple(
                        _adapter_value(parameter, block.shapes[site.value], target)
                        for block, target in zip(self._blocks, targets, strict=True)
                    )
                    if any(value is None for value in values):
                        self._free.add(parameter)
                        continue
                    wanted_name = self._adapter_name(parameter, site.value)
                    self._columns.add(_kind(parameter), wanted_name, values)
            adapters[site] = table[key]
        self._tables = table
        self.code.adapters = adapters

    def _site_order(self) -> list[Site]:
        wanted = {site for block in self._blocks for site in block.sites}
        order = []
        for tensor in self._step.body:
            for part in self._step.parts(tensor):
                site = Site(bare(part), tensor)
                if site in wanted and site not in order:
                    order.append(site)
        return order

    def _target(self, site: Site, block: Block) -> Shape:
        return block.shapes[site.parent]

    def _adapter_name(self, parameter: str, value: Tensor) -> str:
        if parameter in ("channels", "features"):
            return parameter
        base = variable(value, self._step.at, self._recurrence.order)
        return f"{base}_{parameter.removeprefix('in_')}"

    def _scalars(self) -> None:
        """Learned scalars of the block, and numbers that depend on ``i``."""
        self._own_scalars = [
            name
            for name, scalar in self._formula.scalars.items()
            if scalar.indexed and self._uses_scalar(name)
        ]
        for name in self._own_scalars:
            if self._formula.scalars[name].per_feature:
                values = tuple(block.scalars.get(name, 1) for block in self._blocks)
                self._columns.add("channels", f"{identifier(name)}_channels", values)
        self._needs_index = any(
            tensor.coefficient.has(I) for tensor in self._all_scaled()
        )
        if self._needs_index:
            counted = tuple((segment.first, segment.count) for segment in self.segments)
            self._columns.add("index", "i", counted)
        if any(tensor.coefficient.has(L) for tensor in self._all_scaled()):
            self._columns.add("number", "depth", self._depths())

    def _depths(self) -> tuple[int, ...]:
        by_stage = self._formula.scope == "stage"
        return tuple(
            self._length[segment.stage if by_stage else 0] for segment in self.segments
        )

    def _uses_scalar(self, name: str) -> bool:
        at = self._step.at
        return any(
            item.name == name and item.index == at
            for tensor in self._all_scaled()
            for item in _learned(tensor.coefficient)
        ) or any(
            isinstance(slot, ModuleSlot) and slot.name == name and slot.index == at
            for slot in self._step.outputs
        )

    # -- writing

    def write(self, lines: Lines) -> StepCode:
        """Writes the class."""
        lines.add(f"class {self.code.name}(nn.Module):")
        with lines.indented():
            lines.extend(docstring(self._title()))
            lines.blank()
            self._constructor(lines)
            self._forward(lines)
        return self.code

    def _title(self) -> str:
        """The formula, and what comes in and goes out."""
        formula, step = self._formula, self._step
        equations = [e.text for e in formula.equations]
        if step.role != "regular":
            equations = _written_out(step)
        texts = [line for text in equations for line in folded(text, 80)]
        taken = [
            f"{variable(s, step.at, self._recurrence.order)} = {self._said(s)}"
            for s in step.inputs
        ]
        made = [self._said(slot) for slot in step.outputs]
        notes = [f"Takes {', '.join(taken)}.", f"Hands on {', '.join(made)}."]
        return "\n".join([*texts, "", *(x for n in notes for x in folded(n, 80))])

    def _said(self, slot: Slot) -> str:
        if self._step.role == "regular" or isinstance(slot, ModuleSlot):
            return show(slot, self._step.at, self._step.absolute)
        if self._step.at > self._recurrence.order + 1:
            return show(slot, self._step.at, self._step.absolute)
        return str(slot)

    def _constructor(self, lines: Lines) -> None:
        owned = self._owned()
        if (
            not owned
            and not self._tables
            and not self._own_scalars
            and not self._needs_index
        ):
            return
        parameters = [
            f"{name}: int = 1" if kind == "stride" else typed(name)
            for kind, name, _ in self.code.arguments
        ]
        free = [typed(name, self._classes.rates) for name in self.code.free]
        # Parameters with a default come last.
        first = [p for p in parameters if "=" not in p]
        parameters = [*first, *free, *(p for p in parameters if "=" in p)]
        lines.extend(signature("__init__", ["self", *parameters], "None"))
        with lines.indented():
            lines.add("super().__init__()")
            for name in owned:
                self._module(lines, name)
            for (value, targets), attribute in self._tables.items():
                arguments = [
                    self._adapter_argument(parameter, value, targets)
                    for parameter in self._classes.adapter_parameters
                ]
                made = f"{self._classes.adapter}({', '.join(arguments)})"
                lines.assign(f"self.{attribute}", made)
            for name in self._own_scalars:
                self._scalar(lines, name)
            self._numbers(lines)
        lines.blank()

    def _module(self, lines: Lines, name: str) -> None:
        classes = self._classes
        where = self._formula.names.get(name, identifier(name))
        arguments = {p: self._argument(name, p) for p in classes.codes[name].parameters}
        if where != ".":
            attribute = self._attributes.new(where)
            self._names_of_modules[name] = f"self.{attribute}"
            values = [
                f"stride={v}" if p == "stride" else v
                for p, v in arguments.items()
                if not (p == "stride" and v == "1")
            ]
            lines.assign(
                f"self.{attribute}", f"{classes.operators[name]}({', '.join(values)})"
            )
            return
        written = self._inlined(name, arguments)
        self._inline[name] = written
        for attribute, made in written.modules:
            lines.assign(f"self.{attribute}", made)
        for stored in written.stored:
            lines.assign(f"self.{stored}", stored)

    def _inlined(self, name: str, arguments: Mapping[str, str]) -> PipelineCode:
        """The operator's parts as the step's own, with the step's names in them."""
        pipeline: Pipeline = self._formula.operators[name]
        shape = self._blocks[0].calls[name].input
        assert shape is not None
        table = {
            symbol: _symbol(arguments.get(str(label), str(label)))
            for symbol, label in symbols(shape).items()
        }
        incoming = "in_channels" if shape.layout is Layout.IMAGE else "in_features"
        features = _symbol(arguments.get(incoming, incoming))
        grid = tuple(_symbol(arguments.get(g, g)) for g in GRID[shape.layout])
        x = Shape(shape.layout, features, grid)
        return write_pipeline(pipeline, x, table, self._attributes)

    @property
    def _names_of_modules(self) -> dict[str, str]:
        if not hasattr(self, "_module_names"):
            self._module_names: dict[str, str] = {}
        return self._module_names

    def _argument(self, name: str, parameter: str) -> str:
        if parameter in self._free:
            return parameter
        values = tuple(
            self._value(name, parameter, segment) for segment in self.segments
        )
        return _literal(self._columns.text(_kind(parameter), values))

    def _adapter_argument(
        self, parameter: str, value: Tensor, targets: tuple[Any, ...]
    ) -> str:
        if parameter in self._free:
            return parameter
        values = tuple(
            _adapter_value(parameter, block.shapes[value], target)
            for block, target in zip(self._blocks, targets, strict=True)
        )
        return self._columns.text(_kind(parameter), values)

    def _scalar(self, lines: Lines, name: str) -> None:
        scalar = self._formula.scalars[name]
        attribute = self._attributes.new(identifier(name))
        self._names_of_modules[name] = f"self.{attribute}"
        if scalar.per_feature:
            values = tuple(block.scalars.get(name, 1) for block in self._blocks)
            size = self._columns.text("channels", values)
            shape = next(iter(self._blocks[0].shapes.values()))
            view = ", ".join([size, *(["1"] * (len(shape.broadcast_view()) - 1))])
            view += "," if len(shape.broadcast_view()) == 1 else ""
            made = f"torch.full(({view}), {scalar.start!r})"
        else:
            made = f"torch.tensor({scalar.start!r})"
        lines.assign(f"self.{attribute}", f"nn.Parameter({made})")

    def _numbers(self, lines: Lines) -> None:
        """Coefficients of ``i`` and ``L``, worked out once."""
        self._number_names: dict[Any, str] = {}
        for tensor in self._all_scaled():
            value = tensor.coefficient
            if not value.has(I) and not value.has(L):
                continue
            for part in _numeric_parts(value):
                shifted = self._at_block(part, tensor)
                if shifted in self._number_names:
                    continue
                attribute = self._attributes.new("scale")
                self._number_names[shifted] = f"self.{attribute}"
                names = {I: self._index_text(), L: self._depth_text()}
                text = coefficient_text(shifted, names, torch=False)
                lines.assign(f"self.{attribute}", text)

    def _index_text(self) -> str:
        values = tuple((segment.first, segment.count) for segment in self.segments)
        return self._columns.text("index", values)

    def _depth_text(self) -> str:
        return self._columns.text("number", self._depths())

    def _at_block(self, value: Any, tensor: Any) -> Any:
        """``i`` of the block that the coefficient belongs to, from this block's."""
        if tensor.at is sympy.nan:
            return value
        return value.xreplace({I: I + (int(tensor.at) - self._step.at)})

    # -- the forward pass

    def _forward(self, lines: Lines) -> None:
        step = self._step
        names = Namespace()
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
        for scalar in self._own_scalars:
            scalars[Learned(scalar, step.at)] = self._names_of_modules[scalar]
        writer = self._writer(variables, calls, scalars)
        lines.extend(signature("forward", parameters, result))
        with lines.indented():
            body = BodyWriter(
                step,
                writer,
                names,
                self._recurrence.order,
                self._formula.span_of,
                self._marks,
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
            return self._names_of_modules[slot.name]
        return writer.show(slot)

    def _marks(self, state: State) -> str:
        """The place of an unknown's equation, as a comment."""
        for boundary in self._formula.boundaries:
            if boundary.left == state and self._step.role != "regular":
                return f"rf:{boundary.span.line}"
        for equation in self._formula.equations:
            if equation.unknown == state.name:
                return f"rf:{equation.span.line}"
        return ""

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
            return f"{self._names_of_modules[name]}({argument})"

        def adapter(value: Tensor, parent: Tensor) -> str:
            return self.code.adapters.get(Site(value, parent), "")

        def coefficient(tensor: Tensor) -> tuple[str, int]:
            return self._coefficient(tensor, scalars)

        def shape(tensor: Tensor) -> Shape:
            return self._blocks[0].shapes[tensor]

        return Writer(step.parts, shape, operator, adapter, coefficient, variables)

    def _inline_statements(
        self, tensor: Tensor, argument: str, local: str
    ) -> tuple[list[str], str] | None:
        """The statements of an inlined operator and its result; None if it is not one."""
        if not isinstance(tensor, Apply) or tensor.operator not in self._inline:
            return None
        if tensor.index is sympy.nan or int(tensor.index) != self._step.at:
            return None
        return chain(self._inline[tensor.operator].calls, argument, local)

    def _coefficient(self, tensor: Any, scalars: Mapping[Any, str]) -> tuple[str, int]:
        value = tensor.coefficient
        if value.has(I) or value.has(L):
            for part in _numeric_parts(value):
                name = self._number_names[self._at_block(part, tensor)]
                value = value.xreplace({part: sympy.Symbol(name)})
        text = coefficient_text(value, dict(scalars), torch=True)
        if value.is_Add:
            return text, SUM
        return text, ATOM if value.is_Atom else PRODUCT


class BodyWriter:
    """Writes the statements of a step's body; what is used once has no variable.

    Args:
        step: what is computed.
        writer: for expressions; its variables are filled.
        names: variables that are still free.
        order: of the recurrence, for names.
    """

    def __init__(
        self,
        step: Step,
        writer: Writer,
        names: Namespace,
        order: int,
        span_of: Any,
        marks: Any,
    ) -> None:
        self._step = step
        self._writer = writer
        self._names = names
        self._order = order
        self._marks = marks

    def write(self, lines: Lines, outputs: Iterable[Slot], inlined: Any = None) -> None:
        """Statements in the order of computation."""
        uses = self._uses(outputs)
        adapted = self._adapted_twice()
        for tensor in self._step.body:
            if tensor in self._writer.variables:
                continue
            if isinstance(tensor, Part) and self._split(lines, tensor):
                continue
            if self._is_alias(tensor):
                continue
            if isinstance(tensor, Apply) and inlined is not None:
                argument = self._writer.show(tensor.argument)
                written = inlined(tensor, argument, "out")
                if written is not None:
                    self._assign_inlined(lines, tensor, *written)
            if tensor in self._writer.variables:
                pass
            elif uses.get(tensor, 0) > 1 or isinstance(tensor, State):
                self._assign(lines, tensor)
            for value, attribute in adapted.pop(tensor, ()):
                self._adapt(lines, value, attribute)
        for pending in adapted.values():
            for value, attribute in pending:
                self._adapt(lines, value, attribute)

    def _uses(self, outputs: Iterable[Slot]) -> dict[Tensor, int]:
        """How often each tensor is read; one that is handed on counts as twice."""
        uses: dict[Tensor, int] = {}
        for tensor in self._step.body:
            for part in self._step.parts(tensor):
                uses[part] = uses.get(part, 0) + 1
        for slot in outputs:
            if isinstance(slot, Tensor):
                uses[slot] = uses.get(slot, 0) + 2
        return uses

    def _adapted_twice(self) -> dict[Tensor, list[tuple[Tensor, str]]]:
        """Adapters whose result is read twice, by the tensor after which they can run."""
        counts: dict[str, int] = {}
        values: dict[str, Tensor] = {}
        for tensor in self._step.body:
            for part in self._step.parts(tensor):
                attribute = self._writer.adapter(bare(part), tensor)
                if attribute:
                    counts[attribute] = counts.get(attribute, 0) + 1
                    values[attribute] = bare(part)
        result: dict[Tensor, list[tuple[Tensor, str]]] = {}
        first = self._step.body[0] if self._step.body else None
        for attribute, count in counts.items():
            if count > 1 and first is not None:
                value = values[attribute]
                after = value if value in self._step.body else first
                result.setdefault(after, []).append((value, attribute))
        return result

    def _adapt(self, lines: Lines, value: Tensor, attribute: str) -> None:
        name = self._names.new(f"{variable(value, self._step.at, self._order)}_short")
        lines.assign(name, f"self.{attribute}({self._writer.show(value)})")
        self._writer.variables["adapted", attribute] = name

    def _is_alias(self, tensor: Tensor) -> bool:
        """Whether an unknown is just another name of a tensor that has one."""
        if isinstance(tensor, Input):
            self._writer.variables[tensor] = "x"
            return True
        if not isinstance(tensor, State):
            return False
        (right,) = self._step.parts(tensor)
        if self._writer.adapter(bare(right), tensor):
            return False
        if right in self._writer.variables:
            self._writer.variables[tensor] = self._writer.variables[right]
            return True
        return False

    def _assign(self, lines: Lines, tensor: Tensor) -> None:
        name = self._names.new(variable(tensor, self._step.at, self._order))
        text, _ = self._writer.made(tensor)
        mark = self._marks(tensor) if isinstance(tensor, State) else ""
        lines.assign(name, text, mark)
        self._writer.variables[tensor] = name

    def _assign_inlined(
        self, lines: Lines, tensor: Tensor, statements: list[str], result: str
    ) -> None:
        """An operator whose parts are the step's own."""
        for statement in statements:
            lines.statement(statement)
        name = self._names.new(variable(tensor, self._step.at, self._order))
        lines.assign(name, result)
        self._writer.variables[tensor] = name

    def _split(self, lines: Lines, tensor: Part) -> bool:
        """All parts of a split in one statement."""
        parts = [
            t
            for t in self._step.body
            if isinstance(t, Part)
            and t.tensor == tensor.tensor
            and t.parts == tensor.parts
        ]
        if len(parts) < 2:
            return False
        if tensor.which == min(part.which for part in parts):
            owners = {
                self._step.parts(t)[0]: t
                for t in self._step.body
                if isinstance(t, State)
            }
            targets = []
            by_number = {part.which: part for part in parts}
            for number in range(tensor.parts):
                part = by_number.get(number)
                if part is None:
                    targets.append("_")
                    continue
                named = owners.get(part, part)
                name = self._names.new(variable(named, self._step.at, self._order))
                self._writer.variables[part] = name
                targets.append(name)
            axis = self._writer.shape(tensor.tensor).feature_axis
            value = self._writer.show(tensor.tensor, ATOM)
            lines.assign(
                ", ".join(targets), f"{value}.chunk({tensor.parts}, dim={axis})"
            )
        return True


def _learned(value: Any) -> list[Learned]:
    """Learned scalars of a coefficient, in a stable order."""
    return sorted(value.atoms(Learned), key=str)


def _numeric_parts(value: Any) -> list[Any]:
    """The largest parts of a coefficient without learned scalars, but with i or L."""
    if not value.atoms(Learned):
        return [value]
    if isinstance(value, sympy.Add | sympy.Mul):
        plain = [arg for arg in value.args if not arg.atoms(Learned)]
        plain = [arg for arg in plain if arg.has(I) or arg.has(L)]
        rest = [arg for arg in value.args if arg.atoms(Learned)]
        return [
            *plain,
            *(
                part
                for arg in rest
                if arg.has(I) or arg.has(L)
                for part in _numeric_parts(arg)
            ),
        ]
    return [
        part
        for arg in value.args
        if arg.has(I) or arg.has(L)
        for part in _numeric_parts(arg)
    ]


def _kind(parameter: str) -> str:
    if parameter.endswith("stride"):
        return "stride"
    if parameter == "i":
        return "index"
    if parameter == "depth":
        return "number"
    return "channels"


def _adapter_value(parameter: str, source: Shape, target: Shape) -> Any:
    if parameter in ("in_channels", "in_features"):
        return source.features
    if parameter in ("channels", "features"):
        return target.features
    if parameter == "stride":
        return source.stride_to(target)
    grid = GRID[source.layout]
    if parameter in grid:
        return source.grid[grid.index(parameter)]
    return None


def _symbol(text: str) -> Any:
    """A name as a symbol, a number as itself."""
    if text.isdigit():
        return int(text)
    return sympy.Symbol(text, integer=True, positive=True)


def _literal(text: str) -> str:
    return text


def _tuple_type(outputs: list[Slot], scalars: Mapping[str, Any]) -> str:
    kinds = [
        "nn.Module"
        if isinstance(slot, ModuleSlot) and slot.name not in scalars
        else "Tensor"
        for slot in outputs
    ]
    return f"tuple[{', '.join(kinds)}]"


def _written_out(step: Step) -> list[str]:
    """The equations of a special step, with the numbers of its block in them."""
    texts = []
    for tensor in step.body:
        if isinstance(tensor, State):
            (right,) = step.parts(tensor)
            if step.role.endswith("last"):
                left = relative(tensor, step.at, step.absolute)
                right = relative(right, step.at, step.absolute)
                texts.append(
                    f"{left} = {right}".replace("_<i", "_<L").replace("_i", "_L")
                )
            else:
                texts.append(f"{tensor} = {right}")
    return texts


__all__ = [
    "PRODUCT",
    "SUM",
    "BlockClasses",
    "BodyWriter",
    "StepCode",
    "StepWriter",
    "class_name",
    "code",
]
