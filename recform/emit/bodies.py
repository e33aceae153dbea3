"""The classes of definitions by equations: ``SE(x) = x*sigmoid(G*x)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from recform.algebra.body import Body, Inside
from recform.algebra.expr import Apply, I, Input, L, Learned, State, Tensor
from recform.algebra.formula import Formula, Pipeline
from recform.algebra.symbols import GENERATED, STRIDE, SYMBOLS, WIDTH
from recform.blocks import Arguments, Emitted, Layout, Shape, code, symbols_in
from recform.blocks.identifiers import identifier, is_taken
from recform.emit.body import BodyWriter
from recform.emit.expressions import ATOM, PRODUCT, SUM, Writer, coefficient_text
from recform.emit.initialise import scalar_parameter
from recform.emit.names import base_name, class_name, labels_of
from recform.emit.namespace import Claim, Namespace
from recform.emit.pipelines import (
    GRID,
    PipelineCode,
    chain,
    is_body,
    is_whole,
    marked,
    ordered,
    pipeline_class,
    pipeline_parts,
    symbolic_shape,
    symbols,
    typed,
    words,
    write_pipeline,
)
from recform.emit.text import Lines, docstring, folded
from recform.recurrence.model import Slot, Step


@dataclass(frozen=True)
class BodyCode:
    """The class of a body.

    Attributes:
        name: of the class.
        parameters: what its constructor takes.
        output: the symbolic shape of what it returns.
    """

    name: str
    parameters: tuple[str, ...]
    output: Shape


class BodyClasses:
    """Writes the class of a body when it is first needed.

    Args:
        lines: where classes go.
        names: class names that are still free.
        prefix: put in front of class names, where the file has several networks.
        rates: parameters of the file that are no whole numbers.
        formula: the network's.
    """

    def __init__(
        self,
        lines: Lines,
        names: Namespace,
        prefix: str,
        rates: frozenset[str],
        formula: Formula,
    ) -> None:
        self.tables = tuple(table.argument for table in formula.tables)
        self._lines = lines
        self._names = names
        self._prefix = prefix
        self.rates = rates
        self.source = formula.source
        self._own: dict[Body, dict[str, str]] = {}
        self._written: dict[tuple[Body, Layout], BodyCode] = {}

    def emit(self, body: Body, x: Shape, arguments: Arguments) -> Emitted:
        """A call of a body, and the expression that makes its module."""
        made = self.code(body, x)
        values = body.values(arguments)
        own = {name: arguments[k] for k, name in self.own_names(body).items()}
        given = constructor_arguments(
            made.parameters, x, values, own, self.defaults(body)
        )
        return Emitted("{m}({x})", f"{made.name}({', '.join(given)})")

    def own_names(self, body: Body) -> dict[str, str]:
        """The parameters of a constructor for the arguments of a definition."""
        if body not in self._own:
            scope = self._names.function(GENERATED)
            found = {}
            for argument in body.arguments:
                if argument.default in SYMBOLS.values():
                    continue
                name = str(argument.default)
                if argument.name in body.defaults:
                    name = argument.name
                    plain = identifier(name)
                    is_free = plain not in GENERATED and not is_taken(plain)
                    name = scope.new(plain if is_free else f"{plain}_size")
                found[argument.name] = name
            self._names.reserve(found.values())
            self._own[body] = found
        return self._own[body]

    def defaults(self, body: Body) -> dict[str, int | float | None]:
        """The defaults of a constructor's parameters for arguments of a definition."""
        own = self.own_names(body)
        return {own[name]: value for name, value in body.defaults.items()}

    def code(self, body: Body, x: Shape) -> BodyCode:
        """The class of a body for inputs of this layout."""
        key = (body, x.layout)
        if key not in self._written:
            wanted = identifier(body.name)
            if len(wanted) == 1 or not wanted[0].isupper():
                wanted = class_name(body.name)
            name = self._names.new(self._prefix + wanted)
            self._written[key] = _ClassWriter(self, body, x, name).write(self._lines)
            self._lines.blank(2)
        return self._written[key]

    def class_for(
        self, wanted: str, pipeline: Pipeline, shape: Shape, title: str
    ) -> tuple[str, PipelineCode]:
        """A class of its own for a pipeline inside of a body."""
        name = self._names.new(wanted)
        made = pipeline_class(
            self._lines, name, pipeline, shape, title, self.rates, self.source, self
        )
        self._lines.blank(2)
        return name, made


