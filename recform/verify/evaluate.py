"""Equations computed one by one with the operators of a module, naively.

No steps, no state: a tensor is computed from what it is made of. What the analysis
claims of the tensors of a network is tried on these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial, reduce
from operator import add, mul
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy
from sympy.printing.pycode import PythonCodePrinter

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Context,
    Elementwise,
    Filled,
    I,
    Input,
    K,
    L,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.algebra.lists import Dealt, Listed, Members, Over
from recform.algebra.stable import with_words
from recform.blocks import Layout, Operator
from recform.blocks.exact import as_float
from recform.blocks.function import NUMBERS
from recform.blocks.symbolic import Symbolic
from recform.graph.calls import takes_stack
from recform.recurrence.unroll import Unroller
from recform.verify.names import Names

if TYPE_CHECKING:
    import torch


#: Functions by their names alone: which they are is said by where they are looked up.
_PLAIN = PythonCodePrinter(
    {"fully_qualified_modules": False, "allow_unknown_functions": True}
)
#: How the axes of an example are read, by how many there are with the batch.
_LAYOUTS = {2: Layout.VECTOR, 3: Layout.TOKENS, 4: Layout.IMAGE}
#: What is computed: a tensor of torch's, or a plain number where a term has no tensor.
Computed: TypeAlias = Any


class Untold(LookupError):
    """A check needs the values of a function of which its plugin says nothing."""

    def __init__(self, function: Operator) -> None:
        what = f"the plugin says no value of {function.name}"
        if function.moves:
            what = f"{function.name} moves tokens, and has no value of a number"
        super().__init__(what)


class Missing(LookupError):
    """A module does not have an operator or a scalar: nothing that is read needs it."""


class Unknown(LookupError):
    """A tensor that nothing makes, and that was not given."""


@dataclass(frozen=True)
class Parts:
    """What the evaluator needs of a module.

    Attributes:
        network: the module itself.
        operator: the submodule of an operator letter and a block (None: shared); raises
            Missing.
        scalar: the parameter of a learned scalar, likewise.
    """

    network: torch.nn.Module
    operator: Callable[[str, int | None], torch.nn.Module]
    scalar: Callable[[str, int | None], torch.Tensor]


class Evaluator:
    """Computes tensors of a formula for one input.

    Attributes:
        values: what is known; more can be put in to start from.
    """

    def __init__(
        self,
        formula: Formula,
        length: int,
        parts: Parts,
        start: Sequence[torch.Tensor] | None,
        *,
        apart: bool = False,
    ) -> None:
        """Starts with nothing but the input.

        Args:
            formula: what is evaluated.
            length: how many blocks.
            parts: where operators and scalars are.
            start: what the stem hands over, and behind it the further inputs.
            apart: whether an unknown is a tensor of its own where its equation only
                gives another tensor a name, so that one can differentiate by it.
        """
        self.formula, self.length, self.parts = formula, length, parts
        self._calls: dict[State, Computed] = {}
        self.unroller = Unroller(formula, length)
        self.names = Names(self.unroller, apart=apart)
        self.values: dict[Tensor, Computed] = {}
        self._numbers: dict[tuple[Symbolic, Symbolic], Computed] = {}
        self._apart = apart
        self._images = _are_images(formula)
        if start is not None:
            leaves = (Input(), *map(Context, formula.contexts))
            self.values.update(zip(leaves, start, strict=True))

    def at(self, tensor: Tensor, block: int) -> Computed:
        """A tensor of the formula in a block; None if it vanishes."""
        settled = self.unroller.at(tensor, block)
        return None if settled is None else self.value(settled)

    def output(self) -> Computed:
        """What the head gets."""
        settled = self.unroller.output(self.formula.output)
        return None if settled is None else self.value(settled)

    def value(self, tensor: Tensor) -> Computed:
        """A tensor that is written out for a block; each is computed once.

        The parts come first, from a stack of our own: networks are deep.

        Raises:
            Missing: if the module lacks an operator or a scalar.
            Unknown: if the tensor hangs on one that nothing makes.
        """
        stack = [tensor]
        while stack:
            top = stack[-1]
            if top in self.values:
                stack.pop()
                continue
            parts = [self.needed(part, top) for part in self.made_of(top)]
            left = [part for part in parts if part not in self.values]
            stack.extend(reversed(left))
            if not left:
                self.values[top] = self._compute(top)
        return self.values[tensor]

    def made_of(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is put together from."""
        definition = self.unroller.definitions.get(tensor)
        if definition is None:
            return tensor.children
        return (definition,) if isinstance(tensor, State) else definition.children

    def needed(self, tensor: Tensor, parent: Tensor) -> Tensor:
        """What must be there for a tensor to enter another one."""
        return tensor

    def term(self, tensor: Tensor, parent: Tensor) -> Computed:
        """A tensor as it enters another one."""
        return self.values[tensor]

    def _compute(self, tensor: Tensor) -> Computed:
        definition = self.unroller.definitions.get(tensor)
        if definition is not None and isinstance(tensor, State):
            value = self.term(definition, tensor)
            return value.view_as(value) if self._apart else value
        match tensor:
            case Apply():
                index = None if tensor.index is sympy.nan else int(tensor.index)
                module = self.parts.operator(tensor.operator, index)
                inner = tuple(self.term(part, tensor) for part in tensor.arguments)
                # Behind an adapter a value is known by itself.
                known = (
                    self.names.of(part) if value is self.values[part] else value
                    for part, value in zip(tensor.arguments, inner, strict=True)
                )
                key = self.names.call(tensor, tuple(known))
                if key not in self._calls:
                    self._calls[key] = self._applied(tensor, module, inner)
                return self._calls[key]
            case Scaled():
                number = self.number(tensor.coefficient, tensor.at)
                value = self.values[tensor.tensor]
                if tensor.coefficient.has(K):
                    number = number.view(-1, *[1] * (value.dim() - 1))
                return number * value
            case Members():
                import torch

                return torch.stack(self.values[tensor.listed])
            case Dealt():
                inner = self.values[tensor.tensor]
                axis = _axis(inner, self._images)
                front = inner.movedim(axis, 0)
                return front.unsqueeze(axis + 1 if axis > 0 else axis)
            case Over() | Across():
                return _gathered(tensor, self.values[tensor.tensor], self._images)
            case Filled():
                return self.number(tensor.coefficient, tensor.at)
            case Elementwise():
                return function(tensor.function)(self.values[tensor.argument])
            case Part():
                inner = self.values[tensor.tensor]
                axis = _axis(inner, self._images, many=tensor.is_many)
                return inner.chunk(tensor.parts, dim=axis)[tensor.which]
        parts = self.made_of(tensor)
        values = [self.term(part, tensor) for part in parts]
        whole = tensor if definition is None else definition
        if isinstance(whole, TensorSum | Pointwise | Combine):
            many = [part.is_many for part in parts]
            values = _spread(values, many, self._images)
        return _joined(whole, values, self._images)

    def _applied(
        self, tensor: Apply, module: torch.nn.Module, inner: tuple[Computed, ...]
    ) -> Computed:
        """What a module makes; of the members of a list one after the other, if it must."""
        many = [part.is_many for part in tensor.arguments]
        if not any(many):
            return module(*inner)
        pipeline = self.formula.operators[tensor.operator]
        first = inner[many.index(True)]
        if takes_stack(pipeline, _LAYOUTS[first.dim() - 1]):
            return module(*inner)
        import torch

        columns = [
            value if is_many else [value] * len(first)
            for value, is_many in zip(inner, many, strict=True)
        ]
        return torch.stack([module(*row) for row in zip(*columns, strict=True)])

    def number(self, coefficient: Symbolic, at: Symbolic = sympy.nan) -> Computed:
        """A coefficient; learned scalars are parameters of the module."""
        if at is not sympy.nan and not coefficient.has(I):
            at = sympy.nan  # It is the same number in all blocks.
        if (coefficient, at) not in self._numbers:
            self._numbers[coefficient, at] = self._number(coefficient, at)
        return self._numbers[coefficient, at]

    def _number(self, coefficient: Symbolic, at: Symbolic) -> Computed:
        if isinstance(coefficient, Learned):
            # In the output it may be that of block L.
            index = coefficient.index.xreplace({L: sympy.Integer(self.length)})
            block = None if index is sympy.nan else int(index)
            return self.parts.scalar(coefficient.name, block)
        known: dict[Symbolic, Symbolic] = {L: sympy.Integer(self.length)}
        if at is not sympy.nan:
            known[I] = at
        learned = sorted(coefficient.atoms(Learned), key=str)
        if not learned:
            return as_float(coefficient, known)
        symbols = sympy.symbols(f"k:{len(learned)}", seq=True, real=True)
        coefficient = with_words(coefficient)
        coefficient = coefficient.xreplace(dict(zip(learned, symbols, strict=True)))
        made = _function(_with_floats(coefficient, known), tuple(symbols))
        return made(*(self.number(item) for item in learned))


