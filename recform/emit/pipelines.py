"""Operators as code: a class for each pipeline, or its parts inlined into another class."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sympy

from recform.algebra.body import Body
from recform.algebra.expr import I, L
from recform.algebra.formula import Pipeline, Step, Table
from recform.algebra.labels import DERIVED
from recform.algebra.symbols import INCOMING, STRIDE, WIDTH
from recform.blocks import Arguments, Emitted, Layout, Misfit, Shape, put_in, symbols_in
from recform.blocks.identifiers import identifier
from recform.blocks.template import free_names, renamed, template
from recform.diagnostics import CompileError, Diagnostics
from recform.emit.containers import Part, fold, is_nested, names_of
from recform.emit.namespace import Namespace
from recform.emit.text import Lines, docstring
from recform.graph.model import Piece, Place
from recform.source import Source, Span

CHANNELS = sympy.Symbol("channels", integer=True, positive=True)
FEATURES = sympy.Symbol("features", integer=True, positive=True)
STRIDE_NAME = sympy.Symbol("stride", integer=True, positive=True)
INDEX = sympy.Symbol("i", integer=True, positive=True)
DEPTH = sympy.Symbol("depth", integer=True, positive=True)
GRID = {
    Layout.IMAGE: ("height", "width"),
    Layout.TOKENS: ("positions",),
    Layout.VECTOR: (),
}


class Bodies(Protocol):
    """Writes the classes of definitions by equations."""

    def emit(self, body: Body, x: Shape, arguments: Arguments) -> Emitted:
        """A call of a definition, and the expression that makes its module."""


@dataclass(frozen=True)
class PipelineCode:
    """The code of a pipeline for symbolic shapes.

    Attributes:
        modules: attribute names and the expressions that make them.
        calls: one for each operator, with ``{x}`` for its input.
        cuts: whether what follows an operator is better a statement of its own.
        parameters: symbols that the expressions use, in the order of a constructor.
        stored: those of them that the calls use, by the attributes that keep them.
        output: the symbolic shape of the result.
    """

    modules: tuple[tuple[str, str], ...]
    calls: tuple[str, ...]
    cuts: tuple[bool, ...]
    parameters: tuple[str, ...]
    stored: tuple[tuple[str, str], ...]
    output: Shape

    @property
    def sequential(self) -> bool:
        """Whether it is modules alone, so that nn.Sequential can hold it."""
        return len(self.modules) == len(self.calls) > 0 and all(
            re.fullmatch(r"[\w.]+\(\{x\}\)", call) for call in self.calls
        )


#: The attribute of a pipeline that is one nn.Sequential, where it gets no other.
WHOLE = "layers"

#: Constructor parameters in their order; free parameters of the file follow.
_ORDER = (
    "in_channels",
    "in_features",
    "channels",
    "features",
    "i",
    "depth",
    "height",
    "width",
    "positions",
)


def symbolic_shape(shape: Shape, incoming: Any = None) -> Shape:
    """The shape of an input whose sizes are left open."""
    image = shape.layout is Layout.IMAGE
    if incoming is None:
        name = "in_channels" if image else "in_features"
        incoming = sympy.Symbol(name, integer=True, positive=True)
    grid = tuple(
        sympy.Symbol(name, integer=True, positive=True) for name in GRID[shape.layout]
    )
    return Shape(shape.layout, incoming, grid)


def numbers_at(
    x: Shape, place: Place | Piece, tables: Sequence[Table], index: Any, length: Any
) -> dict[str, Any]:
    """What the parameters of a class are in one place of the network, by their names.

    Args:
        x: the shape that comes in there.
        place: has the width, the stride, and the constants per stage or block.
        tables: what these constants are called.
        index: what ``i`` is there; None if it is nothing.
        length: what ``L`` is there; None if it is nothing.
    """
    numbers = zip((table.argument for table in tables), place.table, strict=False)
    return {
        "in_channels": x.features,
        "in_features": x.features,
        "channels": place.width,
        "features": place.width,
        "stride": place.stride,
        "i": index,
        "depth": length,
        **dict(zip(GRID[x.layout], x.grid, strict=True)),
        **dict(numbers),
    }


def symbols(shape: Shape) -> dict[Any, Any]:
    """What c, s, i and L are called in the code of a pipeline."""
    width = CHANNELS if shape.layout is Layout.IMAGE else FEATURES
    return {WIDTH: width, STRIDE: STRIDE_NAME, I: INDEX, L: DEPTH}


def write_pipeline(
    pipeline: Pipeline,
    x: Shape,
    values: Mapping[Any, Any],
    names: Namespace,
    bodies: Bodies,
) -> PipelineCode:
    """The code of a pipeline.

    Args:
        pipeline: the operators.
        x: the (symbolic) shape of the input.
        values: what ``c``, ``s``, ``i`` and ``L`` stand for: symbols or numbers.
        names: attribute names that are still free.
        bodies: the classes of definitions by equations.
    """
    parts, x = pipeline_parts(pipeline, x, values, bodies)
    if is_whole(pipeline):
        parts = [part.within((WHOLE,), None) for part in parts]
    return assembled(fold(parts), x, names)


def pipeline_parts(
    pipeline: Pipeline, x: Shape, values: Mapping[Any, Any], bodies: Bodies
) -> tuple[list[Part], Shape]:
    """The operators of a pipeline as code, with the names that the author gave.

    Returns:
        The parts, and the (symbolic) shape of the result.
    """
    parts: list[Part] = []
    table = {**values, INCOMING: x.features}
    for step in pipeline.steps:
        arguments = Arguments({k: put_in(v, table) for k, v in step.arguments.items()})
        try:
            if isinstance(step.operator, Body):
                emitted = bodies.emit(step.operator, x, arguments)
            else:
                emitted = step.operator.emit(x, arguments)
            y = step.operator.shape(x, arguments)
        except Misfit as misfit:
            # The library's own rules never do this on symbols; those of a plugin may.
            raise _unwritten(step, misfit) from misfit
        has_name = emitted.module or is_nested(step.label)
        names = step.label.split(".") if has_name else []
        parts.append(
            Part(
                path=tuple(name.removeprefix(DERIVED) for name in names),
                places=tuple(
                    None if name.startswith(DERIVED) else step.span for name in names
                ),
                call=emitted.call,
                kind=_kind(step) or step.operator.name,
                made=emitted.module,
                layer=emitted.sequential,
                cut=_ends(step),
                span=step.span,
                symbols=_symbols_of(x, arguments),
            )
        )
        x = y
    return parts, x


def is_whole(pipeline: Pipeline) -> bool:
    """Whether a pipeline is one nn.Sequential: it stands in brackets."""
    return any(step.label[:1].isdigit() for step in pipeline.steps)


def is_body(pipeline: Pipeline) -> bool:
    """Whether a pipeline is one definition by equations, without a label."""
    return (
        len(pipeline.steps) == 1
        and not pipeline.steps[0].label
        and isinstance(pipeline.steps[0].operator, Body)
    )


def values_at(tables: Sequence[Table], place: Place | Piece) -> dict[Any, Any]:
    """What c, s and the constants per stage or block are in a place of the network."""
    numbers = zip((table.symbol for table in tables), place.table, strict=False)
    return {WIDTH: place.width, STRIDE: place.stride, **dict(numbers)}


def assembled(
    parts: Sequence[Part],
    output: Shape,
    names: Namespace,
    keeper: Namespace | None = None,
) -> PipelineCode:
    """Parts that have a name each as the code of a class.

    Args:
        parts: in the order in which they run.
        output: the (symbolic) shape of the result.
        names: attribute names that are still free for the modules.
        keeper: those for arguments that are kept, where that is another class.
    """
    modules: list[tuple[str, str]] = []
    calls: list[str] = []
    used: set[str] = set()
    stored: dict[str, str] = {}
    labels = names_of(parts, names)
    for part, label in zip(parts, labels, strict=True):
        if part.made:
            modules.append((label, part.made))
            used |= words(part.made) & part.symbols
        call = part.call.replace("{m}", f"self.{label}")
        read = {name.id for name in free_names(call)} & part.symbols
        for name in sorted(read):
            stored[(keeper or names).kept(name)] = name
        calls.append(with_kept(call, stored.items()))
    used |= set(stored.values())
    cuts = tuple(part.cut for part in parts)
    return PipelineCode(
        tuple(modules),
        tuple(calls),
        cuts,
        ordered(used),
        tuple(sorted(stored.items())),
        output,
    )


def with_kept(call: str, stored: Iterable[tuple[str, str]]) -> str:
    """A call with attributes in the place of the arguments that they keep."""
    return renamed(call, {name: f"self.{kept}" for kept, name in stored})


def ordered(used: set[str], own: Sequence[str] = ()) -> tuple[str, ...]:
    """Parameters of a constructor in their order; a stride, which has a default, last.

    Args:
        used: their names.
        own: those that an author has put into an order.
    """
    known = [name for name in _ORDER if name in used]
    rank = {name: number for number, name in enumerate(own)}
    extra = sorted(
        used - {*known, "stride"}, key=lambda name: (rank.get(name, len(rank)), name)
    )
    last = ["stride"] if "stride" in used else []
    return (*known, *extra, *last)


def _unwritten(step: Step, misfit: Misfit) -> CompileError:
    report = Diagnostics()
    message = f"{misfit.operator or step.operator.name} {misfit.message}"
    report.error(misfit.code, message, misfit.place or step.span, hint=misfit.hint)
    return CompileError(report)


def _ends(step: Step) -> bool:
    """Activations and windows end a statement, as in `x = F.relu(self.bn(x))`."""
    return step.operator.elementwise or not step.operator.attribute


def _symbols_of(x: Shape, arguments: Arguments) -> frozenset[str]:
    """The symbols of sizes and arguments, which may occur in emitted code."""
    return frozenset(
        str(symbol)
        for value in [*x.sizes, *arguments.values()]
        for symbol in symbols_in(value)
    )


def words(text: str) -> set[str]:
    """The names that occur in a piece of code."""
    return set(re.findall(r"[^\W\d]\w*", text))


def _kind(step: Step) -> str:
    """What the module of an operator is called; a definition's, as the definition."""
    kind = step.operator.attribute
    if isinstance(step.operator, Body):
        kind = identifier(kind)
        return kind.lower() if len(kind) > 1 else kind
    return kind


