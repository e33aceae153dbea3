"""The classes of definitions by equations: ``SE(x) = x*sigmoid(G*x)``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy

from recform.algebra.definitions.body import Body
from recform.algebra.expr import Apply, Filled, Scaled, State, Tensor
from recform.algebra.pipeline import Pipeline
from recform.algebra.symbols import IN_ARGUMENTS, argument, is_counted
from recform.blocks import Arguments, Layout, Shape, code, symbols_in
from recform.blocks.exact import as_float
from recform.blocks.identifiers import identifier, is_generated
from recform.blocks.symbolic import Symbolic
from recform.plan.definitions import (
    Attribute,
    Class,
    Function,
    Line,
    Parameter,
    Return,
    Role,
    forward,
    in_order,
)
from recform.plan.expressions import (
    Argument,
    Code,
    Container,
    Expression,
    Holds,
    Item,
    Make,
    names_in,
)
from recform.plan.namespace import Claim, Namespace
from recform.plan.parts import PipelineCode
from recform.plan.printer.lines import folded
from recform.recurrence.model import Slot, Step
from recform.writers.calls import given
from recform.writers.formula.coefficients import coefficient_code
from recform.writers.formula.reckoned import Reckoned
from recform.writers.formula.statements import BodyWriter
from recform.writers.formula.terms import Writer
from recform.writers.initialise import scalar_parameter, start_text
from recform.writers.names import base_name, class_name, labels_of
from recform.writers.pipelines import (
    attributes_of,
    is_body,
    is_whole,
    pipeline_parts,
)
from recform.writers.setting import Setting, ordered

if TYPE_CHECKING:
    from recform.writers.formula.workshop import Workshop


@dataclass(frozen=True)
class BodyCode:
    """The class of a body.

    Attributes:
        name: of the class.
        parameters: what its constructor takes.
        output: the symbolic shape of what it returns.
        unnamed: the tensors that have no variable, and are made where they are read.
        modules: what modules of its own make, whose variables are none of its own.
    """

    name: str
    parameters: tuple[str, ...]
    output: Shape
    unnamed: tuple[Tensor, ...] = ()
    modules: tuple[Tensor, ...] = ()


def plan_body(
    workshop: Workshop, body: Body, inputs: tuple[Shape, ...], name: str
) -> tuple[Class, BodyCode]:
    """The class of a body for inputs of these layouts, under a name."""
    return ClassWriter(workshop, body, inputs, name).write()


def constructor_arguments(
    parameters: tuple[str, ...],
    here: Setting,
    own: Mapping[str, Symbolic],
    defaults: Mapping[str, Symbolic],
) -> tuple[Argument, ...]:
    """The arguments of a class, in terms of the place where it is made.

    Args:
        parameters: of its constructor.
        here: that place.
        own: the arguments of the definition that the class is for, if it is one.
        defaults: of those that have one; None where it is a symbol.
    """
    result: list[Argument] = []
    for name in parameters:
        if name in own:
            default = defaults.get(name)
            if default is None or not _is(own[name], default):
                keyword = name if default is not None else ""
                result.append(Argument(Code(code(own[name])), keyword))
        elif not is_generated(name) or here.value(name) is None:
            result.append(Argument(Code(name), name))
        else:
            result += given([(name, Code(code(here.value(name))))])
    return tuple(sorted(result, key=lambda item: bool(item.keyword)))


def _is(value: Symbolic, default: float) -> bool:
    """Whether a number is a default: SymPy takes no fraction for a float."""
    return bool(value.is_number) and as_float(value) == default


class ClassWriter:
    """Writes the class of one body."""

    def __init__(
        self, workshop: Workshop, body: Body, inputs: tuple[Shape, ...], name: str
    ) -> None:
        self._workshop = workshop
        self._body = body
        self._name = name
        open_ = Setting.open(inputs)
        self._own = workshop.own_names(body)
        self._defaults = workshop.defaults(body)
        self._table = self._arguments(open_.values)
        self._inside = body.inside(open_.inputs, Arguments(self._table))
        self._values = body.values(Arguments(self._table))
        self._attributes = Namespace.attributes()
        self._inline: dict[tuple[str, Symbolic], PipelineCode] = {}
        self._made: list[Attribute] = []
        self._modules: dict[tuple[str, Symbolic], str] = {}
        self._scalars: dict[Symbolic, str] = {}
        self._own_classes: dict[
            tuple[str, tuple[Layout, ...]], tuple[str, PipelineCode]
        ] = {}
        self._used: set[str] = set()
        self._unnamed: tuple[Tensor, ...] = ()

    def _arguments(self, place: Mapping[Symbolic, Symbolic]) -> dict[str, Symbolic]:
        """The symbols that the arguments of the body have in the class."""
        return {
            each.name: place[each.default]
            if each.default in place
            else each.default
            if each.name not in self._body.defaults
            else argument(self._own[each.name], whole=is_counted(each.default))
            for each in self._body.arguments
        }

    def write(self) -> tuple[Class, BodyCode]:
        self._constructor()
        methods = self._methods()
        own = [*self._defaults, *self._workshop.tables]
        parameters = ordered(self._used, own)
        about = self._body.about.split("\n")
        made = Class(
            self._name,
            "\n".join(line for text in about for line in folded(text, 80)),
            in_order(map(self._typed, parameters)),
            tuple(self._made),
            methods,
            going=self._going(methods),
        )
        output = self._inside.shape(self._body.output)
        calls = self._body.calls()
        modules = tuple(c for c in calls if (c.operator, c.index) in self._modules)
        return made, BodyCode(self._name, parameters, output, self._unnamed, modules)

    def _typed(self, name: str) -> Parameter:
        default = self._defaults.get(name)
        own = {
            self._own[a.name]: a.default
            for a in self._body.arguments
            if a.name in self._own
        }
        if name not in own:
            return self._workshop.typed([name])[0]
        counts = own[name] in self._body.counts and is_counted(own[name])
        kind = int if counts else float
        return Parameter(
            name, kind.__name__, "" if default is None else repr(kind(default))
        )

    # -- what it owns

    def _constructor(self) -> None:
        families: dict[str, dict[Symbolic, list[Apply]]] = {}
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
                self._inlined(inlined[name], pipeline)
            else:
                self._owned(name, pipeline, members)
        for name, scalar in self._body.scalars.items():
            names = {
                symbol: str(self._values[place])
                for symbol, place in IN_ARGUMENTS.items()
                if scalar.has(symbol)
            }
            self._used |= {*names.values()}
            self._scalar(name, scalar.per_feature, start_text(scalar.start, names))

    def _inlinable(
        self, families: Mapping[str, Mapping[Symbolic, list[Apply]]]
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
        parts, _ = pipeline_parts(pipeline, self._at(call), self._workshop)
        return any(
            part.path and (not part.name or part.places[0] is None) for part in parts
        )

    def _at(self, call: Apply) -> Setting:
        """Where an operator of the body stands."""
        return Setting(tuple(map(self._inside.shape, call.arguments)), self._values)

    def _inlined(self, call: Apply, pipeline: Pipeline) -> None:
        """An operator with one call: its parts are the body's own."""
        here = self._at(call)
        written = self._workshop.code(pipeline, here, self._attributes)
        self._inline[call.operator, call.index] = written
        self._used |= set(written.parameters)
        self._made += attributes_of(written)

    def _owned(
        self, name: str, pipeline: Pipeline, members: Mapping[Symbolic, list[Apply]]
    ) -> None:
        """An operator with several calls, or one for each number: modules by number."""
        members = {index: members[index] for index in sorted(members, key=_by_number)}
        made = [self._make(pipeline, group[0]) for group in members.values()]
        claim = Claim(f"the operator {name}", pipeline.span)
        attribute = self._attributes.letter(name, claim)
        if len(made) == 1:
            (index,) = members
            self._modules[name, index] = f"self.{attribute}"
            self._made.append(Attribute(attribute, made[0]))
            return
        for position, index in enumerate(members):
            self._modules[name, index] = f"self.{attribute}[{position}]"
        equal = len(set(made)) == 1
        items = [Item(made[0], count=len(made))] if equal else map(Item, made)
        self._made.append(Attribute(attribute, Container(Holds.LIST, tuple(items))))

    def _make(self, pipeline: Pipeline, call: Apply) -> Expression:
        """The expression of a module of its own for a pipeline."""
        name, here = call.operator, self._at(call)
        alone = self._workshop.code(pipeline, here)
        if alone.is_module and alone.modules:
            self._used |= set(alone.parameters)
            return alone.modules[0][1]
        key = (name, tuple(x.layout for x in here.inputs))
        if key not in self._own_classes:
            wanted = f"{self._name}{class_name(name).removesuffix('Block')}"
            cls = self._workshop.names.new(wanted)
            title = f"{name} = {pipeline.text}"
            code_of = self._workshop.pipeline_class(cls, pipeline, here.inputs, title)
            self._own_classes[key] = cls, code_of
        cls, made = self._own_classes[key]
        maker = Make(cls, constructor_arguments(made.parameters, here, {}, {}))
        sizes = (size for x in here.inputs for size in x.sizes)
        free = [*sizes, *self._values.values()]
        self._used |= names_in(maker) & {str(s) for v in free for s in symbols_in(v)}
        return maker

    def _scalar(self, name: str, per_feature: bool, start: str) -> None:
        claim = Claim(f"the scalar {name}", self._body.scalars[name].span)
        attribute = self._attributes.letter(name, claim)
        made = scalar_parameter(start)
        if per_feature:
            features = self._inside.scalar_size(name)
            self._used |= {str(symbol) for symbol in symbols_in(features)}
            shape = self._inside.shape(self._scaled_by(name))
            view = [code(features), *("1" for _ in shape.per_feature[1:])]
            made = scalar_parameter(start, view)
        self._made.append(Attribute(attribute, made, Role.SCALAR))
        for _, item in self._body.learned(name):
            self._scalars[item] = f"self.{attribute}"

    def _scaled_by(self, name: str) -> Tensor:
        return self._body.learned(name)[0][0]

    # -- the forward pass

    def _methods(self) -> tuple[Function, ...]:
        body = self._body
        leaves = body.leaves
        step = Step(
            at=0,
            inputs=leaves,
            outputs=(body.output,),
            body=tuple(t for t in body.tensors if t not in leaves),
            definitions=dict(body.definitions),
        )
        names = Namespace.forward()
        takes = [names.new(name) for name in body.inputs]
        numbers = (part for t in body.tensors for part in (t, *t.children))
        reckoned = self._reckoned(dict.fromkeys(numbers), names)
        writer = self._writer(dict(zip(leaves, takes, strict=True)), reckoned)
        statements = BodyWriter(step, writer, names, local_name, self._line)
        made = statements.write((), self._inlined_code)
        bare = self._inside.bare
        named = set(map(bare, statements.variables))
        made_here = (t for t in step.body if bare(t) == t)
        self._unnamed = tuple(t for t in made_here if t not in named)
        result = Return(Code(writer.show(body.output)), self._line(body.output))
        first = reckoned.statements(self._line(body.output))
        return (forward((*first, *made, result), takes),)

    def _going(self, methods: tuple[Function, ...]) -> tuple[Function, ...]:
        """Those of them that are others where a network goes on by positions, and all."""
        return ()

    def _reckoned(self, tensors: Iterable[Tensor], names: Namespace) -> Reckoned:
        """The coefficients of a forward pass."""
        kinds = Scaled | Filled
        values = (part.coefficient for part in tensors if isinstance(part, kinds))
        return Reckoned(values, self._scalars, names)

    def _writer(self, variables: dict[Slot, str], reckoned: Reckoned) -> Writer:
        """Writes the tensors of the body."""
        return Writer(
            self._body.parts,
            lambda term: term,
            self._inside.shape,
            self._called,
            lambda value, parent: "",
            lambda tensor: reckoned.code(tensor.coefficient),
            variables=variables,
        )

    def _called(self, tensor: Apply) -> str:
        return self._modules[tensor.operator, tensor.index]

    def _inlined_code(self, tensor: Apply) -> tuple[PipelineCode, Line | None] | None:
        written = self._inline.get((tensor.operator, tensor.index))
        if written is None:
            return None
        span = self._body.operators[tensor.operator].span
        return written, self._workshop.line(span)

    def _coefficient(self, tensor: Scaled | Filled) -> tuple[str, int]:
        return coefficient_code(tensor.coefficient, self._scalars)

    def _line(self, tensor: Tensor) -> Line | None:
        # An argument that is handed on as it is has no equation.
        made = self._body.definitions.get(tensor, tensor)
        span = self._body.spans.get(made, self._body.span)
        return self._workshop.line(span)


def local_name(slot: Slot) -> str:
    """The variable of a tensor of a body: ``Y_2`` is ``y2``."""
    assert isinstance(slot, Tensor)
    name = base_name(slot)
    if isinstance(slot, State | Apply) and slot.index is not sympy.nan:
        return f"{name}_{slot.index}" if name[-1].isdigit() else f"{name}{slot.index}"
    return name


def _by_number(index: Symbolic) -> int:
    return -1 if index is sympy.nan else int(index)