@lru_cache(maxsize=4096)
def _function(
    coefficient: Symbolic, symbols: tuple[Symbolic, ...]
) -> Callable[..., Computed]:
    """A coefficient as a function of tensors."""
    import torch

    words = {
        "max": _extreme(torch.maximum),
        "min": _extreme(torch.minimum),
        "Sigmoid": torch.sigmoid,
        "Softplus": _words()["softplus"],
    }
    modules = [words, torch, "math"]
    made: Callable[..., Computed] = sympy.lambdify(
        symbols, coefficient, modules=modules, printer=_PLAIN
    )
    return made


def _with_floats(value: Symbolic, known: Mapping[Symbolic, Symbolic]) -> Symbolic:
    """The same, where what is known is numbers: torch's functions take tensors only."""
    if value in known or value.is_Rational:
        return known.get(value, value)
    if value.free_symbols <= known.keys():
        return sympy.Float(as_float(value, known), 17)
    parts = (_with_floats(part, known) for part in value.args)
    return value.func(*parts) if value.args else value


def _extreme(of_two: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """The largest or smallest of learned scalars and numbers."""
    import torch

    def chosen(*items: Computed) -> torch.Tensor:
        exact = partial(torch.as_tensor, dtype=torch.float64)
        tensors = [x if isinstance(x, torch.Tensor) else exact(x) for x in items]
        return reduce(of_two, tensors)

    return chosen


def _are_images(formula: Formula) -> bool:
    """Whether blocks get images; pixels and streams have their features last."""
    x = formula.input
    for step in formula.stem.steps:
        x = step.operator.shape_of((x,), step.arguments)
    return x.layout is Layout.IMAGE


def _gathered(tensor: Over | Across, value: torch.Tensor, images: bool) -> torch.Tensor:
    """What is made over the members of a list, or across the features."""
    if isinstance(tensor, Over):
        return value.softmax(0) if tensor.kind == "softmax" else value.sum(0)
    axis = _axis(value, images, many=tensor.is_many)
    squares = value * value if tensor.kind == "norm" else value
    total = squares.sum(axis, keepdim=True)
    return total.sqrt() if tensor.kind == "norm" else total


def _joined(tensor: Tensor, values: list[Computed], images: bool) -> Computed:
    """Several tensors as one: a sum, a product, a maximum, side by side."""
    import torch

    match tensor:
        case Listed():
            lists = (value if isinstance(value, list) else [value] for value in values)
            return [member for each in lists for member in each]
        case TensorSum():
            return reduce(add, values)
        case Pointwise():
            return reduce(mul, values)
        case Combine():
            stacked = torch.stack(torch.broadcast_tensors(*values))  # type: ignore[no-untyped-call]
            if tensor.kind == "mean":
                return stacked.mean(0)
            return stacked.amax(0) if tensor.kind == "max" else stacked.amin(0)
        case Concat():
            return torch.cat(values, dim=_axis(values[0], images))
    raise Unknown(str(tensor))


def _spread(
    values: list[Computed], many: Sequence[bool], images: bool
) -> list[Computed]:
    """Vectors get the axes of the grid over which they spread.

    Where a term has an axis for the members of a list, it stands in front of the batch.
    """
    ranks = [
        0 if isinstance(value, int | float) else value.dim() - is_many
        for value, is_many in zip(values, many, strict=True)
    ]
    more = max(ranks) - 2
    if more <= 0:
        return values
    shapes = ((1,) * more, ()) if images and more == 2 else ((), (1,) * more)
    return [
        value.reshape(*value.shape[:-1], *shapes[1], value.shape[-1], *shapes[0])
        if rank == 2
        else value
        for value, rank in zip(values, ranks, strict=True)
    ]


def function(operator: Operator) -> Callable[[Computed], Computed]:
    """An elementwise function on tensors, from what its operator says that it computes.

    Raises:
        Untold: if that is nothing.
    """
    if operator.moves:
        return lambda x: _moved(x, operator.moves)
    known = operator.function
    if known is None:
        raise Untold(operator)
    words = _words()
    return lambda x: known.fold(x, float, lambda word, parts: words[word](*parts))


def _moved(x: Computed, by: int) -> Computed:
    """Tokens some positions later, behind zeros."""
    moved = x * 0
    if by < x.shape[1]:
        moved[:, by:] = x[:, : x.shape[1] - by]
    return moved


@cache
def _words() -> Mapping[str, Callable[..., Computed]]:
    """What a function's value may be made of, on tensors."""
    import torch

    def tensor(value: Computed) -> torch.Tensor:
        return torch.as_tensor(value, dtype=torch.float64)

    def of(
        found: Callable[[torch.Tensor], torch.Tensor],
    ) -> Callable[[Computed], Computed]:
        return lambda x: found(tensor(x))

    def larger(x: Computed, y: Computed) -> torch.Tensor:
        x, y = tensor(x), tensor(y)
        return torch.where(x > y, x, y)

    def smaller(x: Computed, y: Computed) -> torch.Tensor:
        x, y = tensor(x), tensor(y)
        return torch.where(x < y, x, y)

    plain = ("abs", "sqrt", "exp", "log", "sin", "cos", "tanh", "sigmoid", "erf")
    return {
        **NUMBERS,
        **{name: of(getattr(torch, name)) for name in plain},
        "softplus": of(lambda x: torch.logaddexp(x, torch.zeros_like(x))),
        "hardsigmoid": of(torch.nn.functional.hardsigmoid),
        "normal": of(torch.special.ndtr),
        "max": lambda *parts: reduce(larger, parts),
        "min": lambda *parts: reduce(smaller, parts),
    }


def _axis(value: torch.Tensor, images: bool, *, many: bool = False) -> int:
    """The axis of the features: behind the examples of images, else the last one."""
    return 1 + many if images and value.dim() - many == 4 else -1
