"""Equations computed one by one with the operators of a module, naively.

No steps, no state: a tensor is computed from what it is made of. What the analysis
claims of the tensors of a network is tried on these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from typing import TYPE_CHECKING, Any

import sympy

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    I,
    Input,
    L,
    Learned,
    Part,
    Pointwise,
    Scaled,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.blocks.function import NUMBERS
from recform.blocks.library import told
from recform.recurrence.unroll import Unroller

if TYPE_CHECKING:
    import torch


class Untold(LookupError):
    """A check needs the values of a function of which its plugin says nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the plugin says no value of {name}")


class Missing(LookupError):
    """A module does not have an operator or a scalar: nothing that is read needs it."""


@dataclass(frozen=True)
class Parts:
    """What the evaluator needs of a module.

    Attributes:
        network: the module itself.
        operator: the submodule of an operator letter and a block (None: shared); raises
            Missing.
        scalar: the parameter of a learned scalar, likewise.
    """

    network: Any
    operator: Callable[[str, int | None], Any]
    scalar: Callable[[str, int | None], Any]


class Evaluator:
    """Computes tensors of a formula for one input.

    Attributes:
        values: what is known; more can be put in to start from.
    """

    def __init__(
        self, formula: Formula, length: int, parts: Parts, start: torch.Tensor | None
    ) -> None:
        self.formula, self.length, self.parts = formula, length, parts
        self.unroller = Unroller(formula, length)
        self.values: dict[Tensor, Any] = {}
        if start is not None:
            self.values[Input()] = start

    def at(self, tensor: Tensor, block: int) -> Any:
        """A tensor of the formula in a block; None if it vanishes."""
        settled = self.unroller.at(tensor, block)
        return None if settled is None else self.value(settled)

    def output(self) -> Any:
        """What the head gets."""
        settled = self.unroller.output(self.formula.output)
        return None if settled is None else self.value(settled)

    def value(self, tensor: Tensor) -> Any:
        """A tensor that is written out for a block."""
        if tensor not in self.values:
            definition = self.unroller.definitions.get(tensor)
            self.values[tensor] = (
                self._compute(tensor) if definition is None else self.value(definition)
            )
        return self.values[tensor]

    def _compute(self, tensor: Tensor) -> Any:
        import torch

        match tensor:
            case Apply():
                index = None if tensor.index is sympy.nan else int(tensor.index)
                module = self.parts.operator(tensor.operator, index)
                return module(self.value(tensor.argument))
            case Scaled():
                return self.number(tensor.coefficient, tensor.at) * self.value(
                    tensor.tensor
                )
            case Filled():
                return self.number(tensor.coefficient, tensor.at)
            case TensorSum():
                return self._sum(tensor.children)
            case Pointwise():
                result = self.value(tensor.children[0])
                for child in tensor.children[1:]:
                    result = result * self.value(child)
                return result
            case Combine():
                values = torch.stack([self.value(child) for child in tensor.children])
                if tensor.kind == "mean":
                    return values.mean(0)
                return values.amax(0) if tensor.kind == "max" else values.amin(0)
            case Concat():
                joined = [self.value(child) for child in tensor.children]
                return torch.cat(joined, dim=_axis(joined[0]))
            case Elementwise():
                return function(tensor.name)(self.value(tensor.argument))
            case Part():
                inner = self.value(tensor.tensor)
                return inner.chunk(tensor.parts, dim=_axis(inner))[tensor.which]
            case History():
                return self._sum(tensor.children)
        raise TypeError(f"{tensor} is not known")

    def _sum(self, children: tuple[Tensor, ...]) -> Any:
        result = self.value(children[0])
        for child in children[1:]:
            result = result + self.value(child)
        return result

    def number(self, coefficient: Any, at: Any = sympy.nan) -> Any:
        """A coefficient; learned scalars are parameters of the module."""
        symbols: list[Any] = []
        values: list[Any] = []
        for item in sorted(coefficient.atoms(Learned), key=str):
            symbol = sympy.Symbol(f"k{len(symbols)}")
            coefficient = coefficient.xreplace({item: symbol})
            index = None if item.index is sympy.nan else int(item.index)
            symbols.append(symbol)
            values.append(self.parts.scalar(item.name, index))
        known: dict[Any, Any] = {L: sympy.Integer(self.length)}
        if at is not sympy.nan:
            known[I] = at
        coefficient = coefficient.xreplace(known)
        if not symbols:
            return float(coefficient)
        import torch

        # Roots of numbers become numbers, since torch takes those of tensors only.
        coefficient = sympy.N(coefficient, 17)
        return sympy.lambdify(symbols, coefficient, modules=[torch, "math"])(*values)


def function(name: str) -> Callable[[Any], Any]:
    """An elementwise function on tensors, from what its operator says that it computes.

    Raises:
        Untold: if that is nothing.
    """
    known = told(name)
    if known is None:
        raise Untold(name)
    words = _words()
    return lambda x: known.fold(x, float, lambda word, parts: words[word](*parts))


@cache
def _words() -> Mapping[str, Callable[..., Any]]:
    """What a function's value may be made of, on tensors."""
    import torch

    def tensor(value: Any) -> Any:
        return torch.as_tensor(value, dtype=torch.float64)

    def of(found: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: found(tensor(x))

    def larger(x: Any, y: Any) -> Any:
        x, y = tensor(x), tensor(y)
        return torch.where(x > y, x, y)

    def smaller(x: Any, y: Any) -> Any:
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


def _axis(value: Any) -> int:
    """The axis of the features: the last one of tokens, else the one after examples."""
    return -1 if value.dim() == 3 else 1
