"""The classes and functions of one network, as they are made."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace

from recform.algebra.definitions.body import Body, counts_of
from recform.algebra.definitions.cell import Cell
from recform.algebra.expr import Tensor
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Pipeline, symbols_of
from recform.algebra.symbols import STRIDE, SYMBOLS, is_counted
from recform.blocks import Arguments, Layout, Shape
from recform.blocks.code import divided
from recform.blocks.identifiers import GENERATED, IN_FORWARD, identifier, is_taken
from recform.plan.definitions import Class, Definition, Line, Parameter, forward
from recform.plan.expressions import Make
from recform.plan.namespace import Namespace
from recform.plan.parts import PipelineCode
from recform.source import Span
from recform.writers.formula.bodies import BodyCode, constructor_arguments, plan_body
from recform.writers.names import class_name
from recform.writers.pipelines import (
    OUTSIDE,
    Around,
    attributes_of,
    line_of,
    returned,
    typed,
    write_pipeline,
)
from recform.writers.setting import Setting


def _rates(formula: Formula) -> set[str]:
    """The arguments that are no whole numbers, or need not be any by what they are for."""
    used = formula.pipelines
    rates = symbols_of(used) - {*SYMBOLS.values(), *counts_of(used)}
    tables = (t for t in formula.tables if any(isinstance(n, float) for n in t.values))
    return {
        *map(str, rates),
        *(p.name for p in formula.params if p.free and not p.value.is_Integer),
        *(table.argument for table in tables),
    }


class Workshop:
    """Where the classes of a network are made, each when it is first needed.

    Args:
        formula: the network's.
        names: class names that are still free.
        prefix: put in front of class names, where the file has several networks.

    Attributes:
        made: the classes and functions, in order.
        tables: the arguments that are constants per stage or block.
    """

    def __init__(self, formula: Formula, names: Namespace, prefix: str) -> None:
        self.formula = formula
        self.names = names
        self.prefix = prefix
        self.made: list[Definition] = []
        self.tables = tuple(table.argument for table in formula.tables)
        self._rates = _rates(formula)
        self._own: dict[Body, dict[str, str]] = {}
        self._written: dict[tuple[Body, tuple[Layout, ...]], BodyCode] = {}

    def name(self, wanted: str) -> str:
        """A name for a class of this network."""
        return self.names.new(self.prefix + wanted)

    def function_name(self, wanted: str) -> str:
        """A name for a function of this network."""
        before = f"{self.prefix.lower()}_" if self.prefix else ""
        return self.names.new(before + wanted)

    def typed(
        self, names: Iterable[str], fractions: Container[str] = ()
    ) -> tuple[Parameter, ...]:
        """Parameters of a constructor, with their types."""
        return tuple(typed(n, n in self._rates or n in fractions) for n in names)

    def free(self, used: Container[str]) -> Iterator[Parameter]:
        """The parameters of the file that are used and free, with the file's values."""
        for param in self.formula.params:
            if param.free and param.name in used:
                (made,) = self.typed([param.name])
                kind = float if made.type == "float" else int
                yield replace(made, default=repr(kind(param.value)))

    def line(self, span: Span | None) -> Line | None:
        """The line that a comment names."""
        return line_of(span, self.formula.source)

    def code(
        self,
        pipeline: Pipeline,
        here: Setting,
        names: Namespace | None = None,
        keeper: Namespace | None = None,
        holder: str = "",
        around: Around = OUTSIDE,
    ) -> PipelineCode:
        """The code of a pipeline; left out, all attribute names are free."""
        names = names or Namespace.attributes()
        return write_pipeline(pipeline, here, names, self, keeper, holder, around)

    def pipeline_class(
        self, name: str, pipeline: Pipeline, inputs: tuple[Shape, ...], title: str
    ) -> PipelineCode:
        """Makes a class for a pipeline; its constructor takes what is left open."""
        code = self.code(pipeline, Setting.open(inputs))
        scope = Namespace(IN_FORWARD)
        names = [scope.new(name) for name in pipeline.inputs]
        fractions = {str(s) for s in symbols_of([pipeline]) if not is_counted(s)}
        self.made.append(
            Class(
                name,
                title,
                self.typed(code.parameters, fractions),
                attributes_of(code),
                (forward(returned(code, self.line(pipeline.span), *names), names),),
            )
        )
        return code

    # -- definitions by equations

    def make(self, body: Body, inputs: tuple[Shape, ...], arguments: Arguments) -> Make:
        """What makes the module of a body."""
        made = self.body(body, inputs)
        here = Setting(inputs, body.values(arguments))
        # What counts nothing is divided as numbers are.
        free = (
            item
            for item in body.arguments
            if item.default not in body.counts or not is_counted(item.default)
        )
        said = divided(free, arguments)
        own = {name: said[k] for k, name in self.own_names(body).items()}
        return Make(
            made.name,
            constructor_arguments(made.parameters, here, own, self.defaults(body)),
        )

    def own_names(self, body: Body) -> dict[str, str]:
        """The parameters of a constructor for the arguments of a definition."""
        if body not in self._own:
            used = set(GENERATED)
            of_block = STRIDE in {argument.default for argument in body.arguments}
            if not of_block and body.defaults.get("stride") is not None:
                used.remove("stride")  # It has a default, as that of a block has.
            scope = self.names.function(used)
            found = {}
            for argument in body.arguments:
                if argument.default in SYMBOLS.values():
                    continue
                name = str(argument.default)
                if argument.name in body.defaults:
                    name = argument.name
                    plain = identifier(name)
                    library = self.formula.library
                    is_free = plain not in used and not is_taken(plain, library)
                    name = scope.new(plain if is_free else f"{plain}_size")
                found[argument.name] = name
            self.names.reserve(found.values())
            self._own[body] = found
        return self._own[body]

    def defaults(self, body: Body) -> dict[str, int | float | None]:
        """The defaults of a constructor's parameters for arguments of a definition."""
        own = self.own_names(body)
        return {own[name]: value for name, value in body.defaults.items()}

    @property
    def unnamed(self) -> frozenset[Tensor]:
        """The tensors of definitions that have no variable in their classes."""
        return frozenset(t for code in self._written.values() for t in code.unnamed)

    @property
    def modules(self) -> frozenset[Tensor]:
        """What modules of definitions make."""
        return frozenset(t for code in self._written.values() for t in code.modules)

    def body(self, body: Body, inputs: tuple[Shape, ...]) -> BodyCode:
        """The class of a body for inputs of these layouts."""
        key = (body, tuple(x.layout for x in inputs))
        if key not in self._written:
            wanted = identifier(body.name)
            if len(wanted) == 1 or not wanted[0].isupper():
                wanted = class_name(body.name)
            name = self.name(wanted)
            if isinstance(body, Cell):
                from recform.writers.formula.cells import plan_cell

                made, self._written[key] = plan_cell(self, body, inputs, name)
            else:
                made, self._written[key] = plan_body(self, body, inputs, name)
            self.made.append(made)
        return self._written[key]
