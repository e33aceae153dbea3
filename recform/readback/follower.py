"""Follows what the formula says of tensors, each once: sums, products, what is applied."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol, runtime_checkable

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Context,
    Elementwise,
    Filled,
    History,
    K,
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
from recform.blocks import Arguments, Layout, Shape
from recform.blocks.operator import FUNCTION_INPUT
from recform.execution.file import File
from recform.execution.forms import Form, Term, Unreadable, add
from recform.execution.parts import PAST, Part, Pieces, Value, call
from recform.execution.reader import INPUT, Reader
from recform.graph.model import Site
from recform.readback.coefficients import Coefficients
from recform.readback.positions import looking_back

#: Stands for the module in the code of an operator.
MODULE = "module_"


@lru_cache(maxsize=4096)
def parsed(code: str, inputs: tuple[str, ...] = ("x",)) -> ast.expr:
    """An expression, with names in the place of ``{x}`` and ``{m}``."""
    text = code.replace("{m}", MODULE)
    for name in inputs:
        text = text.replace(f"{{{name}}}", f"input_{name}")
    return ast.parse(text, mode="eval").body


def run(file: File, code: str, **values: Value) -> Value:
    """What an expression makes of values, by their names in braces."""
    names = {f"input_{name}": value for name, value in values.items()}
    return Reader(file, names).value(parsed(code, tuple(values)))


@runtime_checkable
class ForLayouts(Protocol):
    """An operator that was made for what it gets first."""

    def check_layouts(self, given: Sequence[Shape]) -> None:
        """Raises Refuted where it would be another one for these layouts."""


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
        stacks: whether an operator takes the members of a list as one tensor.
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
        stacks: Callable[[Apply], bool] = lambda tensor: True,
    ) -> None:
        self._file, self._table, self._parts = file, file.table, parts
        self._known, self._module, self._numbers = known, module, numbers
        self._shape, self._bare, self._adapters = shape, bare, adapters or {}
        self._stacks = stacks
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
                return self._applied(tensor)
            case Scaled():
                number: Term = self._numbers.of(tensor)
                if tensor.coefficient.has(K):
                    axes = 1 + len(self._shape(tensor).sizes)
                    number = self._table.ones(number, axes)
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
                inner = self._file.stands(self._weighed(tensor.tensor, tensor.kind))
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
                code = tensor.function.written((FUNCTION_INPUT,), nothing).call
                code = looking_back(
                    said, tensor.function, (FUNCTION_INPUT,), nothing, code
                )
                return Reader(self._file, names).value(parsed(code))
            case Share():
                whole = self._file.stands(self.form(tensor.tensor))
                pieces = Pieces(whole, tensor.parts, self._axis(tensor.tensor))
                return pieces.part(self._table, tensor.which)
        raise Unreadable(f"{tensor} is read, and is not there")

    def _applied(self, tensor: Apply) -> Value:
        """What an operator makes; of members it makes something of each."""
        arguments = [self._term(tensor, inner) for inner in tensor.arguments]
        many = [inner.is_many for inner in tensor.arguments]
        part = self._module(tensor)
        if isinstance(part, ForLayouts):
            part.check_layouts([self._shape(inner) for inner in tensor.arguments])
        pairs = zip(arguments, many, strict=True)
        if not any(many) or self._stacks(tensor):
            return call(self._file, part, arguments)
        given = [self._table.member(a) if is_many else a for a, is_many in pairs]
        return self._table.members(call(self._file, part, given))

    def _weighed(self, whole: Tensor, kind: str) -> Value:
        """What is added up, or weighed; numbers of members need no axes in a sum."""
        if kind == "sum" and isinstance(whole, Scaled) and whole.coefficient.has(K):
            return self._table.multiply(
                self._numbers.of(whole), self.form(whole.tensor)
            )
        return self.form(whole)

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
                member = self._table.member(self._table.stacked(given))
                made = self._table.each(call(self._file, part, [member]))
            else:
                made = call(self._file, part, [given])
            self._adapted[name, value] = made
        form = self._adapted[name, value]
        for scale in scales:
            form = self._table.multiply(self._numbers.of(scale), form)
        return form
