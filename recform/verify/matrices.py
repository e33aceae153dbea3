"""Words as matrices: the letters get the numbers of a module at one input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy

from recform.algebra.expr import Elementwise, History, I, K, L, Learned, Tensor
from recform.algebra.totals import totals
from recform.blocks import Operator
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.linear.propagate import owner
from recform.linear.words import Letter, Polynomial
from recform.series.places import START
from recform.verify.evaluate import Computed, Evaluator, Missing, function

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Stack:
    """A derivative: a matrix, or parts of a concatenation that lie on one another.

    Attributes:
        matrix: the whole; None where it is in parts.
        parts: by their place, each a stack; a place that is not there is zero.
        sizes: the numbers of rows of all places.
    """

    matrix: torch.Tensor | None
    parts: tuple[tuple[int, Stack], ...] = ()
    sizes: tuple[int, ...] = ()

    def __add__(self, other: Stack) -> Stack:
        if self.matrix is not None or other.matrix is not None:
            return Stack(self.whole() + other.whole())
        merged = totals([*self.parts, *other.parts])
        return Stack(None, tuple(sorted(merged.items(), key=_place)), self.sizes)

    def scaled(self, factor: Computed) -> Stack:
        """Every entry times a number."""
        if self.matrix is not None:
            return Stack(factor * self.matrix)
        parts = tuple((n, part.scaled(factor)) for n, part in self.parts)
        return Stack(None, parts, self.sizes)

    def whole(self) -> torch.Tensor:
        """The matrix of all parts."""
        import torch

        if self.matrix is not None:
            return self.matrix
        there = {place: part.whole() for place, part in self.parts}
        some = next(iter(there.values()))
        return torch.cat(
            [
                there.get(place, some.new_zeros(size, some.shape[1]))
                for place, size in enumerate(self.sizes)
            ]
        )


def _place(item: tuple[int, Stack]) -> int:
    return item[0]


class Matrices:
    """Weights of a walk whose values are derivatives by the input."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._known: dict[tuple[Letter, int | None], torch.Tensor] = {}
        self._numbers: dict[tuple[Symbolic, int], Computed] = {}

    def one(self, features: int) -> Stack:
        """The derivative of the input by itself."""
        import torch

        return Stack(torch.eye(features, dtype=torch.float64))

    def whole(self, found: Stack | None, like: torch.Tensor) -> torch.Tensor:
        """The result as a matrix; zeros where nothing arrives."""
        return like * 0 if found is None else found.whole()

    def weigh(self, polynomial: Polynomial, block: int) -> _Weight:
        """The weight of a polynomial in a block."""
        return _Weight(self, polynomial, block)

    def times(self, letter: Letter, value: Stack, block: int) -> Stack:
        """A letter times a derivative; zero where nothing that is read needs it."""
        try:
            return self._times(letter, value, block)
        except Missing:
            whole = value.whole()
            width = self._evaluator.formula.stages[0].width
            rows = width if letter.kind == "operator" else whole.shape[0]
            return Stack(whole.new_zeros(rows, whole.shape[1]))

    def _times(self, letter: Letter, value: Stack, block: int) -> Stack:
        at = owner(letter, block, self._evaluator.length)
        if letter.kind == "embed":
            place = letter.part[0] if letter.part else int(letter.name[1:]) - 1
            return Stack(None, ((place, value),), self._sizes(letter, at))
        if letter.kind == "project":
            assert letter.part is not None
            which, count = letter.part
            return Stack(value.whole().chunk(count)[which])
        if letter.kind == "shift":
            raise Missing(letter.name)  # The matrices are those of vectors.
        if (letter, at) not in self._known:
            self._known[letter, at] = self._factor(letter, at)
        factor = self._known[letter, at]
        if letter.kind == "operator":
            return Stack(factor @ value.whole())
        return Stack(factor * value.whole())

    def _factor(self, letter: Letter, at: int | None) -> torch.Tensor:
        """The matrix of an operator; the diagonal of all others, as a column."""
        import torch

        evaluator = self._evaluator
        if letter.kind == "operator":
            module = evaluator.parts.operator(letter.name, at)
            weights = [p for p in module.parameters() if p.dim() == 2]
            return weights[letter.part[0] if letter.part else 0].detach()

        def value(tensor: Tensor) -> torch.Tensor:
            return torch.as_tensor(
                evaluator.value(tensor), dtype=torch.float64
            ).detach()

        assert letter.tensor is not None
        if letter.kind == "gain":
            coefficient = letter.tensor.args[0]
            if letter.at.base != START and at is not None:
                coefficient = filled(coefficient, {I: sympy.Integer(at)})
            number = evaluator.number(coefficient, sympy.nan if at is None else at)
            # Where it vanishes, nothing learned is left of it.
            factor = torch.as_tensor(number, dtype=torch.float64)
            return factor.detach().reshape(-1, 1)
        tensor = self._settled(letter.tensor, letter, at)
        if isinstance(tensor, Elementwise) and letter.kind == "activation":
            return _slope(tensor.function, value(tensor.argument)).reshape(-1, 1)
        return value(tensor).reshape(-1, 1)

    def number(self, coefficient: Symbolic, block: int) -> Computed:
        """A coefficient in a block; zero if it has a scalar that the network lacks."""
        if (coefficient, block) not in self._numbers:
            at = {I: sympy.Integer(block), L: sympy.Integer(self._evaluator.length)}
            try:
                number = self._evaluator.number(_indexed(filled(coefficient, at), at))
            except Missing:
                number = 0.0
            self._numbers[coefficient, block] = number
        return self._numbers[coefficient, block]

    def _settled(self, tensor: Tensor, letter: Letter, at: int | None) -> Tensor:
        """A tensor of a letter, written out for the letter's block."""
        evaluator = self._evaluator
        if letter.at.base != START:
            block = evaluator.length if at is None else at
            tensor = evaluator.unroller.replaced(tensor, block, last=True)
        inner = evaluator.unroller.settle(tensor)
        assert inner is not None
        return inner

    def _sizes(self, letter: Letter, at: int | None) -> tuple[int, ...]:
        """The numbers of features of the parts of a concatenation."""
        whole = letter.tensor
        assert whole is not None
        parts = whole.children
        if isinstance(whole, History):
            # The history so far, and what this block adds to it.
            before = History(whole.kind, whole.body, whole.first, whole.last - 1)
            parts = (before, whole.body.xreplace({K: I}))
        return tuple(
            self._evaluator.value(self._settled(part, letter, at)).shape[1]
            for part in parts
        )


def _slope(operator: Operator, at: torch.Tensor) -> torch.Tensor:
    """The derivative of an elementwise function."""
    import torch

    leaf = at.clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(operator)(leaf).sum(), leaf)
    return slope


@dataclass(frozen=True)
class _Weight:
    matrices: Matrices
    polynomial: Polynomial
    block: int

    def __mul__(self, value: Stack) -> Stack:
        total: Stack | None = None
        for word, coefficient in self.polynomial.terms.items():
            term = value
            for letter in reversed(word):
                term = self.matrices.times(letter, term, self.block)
            term = term.scaled(self.matrices.number(coefficient, self.block))
            total = term if total is None else total + term
        assert total is not None
        return total


def _indexed(coefficient: Symbolic, at: Mapping[Symbolic, Symbolic]) -> Symbolic:
    """Learned scalars with numbers for their indices."""
    return coefficient.xreplace(
        {
            item: item.at(item.index.xreplace(at))
            for item in coefficient.atoms(Learned)
            if item.index is not sympy.nan
        }
    )
