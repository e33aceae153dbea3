"""What the formula says that a pipeline, a definition and a step compute.

The numbers are those of the graph; what an operator of the library is as code is what its
rule says for them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import sympy

from recform.algebra.definitions.body import Body, given
from recform.algebra.definitions.cell import Cell, before
from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Context,
    Elementwise,
    Filled,
    History,
    I,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.expr import (
    Part as Share,
)
from recform.algebra.lists import Dealt, Listed, Members, Over, is_list
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.symbols import INCOMING
from recform.algebra.tracing import arguments_of
from recform.blocks import Arguments, Layout, Shape
from recform.blocks.operator import FUNCTION_INPUT, Emitted
from recform.blocks.symbolic import Symbolic
from recform.diagnostics.refuted import Refuted
from recform.execution.file import File
from recform.execution.forms import BROKEN, Form, Term, Unreadable, add, drawn
from recform.execution.library import Start, defaults_of
from recform.execution.parts import PAST, Leaf, Part, Pieces, Value, call
from recform.execution.reader import INPUT, Reader
from recform.graph.model import Site
from recform.readback.coefficients import Coefficients, Numbers
from recform.readback.positions import ROWS, looking_back

#: Stands for the module in the code of an operator.
_MODULE = "module_"


@lru_cache(maxsize=4096)
def _parsed(code: str, inputs: tuple[str, ...] = ("x",)) -> ast.expr:
    """An expression, with names in the place of ``{x}`` and ``{m}``."""
    text = code.replace("{m}", _MODULE)
    for name in inputs:
        text = text.replace(f"{{{name}}}", f"input_{name}")
    return ast.parse(text, mode="eval").body


class Line(Part):
    """A pipeline somewhere: what it runs, one after the other.

    Args:
        file: what is made is of.
        pipeline: the operators.
        inputs: the shapes that come in.
        numbers: what its symbols are.
    """

    def __init__(
        self,
        file: File,
        pipeline: Pipeline,
        inputs: tuple[Shape, ...],
        numbers: Numbers,
    ) -> None:
        self._links: list[Part] = []
        self._takes = len(inputs)
        if inputs:
            numbers = {**numbers, INCOMING: inputs[0].features}
        file.said.is_numbered |= I in pipeline.symbols
        for step in pipeline.steps:
            arguments = arguments_of(step, numbers)
            kind = (
                Recurrence
                if isinstance(step.operator, Cell)
                else Definition
                if isinstance(step.operator, Body)
                else Link
            )
            self._links.append(kind(file, step, inputs, arguments, numbers))
            inputs = (step.operator.shape_of(inputs, arguments),)

    @property
    def takes(self) -> int:
        """How many tensors come in."""
        return self._takes

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        for link in self._links:
            arguments = [link.on(world, arguments)]
        (value,) = arguments
        return value


class Link(Part):
    """An operator of the library."""

    def __init__(
        self,
        file: File,
        step: Step,
        inputs: tuple[Shape, ...],
        arguments: Arguments,
        numbers: Numbers,
    ) -> None:
        operator, said = step.operator, file.said
        self._name, self._inputs = operator.name, operator.inputs
        said.defaults |= map(defaults_of, operator.support)
        # A module that is made as another one was is not read again.
        key = (operator, inputs, tuple(arguments.items()))
        known = said.links.get(key)
        if known is None or not isinstance(known[1], Leaf | None):
            emitted = operator.emit_of(inputs, arguments)
            call = looking_back(said, operator, inputs, arguments, emitted.call)
            known = self._read(file, replace(emitted, call=call))
            said.links[key] = known
        elif known[1] is not None:
            known = known[0], file.leaf(known[1].made.make)
        self._call: ast.expr = known[0]
        self._module: Value = known[1]
        self._is_tabled = operator.tabled
        if step.shares and self._module is not None:
            file.shares.setdefault(step.shares, []).append(self._module.made)

    def _read(self, file: File, emitted: Emitted) -> tuple[ast.expr, Value]:
        """The code of the operator, and its module, which is made."""
        code, module = _parsed(emitted.call, self._inputs), None
        reader = Reader(file, {})
        if emitted.module:
            made = _parsed(emitted.module)
            if isinstance(made, ast.Call):
                file.said.makers.add(ast.unparse(made.func))
            module = reader.value(made)
        elif emitted.layer:
            reader.value(_parsed(emitted.layer))
            file.said.layers[file.made.pop().make] = code
        return code, module

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        named = (f"input_{name}" for name in self._inputs)
        names = {**dict(zip(named, arguments, strict=True)), _MODULE: self._module}
        if world.said.going:
            names[PAST.name] = past = world.said.past
            if self._is_tabled:
                names[_MODULE] = _run(world, ROWS, x=self._module, p=past)
        try:
            return Reader(world, names).value(self._call)
        except (Unreadable, *BROKEN) as why:
            text = f"nobody can follow the code of {self._name}: {why}"
            raise Refuted(text) from None


class Definition(Part):
    """A definition by equations, with its operators and learned scalars."""

    def __init__(
        self,
        file: File,
        step: Step,
        inputs: tuple[Shape, ...],
        arguments: Arguments,
        numbers: Numbers,
    ) -> None:
        body = step.operator
        assert isinstance(body, Body)
        self._body = body
        values = {**numbers, **body.values(arguments)}
        inside = body.known(inputs, arguments)
        self._shape = inside.shape
        self._lines: dict[tuple[str, Symbolic], Line] = {}
        for item in body.calls():
            key = (item.operator, item.index)
            if key not in self._lines:
                shapes = tuple(map(self._shape, item.arguments))
                pipeline = body.operators[item.operator]
                self._lines[key] = Line(file, pipeline, shapes, values)
        names = {name: f"scalar {k}" for k, name in enumerate(body.scalars)}
        for name, scalar in body.scalars.items():
            shape, size = inside.scaled_by(name), int(inside.scalar_size(name))
            behind = len(shape.broadcast_view()) - 1 if shape is not None else 0
            start = Start.of(scalar.numbers(size, None, 0), behind)
            file.learned[names[name], start] += 1
        self._numbers = Coefficients(
            file.said, values, lambda scalar: drawn(names[scalar.name])
        )

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        known = dict(zip(self._body.leaves, arguments, strict=True))
        follower = self._follower(world, known)
        return follower.all(self._body.tensors, [self._body.output])[0]

    def _follower(self, world: Any, known: dict[Tensor, Value]) -> Follower:
        return Follower(
            world,
            self._body.parts,
            known,
            lambda tensor: self._lines[tensor.operator, tensor.index],
            self._numbers,
            self._shape,
        )


class Recurrence(Definition):
    """A recurrence over positions, followed through the first of them."""

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        cell = self._body
        assert isinstance(cell, Cell)
        incoming = list(map(given, cell.incoming))
        linear, past = cell.affine, world.said.past
        if linear is not None and linear.rest is not None:
            known = dict(zip(incoming, arguments, strict=True))
            wanted = (linear.factor, linear.rest)
            factor, rest = map(self._follower(world, known).form, wanted)
            for start in map(self._numbers.of, cell.starts.values()):
                code = "started_on({s}, {f}, {x}, {p})"
                if not world.said.going:
                    code = "started({s}, {f}, {x})"
                rest = _run(world, code, s=start, f=factor, x=rest, p=past)
            if world.said.going:
                return _run(world, "scan_on({f}, {x}, {p})", f=factor, x=rest, p=past)
            ones = linear.factor == Filled(sympy.S.One)
            code = "torch.cumsum({x}, dim=1)" if ones else "scan({f}, {x})"
            return _run(world, code, f=factor, x=rest)
        widths = (int(self._shape(leaf).features) for leaf in incoming)
        return self._looped(world, cell, [*map(world.positions, arguments, widths)])

    def _looped(
        self, world: File, cell: Cell, inputs: Sequence[Sequence[Value]]
    ) -> Value:
        """One position after the other; before the first one there are zeros."""
        first = {before(k, 1): self._numbers.of(v) for k, v in cell.starts.items()}
        kept: Sequence[Value] = [
            add(world.zeros(self._shape(state).features), first.get(state, 0.0))
            for state in cell.recurrent
        ]
        if world.said.past is not None:
            kept = world.last(kept)
        past = dict(zip(cell.recurrent, kept, strict=True))
        made = []
        for now in zip(*inputs, strict=True):
            given_ = zip(map(given, cell.incoming), now, strict=True)
            follower = self._follower(world, {**past, **dict(given_)})
            values = {name: follower.form(before(name, 0)) for name in cell.unknowns}
            past = {
                state: values[state.name]
                if state.index == -1
                else past[before(state.name, -int(state.index) - 1)]
                for state in cell.recurrent
            }
            results = [values[name] for name in cell.results]
            beside = "torch.cat({x}, dim=-1)"
            alone = len(results) == 1
            made.append(results[0] if alone else _run(world, beside, x=tuple(results)))
        if world.said.past is not None:
            world.keep(list(past.values()))
        return _run(world, "torch.stack({x}, dim=1)", x=made)


def _run(file: File, code: str, **values: Value) -> Value:
    """What an expression makes of values, by their names in braces."""
    names = {f"input_{name}": value for name, value in values.items()}
    return Reader(file, names).value(_parsed(code, tuple(values)))


class Follower:
    """Follows tensors from what is known, each once.

    Args:
        file: what is called is of.
        parts: what a tensor is made from.
        known: what is there at the start.
        module: of an application.
        numbers: of coefficients.
        shape: of a tensor.
        bare: a term without its coefficient, as far as an adapter looks.
        adapters: what stands in front of terms.
    """

    def __init__(
        self,
        file: File,
        parts: Callable[[Tensor], tuple[Tensor, ...]],
        known: dict[Tensor, Value],
        module: Callable[[Apply], Value],
        numbers: Coefficients,
        shape: Callable[[Tensor], Shape],
        bare: Callable[[Tensor], Tensor] = lambda term: term,
        adapters: Mapping[Site, tuple[str, Part]] | None = None,
    ) -> None:
        self._file, self._table, self._parts = file, file.table, parts
        self._known, self._module, self._numbers = known, module, numbers
        self._shape, self._bare, self._adapters = shape, bare, adapters or {}
        self._adapted: dict[tuple[str, Tensor], Value] = {}

    def all(self, body: Iterable[Tensor], wanted: Sequence[Tensor]) -> list[Value]:
        """What some tensors are, after all of a body has been computed in its order."""
        for tensor in body:
            self.form(tensor)
        return list(map(self.form, wanted))

    def form(self, tensor: Tensor) -> Value:
        """What a tensor is."""
        if tensor not in self._known:
            self._known[tensor] = self._made(tensor)
        return self._known[tensor]

    def _made(self, tensor: Tensor) -> Value:
        parts = self._parts(tensor)
        match tensor:
            case Context():
                return self._table.atom("context", tensor.name)
            case State():
                return self._term(tensor, parts[0])
            case Apply():
                arguments = [self._term(tensor, inner) for inner in tensor.arguments]
                return call(self._file, self._module(tensor), arguments)
            case Scaled():
                number = self._numbers.of(tensor)
                return self._table.multiply(number, self.form(tensor.tensor))
            case Filled():
                return self._numbers.of(tensor)
            case TensorSum():
                return self._sum(tensor, parts)
            case Pointwise():
                result: Term = 1.0
                for factor in parts:
                    result = self._table.multiply(result, self._term(tensor, factor))
                return result
            case Combine():
                return self._combined(tensor, tensor.kind, parts)
            case History() | Listed() if is_list(tensor):
                members = [self._term(tensor, part) for part in parts]
                if is_list(parts[-1]):
                    return members[0]
                return self._table.listed(members, is_list(parts[0]))
            case Members():
                return self._table.stacked(self.form(tensor.listed))
            case Dealt():
                is_image = self._shape(tensor.tensor).layout is Layout.IMAGE
                inner = self._file.stands(self.form(tensor.tensor))
                return self._table.dealt(inner, 1 if is_image else -1)
            case Over():
                inner = self._file.stands(self.form(tensor.tensor))
                return self._table.atom("over", tensor.kind, inner)
            case Across():
                inner = self._file.stands(self.form(tensor.tensor))
                axis = self._axis(tensor.tensor)
                return self._table.atom("across", tensor.kind, axis, inner)
            case History() if tensor.kind != "concat":
                return self._combined(tensor, tensor.kind, parts)
            case Concat() | History():
                forms = (self._file.stands(self.form(part)) for part in parts)
                axis = self._axis(tensor)
                return self._table.atom("cat", axis, *forms)
            case Elementwise():
                said, nothing = self._file.said, Arguments({})
                names = {INPUT: self.form(tensor.argument), PAST.name: said.past}
                code = tensor.function.emit(FUNCTION_INPUT, nothing).call
                code = looking_back(
                    said, tensor.function, (FUNCTION_INPUT,), nothing, code
                )
                return Reader(self._file, names).value(_parsed(code))
            case Share():
                whole = self._file.stands(self.form(tensor.tensor))
                pieces = Pieces(whole, tensor.parts, self._axis(tensor.tensor))
                return pieces.part(self._table, tensor.which)
        raise Unreadable(f"{tensor} is read, and is not there")

    def _axis(self, tensor: Tensor) -> float:
        """The axis of the features; members of a list stand in front of the batch."""
        axis = self._shape(tensor).feature_axis
        return float(axis + 1 if axis > 0 and tensor.is_many else axis)

    def _sum(self, parent: Tensor, parts: Sequence[Tensor]) -> Term:
        result: Term = 0.0
        for item in parts:
            result = add(result, self._term(parent, item))
        return result

    def _combined(self, parent: Tensor, kind: str, parts: Sequence[Tensor]) -> Value:
        if kind == "sum":
            return self._sum(parent, parts)
        if kind == "mean":
            return self._table.multiply(1 / len(parts), self._sum(parent, parts))
        stands = self._file.stands
        forms = [self._term(parent, item) for item in parts]
        result: Form = forms[0]
        for form in forms[1:]:
            name = f"torch.{kind}imum"
            result = self._table.atom("call", name, stands(result), stands(form))
        return result

    def _spread(self, parent: Tensor, term: Tensor) -> Value:
        """A term as it is; a vector gets the axes of the grid over which it spreads."""
        value = self.form(term)
        if isinstance(term, Filled) or isinstance(parent, Apply | State):
            return value
        shape, target = self._shape(term), self._shape(parent)
        product = isinstance(parent, Pointwise)
        if shape.layout is target.layout or not shape.spreads_over(
            target, product=product
        ):
            return value
        # Members of a list and the batch stand in front, channels of an image, too.
        old = term.is_many + 1 + (target.layout is Layout.IMAGE)
        new = (False,) * old + (True,) * len(target.grid)
        return self._table.spread(value, new)

    def _term(self, parent: Tensor, term: Tensor) -> Value:
        """A term, behind its adapter if it has one."""
        value, scales, bare = term, [], self._bare(term)
        while value != bare and isinstance(value, Scaled):
            scales.append(value)
            value = value.tensor
        adapter = self._adapters.get(Site(value, parent))
        if adapter is None:
            return self._spread(parent, term)
        name, part = adapter
        if (name, value) not in self._adapted:
            given = self.form(value)
            if is_list(value):  # what is made of each member is made of all at once
                made = call(self._file, part, [self._table.stacked(given)])
                made = self._table.each(made)
            else:
                made = call(self._file, part, [given])
            self._adapted[name, value] = made
        form = self._adapted[name, value]
        for scale in scales:
            form = self._table.multiply(self._numbers.of(scale), form)
        return form