def chain(code: PipelineCode, start: str, local: str) -> tuple[list[str], str]:
    """The calls of a pipeline: nested into each other, with statements between.

    Returns:
        Statements that assign to ``local``, and the expression of the result.
    """
    statements: list[str] = []
    expression = start
    depth = 0
    for number, call in enumerate(code.calls):
        long = depth > 3 or (depth > 1 and code.cuts[number - 1])
        after_methods = number > 0 and ")." in code.calls[number - 1]
        if (depth and (long or after_methods)) or not _can_stand(expression, call):
            statements.append(f"{local} = {expression}")
            expression, depth = local, 0
        expression = call.replace("{x}", expression)
        depth += 1
    return statements, expression


def _can_stand(expression: str, call: str) -> bool:
    """Whether an expression can stand as it is where a call takes its input.

    It can't where it would be computed twice, or an operator of it would bind weaker
    than what the call does with it (`a + b` in ``{x}.flatten(1)``). Several methods in
    a row begin a statement.
    """
    kind = type(ast.parse(expression, mode="eval").body)
    if kind is ast.Name or call == "{x}":
        return True
    read = template(call)
    if not read.once or call.startswith("{x} ") or ")." in call:
        return False
    return read.open or kind in (ast.Attribute, ast.Call, ast.Subscript)