def constructor_arguments(
    parameters: tuple[str, ...],
    x: Shape,
    values: Mapping[Any, Any],
    own: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> list[str]:
    """The arguments of a class, in terms of the place where it is made.

    Args:
        parameters: of its constructor.
        x: the (symbolic) shape that comes in there.
        values: what ``c``, ``s``, ``i`` and ``L`` stand for there.
        own: the arguments of the definition that the class is for, if it is one.
        defaults: of those that have one; None where it is a symbol.
    """
    known = {
        "in_channels": x.features,
        "in_features": x.features,
        "channels": values.get(WIDTH),
        "features": values.get(WIDTH),
        "stride": values.get(STRIDE),
        "i": values.get(I),
        "depth": values.get(L),
        **dict(zip(GRID[x.layout], x.grid, strict=True)),
    }
    result = []
    for name in parameters:
        if own is not None and name in own:
            default = (defaults or {}).get(name)
            if default is None or own[name] != default:
                keyword = f"{name}=" if default is not None else ""
                result.append(f"{keyword}{code(own[name])}")
        elif known.get(name) is None:
            result.append(f"{name}={name}")
        elif name != "stride":
            result.append(code(known[name]))
        elif known[name] != 1:
            result.append(f"stride={code(known[name])}")
    return sorted(result, key=lambda text: "=" in text)


class _ClassWriter:
    """Writes one class."""

    def __init__(self, classes: BodyClasses, body: Body, x: Shape, name: str) -> None:
        self._classes = classes
        self._body = body
        self._name = name
        self._x = symbolic_shape(x)
        self._own = classes.own_names(body)
        self._defaults = classes.defaults(body)
        self._table = self._arguments(x)
        self._inside = Inside(body, self._x, Arguments(self._table))
        self._values = body.values(Arguments(self._table))
        self._attributes = Namespace.attributes()
        self._inline: dict[tuple[str, Any], PipelineCode] = {}
        self._modules: dict[tuple[str, Any], str] = {}
        self._scalars: dict[Any, str] = {}
        self._own_classes: dict[tuple[str, Layout], tuple[str, PipelineCode]] = {}
        self._used: set[str] = set()

    def _arguments(self, x: Shape) -> dict[str, Any]:
        """The symbols that the arguments of the body have in the class."""
        place = symbols(x)
        return {
            argument.name: place[argument.default]
            if argument.default in place
            else argument.default
            if argument.name not in self._body.defaults
            else sympy.Symbol(self._own[argument.name], integer=True, positive=True)
            for argument in self._body.arguments
        }

    def write(self, lines: Lines) -> BodyCode:
        made = Lines(offset=8)
        self._constructor(made)
        own = [*self._defaults, *self._classes.tables]
        parameters = ordered(self._used, own)
        lines.add(f"class {self._name}(nn.Module):")
        with lines.indented():
            says = [
                line
                for text in self._body.about.split("\n")
                for line in folded(text, 80)
            ]
            lines.extend(docstring("\n".join(says)))
            lines.blank()
            if str(made).strip():
                lines.signature("__init__", ["self", *self._typed(parameters)], "None")
                with lines.indented():
                    lines.add("super().__init__()")
                    lines.extend(str(made).rstrip("\n").split("\n"))
                lines.blank()
            self._forward(lines)
        return BodyCode(self._name, parameters, self._inside.shape(self._body.output))

    def _typed(self, parameters: tuple[str, ...]) -> list[str]:
        defaults = self._defaults
        texts = []
        for name in parameters:
            if name in defaults and defaults[name] is not None:
                whole = isinstance(defaults[name], int)
                kind = "int" if whole else "float"
                texts.append(f"{name}: {kind} = {defaults[name]!r}")
            else:
                texts.append(typed(name, self._classes.rates))
        return sorted(texts, key=lambda text: "=" in text)

    # -- what it owns

    def _constructor(self, lines: Lines) -> None:
        families: dict[str, dict[Any, list[Apply]]] = {}
        for call in self._body.calls():
            families.setdefault(call.operator, {}).setdefault(call.index, []).append(
                call
            )
        inlined = self._inlinable(families)
        for name in families:
            if name in inlined:
                self._attributes.reserve(labels_of(self._body.operators[name]))
            else:
                self._attributes.reserve([identifier(name)])
        self._attributes.reserve(map(identifier, self._body.scalars))
        for name, members in families.items():
            pipeline = self._body.operators[name]
            if name in inlined:
                self._inlined(lines, inlined[name], pipeline)
            else:
                self._owned(lines, name, pipeline, members)
        for name, scalar in self._body.scalars.items():
            self._scalar(lines, name, scalar.per_feature, scalar.start)

    def _inlinable(
        self, families: Mapping[str, Mapping[Any, list[Apply]]]
    ) -> dict[str, Apply]:
        """The operators with one call whose parts are the body's own attributes.

        Where several of them have parts without a label, these would be told apart by
        the order in which they run (``conv1``, ``conv2``); they keep their letters.
        """
        single = {
            name: next(iter(members.values()))[0]
            for name, members in families.items()
            if sum(map(len, members.values())) == 1
            and not is_whole(self._body.operators[name])
            and not is_body(self._body.operators[name])
        }
        unnamed = {name for name, call in single.items() if self._names_by_kind(call)}
        if len(unnamed) > 1:
            return {name: single[name] for name in single if name not in unnamed}
        return single

    def _names_by_kind(self, call: Apply) -> bool:
        """Whether an operator has a module to which nobody gives a name."""
        pipeline = self._body.operators[call.operator]
        x = self._inside.shape(call.argument)
        parts, _ = pipeline_parts(pipeline, x, self._values, self._classes)
        return any(
            part.path and (not part.name or part.places[0] is None) for part in parts
        )

    def _inlined(self, lines: Lines, call: Apply, pipeline: Pipeline) -> None:
        """An operator with one call: its parts are the body's own."""
        x = self._inside.shape(call.argument)
        written = write_pipeline(
            pipeline, x, self._values, self._attributes, self._classes
        )
        self._inline[call.operator, call.index] = written
        self._used |= set(written.parameters)
        for attribute, made in written.modules:
            lines.assign(f"self.{attribute}", made)
        for kept, argument in written.stored:
            lines.assign(f"self.{kept}", argument)

    def _owned(
        self,
        lines: Lines,
        name: str,
        pipeline: Pipeline,
        members: Mapping[Any, list[Apply]],
    ) -> None:
        """An operator with several calls, or one for each number: modules by number."""
        members = {index: members[index] for index in sorted(members, key=_by_number)}
        shapes = [self._inside.shape(group[0].argument) for group in members.values()]
        made = [self._make(name, pipeline, shape) for shape in shapes]
        claim = Claim(f"the operator {name}", pipeline.span)
        attribute = self._attributes.letter(name, claim)
        if len(made) == 1:
            (index,) = members
            self._modules[name, index] = f"self.{attribute}"
            lines.assign(f"self.{attribute}", made[0])
            return
        for position, index in enumerate(members):
            self._modules[name, index] = f"self.{attribute}[{position}]"
        if len(set(made)) == 1:
            items = f"{made[0]} for _ in range({len(made)})"
        else:
            items = ", ".join(made)
        lines.assign(f"self.{attribute}", f"nn.ModuleList([{items}])")

    def _make(self, name: str, pipeline: Pipeline, x: Shape) -> str:
        """The expression of a module of its own for a pipeline."""
        alone = write_pipeline(
            pipeline, x, self._values, Namespace.attributes(), self._classes
        )
        if alone.sequential and len(alone.modules) == 1:
            self._used |= set(alone.parameters)
            return alone.modules[0][1]
        key = (name, x.layout)
        if key not in self._own_classes:
            title = f"{name} = {pipeline.text}"
            self._own_classes[key] = self._classes.class_for(
                f"{self._name}{class_name(name).removesuffix('Block')}",
                pipeline,
                x,
                title,
            )
        cls, made = self._own_classes[key]
        texts = constructor_arguments(made.parameters, x, self._values)
        free = [x.features, *x.grid, *self._values.values()]
        known = {str(s) for v in free for s in symbols_in(v)}
        self._used |= {word for text in texts for word in words(text) if word in known}
        return f"{cls}({', '.join(texts)})"

    def _scalar(self, lines: Lines, name: str, per_feature: bool, start: float) -> None:
        claim = Claim(f"the scalar {name}", self._body.scalars[name].span)
        attribute = self._attributes.letter(name, claim)
        made = scalar_parameter(start)
        if per_feature:
            size = self._inside.scalar_size(name)
            self._used |= {str(s) for s in getattr(size, "free_symbols", ())}
            shape = self._inside.shape(self._scaled_by(name))
            view = [code(size), *("1" for _ in shape.broadcast_view()[1:])]
            made = scalar_parameter(start, view)
        lines.assign(f"self.{attribute}", made)
        for tensor in self._body.tensors:
            for item in _learned(tensor):
                if item.name == name:
                    self._scalars[item] = f"self.{attribute}"

    def _scaled_by(self, name: str) -> Tensor:
        return next(
            t for t in self._body.tensors if any(i.name == name for i in _learned(t))
        )

    # -- the forward pass

    def _forward(self, lines: Lines) -> None:
        body = self._body
        x = Input()
        step = Step(
            at=0,
            inputs=(x,),
            outputs=(body.output,),
            body=tuple(t for t in body.tensors if t != x),
            definitions=dict(body.definitions),
        )
        names = Namespace.forward({"x"})
        writer = Writer(
            body.parts,
            lambda term: term,
            self._inside.shape,
            self._called,
            lambda value, parent: "",
            self._coefficient,
            {x: "x"},
        )
        lines.add("def forward(self, x: Tensor) -> Tensor:")
        with lines.indented():
            statements = BodyWriter(step, writer, names, local_name, self._mark)
            statements.write(lines, (), self._inline_statements)
            lines.returns(writer.show(body.output), self._mark(body.output))

    def _called(self, tensor: Apply, argument: str) -> str:
        return f"{self._modules[tensor.operator, tensor.index]}({argument})"

    def _inline_statements(
        self, tensor: Tensor, argument: str, local: str
    ) -> tuple[list[str], str, str] | None:
        if not isinstance(tensor, Apply):
            return None
        written = self._inline.get((tensor.operator, tensor.index))
        if written is None:
            return None
        span = self._body.operators[tensor.operator].span
        return (*chain(written, argument, local), marked(span, self._classes.source))

    def _coefficient(self, tensor: Any) -> tuple[str, int]:
        value = tensor.coefficient
        text = coefficient_text(value, self._scalars, torch=True)
        return text, SUM if value.is_Add else ATOM if value.is_Atom else PRODUCT

    def _mark(self, tensor: Tensor) -> str:
        made = self._body.definitions[tensor] if isinstance(tensor, State) else tensor
        span = self._body.spans.get(made, self._body.span)
        return marked(span, self._classes.source)


def local_name(slot: Slot) -> str:
    """The variable of a tensor of a body: ``Y_2`` is ``y2``."""
    assert isinstance(slot, Tensor)
    name = base_name(slot)
    if isinstance(slot, State | Apply) and slot.index is not sympy.nan:
        return f"{name}_{slot.index}" if name[-1].isdigit() else f"{name}{slot.index}"
    return name


def _by_number(index: Any) -> int:
    return -1 if index is sympy.nan else int(index)


def _learned(tensor: Tensor) -> list[Learned]:
    found = getattr(tensor, "coefficient", sympy.S.Zero).atoms(Learned)
    return sorted(found, key=str)
