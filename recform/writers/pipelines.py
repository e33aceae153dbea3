"""Operators as code: a class for each pipeline, or its parts inlined into another class."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import NamedTuple, Protocol

import sympy

from recform.algebra.definitions.body import Body
from recform.algebra.labels import DERIVED, is_held
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.stable import with_words
from recform.algebra.symbols import INCOMING, size
from recform.blocks import Arguments, Layout, Misfit, Shape, put_in, symbols_in
from recform.blocks.identifiers import identifier
from recform.blocks.shape import Size
from recform.blocks.template import free_names, renamed, template
from recform.diagnostics import CompileError, Diagnostics
from recform.outline.sections import DEFAULTS
from recform.plan.definitions import (
    Assign,
    Attribute,
    Line,
    Parameter,
    Return,
    Role,
    Statement,
)
from recform.plan.expressions import Code, Expression, Make, dictionary, names_in
from recform.plan.namespace import Namespace, fail_no_attribute
from recform.plan.parts import Part, PipelineCode
from recform.plan.places import Origin
from recform.source import Source, Span
from recform.writers.containers import Compose, fold, is_nested, names_of
from recform.writers.setting import Setting, ordered


class Bodies(Protocol):
    """Writes the classes of definitions by equations."""

    def make(self, body: Body, inputs: tuple[Shape, ...], arguments: Arguments) -> Make:
        """What makes the module of a definition."""


class Around(NamedTuple):
    """The containers that a pipeline lives in.

    Attributes:
        path: their names, from the outside in.
        place: where the file says so.
        compose: for one that is no nn.Sequential.
        origin: the piece of the network that it is.
    """

    path: tuple[str, ...] = ()
    place: Span | None = None
    compose: Compose | None = None
    origin: Origin | None = None


OUTSIDE = Around()
#: The attribute of a pipeline that is one nn.Sequential, where it gets no other.
WHOLE = "layers"


def write_pipeline(
    pipeline: Pipeline,
    here: Setting,
    names: Namespace,
    bodies: Bodies,
    keeper: Namespace | None = None,
    holder: str = "",
    around: Around = OUTSIDE,
) -> PipelineCode:
    """The code of a pipeline.

    Args:
        pipeline: the operators.
        here: where it stands.
        names: attribute names that are still free.
        bodies: the classes of definitions by equations.
        keeper: those for arguments that are kept, where that is another class.
        holder: the dictionary that has the modules; empty if the class itself does.
        around: the containers that it lives in.
    """
    parts, x = pipeline_parts(pipeline, here, bodies)
    whole = is_whole(pipeline)
    path = around.path or ((WHOLE,) if whole else ())
    if path:
        # Functions are parts of it like others: nothing else runs them.
        within = [
            (part if part.path else part.called("")).within(path, around.place)
            for part in parts
        ]
        parts = [replace(part, origin=around.origin) for part in within]
    folded = fold(parts, around.compose)
    assert not whole or len(folded) == 1  # what stands beside it, nobody would call
    code = assembled(folded, x, names, keeper, holder)
    inputs = ("x",) if whole else pipeline.inputs
    return replace(code, parts=tuple(parts), inputs=inputs)


def pipeline_parts(
    pipeline: Pipeline, here: Setting, bodies: Bodies
) -> tuple[list[Part], Shape]:
    """The operators of a pipeline as code, with the names that the author gave.

    Returns:
        The parts, and the (symbolic) shape of the result.
    """
    parts: list[Part] = []
    inputs = here.inputs
    table = dict(here.values)
    if inputs:
        table[INCOMING] = inputs[0].features
    for step in pipeline.steps:
        given = {key: put_in(value, table) for key, value in step.arguments.items()}
        arguments = Arguments(
            # Sigmoids are written so that nothing runs over on the way.
            {
                k: with_words(v) if isinstance(v, sympy.Expr) else v
                for k, v in given.items()
            }
        )
        try:
            call, made, layer = _emitted(step, inputs, arguments, bodies)
            y = step.operator.shape_of(inputs, arguments)
        except Misfit as misfit:
            # The library's own rules never do this on symbols; those of a plugin may.
            raise _unwritten(step, misfit) from misfit
        has_name = made is not None or is_nested(step.label)
        names = step.label.split(".") if has_name else []
        parts.append(
            Part(
                path=tuple(name.removeprefix(DERIVED) for name in names),
                places=tuple(
                    None if name.startswith(DERIVED) else step.span for name in names
                ),
                call=call,
                kind=_kind(step) or step.operator.name,
                made=made,
                layer=layer,
                cut=step.ends,
                span=step.span,
                symbols=_symbols_of(inputs, arguments),
            )
        )
        inputs = (y,)
    (x,) = inputs
    return parts, x


def incoming(pipeline: Pipeline, here: Setting, name: str | None = None) -> Size:
    """The features of what comes into a network: an argument of its constructor.

    How many ids there are is none: the head makes as many scores. Nor is what blocks get
    as it comes in (`stem none`, or `stem conv(3)`, which leaves the channels at what they
    are): their sizes are numbers.

    Args:
        pipeline: the stem.
        here: where it stands.
        name: of the argument; by the layout, if it is None.
    """
    (x,) = here.inputs
    if x.layout is Layout.IDS or not isinstance(x.features, int):
        return x.features
    opened = size(name) if name else Setting.open((x,)).inputs[0].features
    table = {**here.values, INCOMING: opened}
    y = x.with_features(opened)
    for step in pipeline.steps:
        given = {key: put_in(value, table) for key, value in step.arguments.items()}
        try:
            y = step.operator.shape_of((y,), Arguments(given))
        except Misfit:
            return x.features  # a plugin's rule, which wants a number
    return x.features if sympy.sympify(y.features).has(opened) else opened


def _emitted(
    step: Step, inputs: tuple[Shape, ...], arguments: Arguments, bodies: Bodies
) -> tuple[str, Expression | None, Expression | None]:
    """The call of an operator, what makes its module, and what stands for it in a row."""
    if isinstance(step.operator, Body):
        made = bodies.make(step.operator, inputs, arguments)
        given = ", ".join(f"{{{name}}}" for name in step.operator.inputs)
        alone = len(step.operator.inputs) == 1
        return f"{{m}}({given})", made, made if alone else None
    emitted = step.operator.written(inputs, arguments)
    marks = (step.shares, step.operator.tabled)
    module = Code(emitted.module, *marks) if emitted.module else None
    layer = Code(emitted.sequential, *marks) if emitted.sequential else None
    return emitted.call, module, layer


def is_whole(pipeline: Pipeline) -> bool:
    """Whether a pipeline is one nn.Sequential: for brackets, or what parts are called."""
    return any(is_held(step.label.partition(".")[0]) for step in pipeline.steps)


def check_inline(pipeline: Pipeline) -> None:
    """Raises a diagnostic for a part that cannot live in a module itself (RF219)."""
    for step in pipeline.steps:
        name = step.label.partition(".")[0].removeprefix(DERIVED)
        # Numbers come of brackets, which are a container.
        if is_held(name) and not name.isdigit():
            fail_no_attribute(name, step.span)


def is_body(pipeline: Pipeline) -> bool:
    """Whether a pipeline is one definition by equations, without a label."""
    return (
        len(pipeline.steps) == 1
        and not pipeline.steps[0].label
        and isinstance(pipeline.steps[0].operator, Body)
    )


def assembled(
    parts: Sequence[Part],
    output: Shape,
    names: Namespace,
    keeper: Namespace | None = None,
    holder: str = "",
) -> PipelineCode:
    """Parts that have a name each as the code of a class.

    Args:
        parts: in the order in which they run.
        output: the (symbolic) shape of the result.
        names: attribute names that are still free for the modules.
        keeper: those for arguments that are kept, where that is another class.
        holder: the dictionary that has the modules; empty if the class itself does.
    """
    modules: list[tuple[str, Expression]] = []
    calls: list[str] = []
    used: set[str] = set()
    stored: dict[str, str] = {}
    labels = names_of(parts, names)
    for part, label in zip(parts, labels, strict=True):
        if part.made is not None:
            modules.append((label, part.made))
            used |= names_in(part.made) & part.symbols
        module = f'self.{holder}["{label}"]' if holder else f"self.{label}"
        call = part.call.replace("{m}", module)
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
        parts=tuple(parts),
        held=tuple(parts),
        labels=tuple(labels),
        holder=holder,
    )


def with_kept(call: str, stored: Iterable[tuple[str, str]]) -> str:
    """A call with attributes in the place of the arguments that they keep."""
    return renamed(call, {name: f"self.{kept}" for kept, name in stored})


def _unwritten(step: Step, misfit: Misfit) -> CompileError:
    report = Diagnostics()
    message = f"{misfit.operator or step.operator.name} {misfit.message}"
    report.error(misfit.code, message, misfit.place or step.span, hint=misfit.hint)
    return CompileError(report)


def _symbols_of(inputs: tuple[Shape, ...], arguments: Arguments) -> frozenset[str]:
    """The symbols of sizes and arguments, which may occur in emitted code."""
    return frozenset(
        symbol.name
        for value in [
            *(size for x in inputs for size in (x.features, *x.grid)),
            *arguments.values(),
        ]
        for symbol in symbols_in(value)
    )


def _kind(step: Step) -> str:
    """What the module of an operator is called; a definition's, as the definition."""
    kind = step.operator.attribute
    if isinstance(step.operator, Body):
        kind = identifier(kind)
        return kind.lower() if len(kind) > 1 else kind
    return kind