def pipeline_class(
    lines: Lines,
    name: str,
    pipeline: Pipeline,
    shape: Shape,
    title: str,
    rates: frozenset[str],
    source: Source,
    bodies: Bodies,
) -> PipelineCode:
    """Writes a class for a pipeline; its constructor takes what is left open."""
    names = Namespace.attributes()
    x = symbolic_shape(shape)
    code = write_pipeline(pipeline, x, symbols(shape), names, bodies)
    lines.add(f"class {name}(nn.Module):")
    with lines.indented():
        lines.extend(docstring(title))
        lines.blank()
        if code.modules or code.stored:
            parameters = [typed(p, rates) for p in code.parameters]
            lines.signature("__init__", ["self", *parameters], "None")
            with lines.indented():
                lines.add("super().__init__()")
                for attribute, made in code.modules:
                    lines.assign(f"self.{attribute}", made)
                for kept, argument in code.stored:
                    lines.assign(f"self.{kept}", argument)
            lines.blank()
        lines.add("def forward(self, x: Tensor) -> Tensor:")
        with lines.indented():
            mark = marked(pipeline.span, source)
            statements, result = chain(code, "x", "x")
            for statement in statements:
                lines.statement(statement, mark)
            lines.returns(result, mark)
    return code


def marked(span: Span | None, source: Source) -> str:
    """The comment that names a line; defaults and other files have none."""
    return f"rf:{span.line}" if span is not None and span.source == source else ""


def typed(name: str, rates: frozenset[str] = frozenset()) -> str:
    """A constructor parameter with its type; a stride is 1 if left out."""
    if name == "stride":
        return f"{name}: int = 1"
    return f"{name}: {'float' if name in rates else 'int'}"
