"""What the formula says that a pipeline, a definition and a step compute.

The numbers are those of the graph; what an operator of the library is as code is what its
rule says for them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sympy

from recform.algebra.body import Body, Inside
from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    Input,
    Learned,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.expr import (
    Part as Share,
)
from recform.algebra.formula import Pipeline, Step
from recform.algebra.symbols import INCOMING
from recform.algebra.tracing import arguments_of
from recform.blocks import Arguments, Shape
from recform.blocks.operator import FUNCTION_INPUT
from recform.blocks.symbolic import Symbolic
from recform.graph.model import Site
from recform.proof.file import File
from recform.proof.forms import Form, Term, Unreadable, add, drawn
from recform.proof.parts import Part, Pieces, Value, call
from recform.proof.reader import INPUT, Reader

#: Stands for the module in the code of an operator.
_MODULE = "module_"
#: What symbols stand for.
Numbers = Mapping[Symbolic, Any]


@lru_cache(maxsize=4096)
def _parsed(code: str) -> ast.expr:
    """An expression, with names in the place of ``{x}`` and ``{m}``."""
    text = code.replace("{x}", INPUT).replace("{m}", _MODULE)
    return ast.parse(text, mode="eval").body


class Line(Part):
    """A pipeline somewhere: what it runs, one after the other.

    Args:
        file: what is made is of.
        pipeline: the operators.
        x: the shape that comes in.
        numbers: what its symbols are.
    """

    def __init__(
        self, file: File, pipeline: Pipeline, x: Shape, numbers: Numbers
    ) -> None:
        self._links: list[Part] = []
        numbers = {**numbers, INCOMING: x.features}
        for step in pipeline.steps:
            arguments = arguments_of(step, numbers)
            if isinstance(step.operator, Body):
                link: Part = Definition(file, step.operator, x, arguments, numbers)
            else:
                link = Link(file, step, x, arguments)
            self._links.append(link)
            x = step.operator.shape(x, arguments)

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        (value,) = arguments
        for link in self._links:
            value = link.on(world, [value])
        return value


class Link(Part):
    """An operator of the library."""

    def __init__(self, file: File, step: Step, x: Shape, arguments: Arguments) -> None:
        emitted = step.operator.emit(x, arguments)
        self._call = _parsed(emitted.call)
        self._module: Value = None
        reader = Reader(file, {})
        if emitted.module:
            made = _parsed(emitted.module)
            if isinstance(made, ast.Call):
                file.said.makers.add(ast.unparse(made.func))
            self._module = reader.value(made)
        elif emitted.layer:
            reader.value(_parsed(emitted.layer))
            file.said.layers[file.made.pop().make] = self._call

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        (value,) = arguments
        return Reader(world, {INPUT: value, _MODULE: self._module}).value(self._call)


class Definition(Part):
    """A definition by equations, with its operators and learned scalars."""

    def __init__(
        self, file: File, body: Body, x: Shape, arguments: Arguments, free: Numbers
    ) -> None:
        self._body = body
        values = body.values(arguments)
        self._inside = Inside(body, x, arguments)
        symbols = {k: v for k, v in free.items() if k not in values}
        self._lines: dict[tuple[str, Symbolic], Line] = {}
        for item in body.calls():
            key = (item.operator, item.index)
            if key not in self._lines:
                shape = self._inside.shape(item.argument)
                pipeline = body.operators[item.operator]
                self._lines[key] = Line(file, pipeline, shape, {**symbols, **values})
        scalars = {name: drawn(f"scalar {k}") for k, name in enumerate(body.scalars)}
        file.learned += len(scalars)
        self._numbers = Coefficients(
            {**free, **values}, lambda scalar: scalars[scalar.name]
        )

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        (value,) = arguments
        body = self._body
        follower = Follower(
            world,
            body.parts,
            {Input(): value},
            lambda tensor: self._lines[tensor.operator, tensor.index],
            self._numbers,
            self._inside.shape,
        )
        return follower.all(body.tensors, [body.output])[0]


class Coefficients:
    """Coefficients as numbers.

    Args:
        numbers: what symbols are.
        scalar: the number of a learned scalar.
        index: the symbol of the block's number, and how much it is more than a tensor says.
    """

    def __init__(
        self,
        numbers: Numbers,
        scalar: Callable[[Learned], float],
        index: tuple[Symbolic, int] | None = None,
    ) -> None:
        self._numbers = {k: sympy.sympify(v) for k, v in numbers.items()}
        self._scalar, self._index = scalar, index
        self._known: dict[tuple[Symbolic, Symbolic], float] = {}

    def of(self, tensor: Scaled | Filled) -> float:
        """The number in front of a tensor."""
        key = (tensor.coefficient, tensor.at)
        if key not in self._known:
            values = {
                item: sympy.Float(self._scalar(item))
                for item in tensor.coefficient.atoms(Learned)
            }
            values |= self._numbers
            if self._index is not None and tensor.at is not sympy.nan:
                symbol, more = self._index
                values[symbol] = tensor.at + more
            self._known[key] = float(tensor.coefficient.xreplace(values))
        return self._known[key]


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
            case State():
                return self._term(tensor, parts[0])
            case Apply():
                argument = self.form(tensor.argument)
                return call(self._file, self._module(tensor), [argument])
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
            case History() if tensor.kind != "concat":
                return self._combined(tensor, tensor.kind, parts)
            case Concat() | History():
                forms = (self._file.stands(self.form(part)) for part in parts)
                axis = self._axis(tensor)
                return self._table.atom("cat", axis, *forms)
            case Elementwise():
                emitted = tensor.function.emit(FUNCTION_INPUT, Arguments({}))
                names = {INPUT: self.form(tensor.argument)}
                return Reader(self._file, names).value(_parsed(emitted.call))
            case Share():
                whole = self._file.stands(self.form(tensor.tensor))
                pieces = Pieces(whole, tensor.parts, self._axis(tensor))
                return pieces.part(self._table, tensor.which)
        raise Unreadable(f"{tensor} is read, and is not there")

    def _axis(self, tensor: Tensor) -> float:
        return float(self._shape(tensor).feature_axis)

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

    def _term(self, parent: Tensor, term: Tensor) -> Value:
        """A term, behind its adapter if it has one."""
        value, scales, bare = term, [], self._bare(term)
        while value != bare and isinstance(value, Scaled):
            scales.append(value)
            value = value.tensor
        adapter = self._adapters.get(Site(value, parent))
        if adapter is None:
            return self.form(term)
        name, part = adapter
        if (name, value) not in self._adapted:
            made = call(self._file, part, [self.form(value)])
            self._adapted[name, value] = made
        form = self._adapted[name, value]
        for scale in scales:
            form = self._table.multiply(self._numbers.of(scale), form)
        return form