def chain(
    calls: Sequence[str],
    cuts: Sequence[bool],
    start: Sequence[str] = ("x",),
    local: str = "x",
    inputs: Sequence[str] = ("x",),
) -> tuple[list[str], str]:
    """The calls of a pipeline: nested into each other, with statements between.

    Args:
        calls: of the pipeline.
        cuts: whether what follows each of them is better a statement of its own.
        start: what comes in, an expression for each input; several are names, unless the
            code takes any (:attr:`PipelineCode.nests`).
        local: a variable.
        inputs: of the pipeline, where several come in.

    Returns:
        What is assigned to ``local``, one after the other, and the result.
    """
    between: list[str] = []
    depth = 0
    if len(start) == 1:
        (expression,) = start
    else:
        expression, depth = calls[0], 1
        for name, text in zip(inputs, start, strict=True):
            expression = expression.replace(f"{{{name}}}", text)
    for number, call in enumerate(calls[depth:], depth):
        long = depth > 3 or (depth > 1 and cuts[number - 1])
        after_methods = number > 0 and ")." in calls[number - 1]
        if (depth and (long or after_methods)) or not _can_stand(expression, call):
            between.append(expression)
            expression, depth = local, 0
        expression = call.replace("{x}", expression)
        depth += 1
    return between, expression


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


def applied(code: PipelineCode, line: Line | None) -> tuple[Statement, ...]:
    """The statements that put what a pipeline makes of ``x`` in its place."""
    between, result = chain(code.calls, code.cuts)
    return tuple(Assign("x", Code(text), line) for text in (*between, result))


def returned(
    code: PipelineCode, line: Line | None, *start: str
) -> tuple[Statement, ...]:
    """The statements that return what a pipeline makes of expressions."""
    between, result = chain(code.calls, code.cuts, start, inputs=code.inputs)
    made = (Assign("x", Code(text), line) for text in between)
    return (*made, Return(Code(result), line))


def attributes_of(code: PipelineCode) -> tuple[Attribute, ...]:
    """What a class has for a pipeline: its modules, and arguments that are kept."""
    held = code.modules
    if code.holder:
        held = ((code.holder, dictionary(code.modules)),)
    kept = (Attribute(name, Code(given), Role.KEPT) for name, given in code.stored)
    return (*(Attribute(name, made) for name, made in held), *kept)


def line_of(span: Span | None, source: Source) -> Line | None:
    """The line that a comment names, of the formula or of a file that it uses."""
    if span is None:
        return None
    if span.source.name == DEFAULTS:
        return Line(0)
    file = "" if span.source == source else PurePath(span.source.name).name
    return Line(span.line, file)


def typed(name: str, is_rate: bool = False) -> Parameter:
    """A constructor parameter with its type; a stride is 1 if left out."""
    if name == "stride":
        return Parameter(name, "int", "1")
    return Parameter(name, "float" if is_rate else "int")
