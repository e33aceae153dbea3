"""Recurrences over positions: what the file says, held against the operators made of it.

Both are written out at the first positions of a block, with letters for all that they
read, earlier positions among them. If they agree there, with zeros before the first
position and letters behind it, they agree at all positions: induction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import sympy

from recform.algebra.definitions.body import given
from recform.algebra.definitions.cell import Cell, before, cell_of
from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    I,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import offset
from recform.algebra.totals import totals
from recform.algebra.typeset import indexed
from recform.blocks.symbolic import Symbolic
from recform.diagnostics.refuted import Refuted
from recform.operators.positions import Shift

#: A product of letters, and a number for each product.
Word: TypeAlias = tuple[str, ...]
Value: TypeAlias = dict[Word, Symbolic]

#: Products of more words than this are not multiplied out.
MAX_WORDS = 256


def check_positions(formula: Formula) -> None:
    """Holds the recurrences over positions of a network against its file.

    Raises:
        Refuted: if an operator computes something else.
    """
    for equation in formula.equations:
        if equation.unknown not in formula.said:
            continue
        call, which = _called(equation.right)
        cell = None if call is None else cell_of(formula, call.operator)
        if call is None or cell is None or cell.results[which] != equation.unknown:
            raise Refuted(
                f"{equation.unknown} recurs over positions, and no operator makes it"
            )
        _check(formula, cell, call)


def _check(formula: Formula, cell: Cell, call: Apply) -> None:
    said, file, made = formula.said, _Said(formula, cell), _Made(cell, call)
    for name in cell.unknowns:
        for position in range(1, max(cell.lags.values()) + 2):
            wanted = file.at(said[name], position)
            found = made.unknown(name, position)
            if wanted != found:
                raise Refuted(
                    f"at position {position} a block would make {name} = "
                    f"{_shown(found)}, and it is {_shown(wanted)}"
                )


def _called(right: Tensor) -> tuple[Apply | None, int]:
    """The operator that makes an unknown, and which of its results it is."""
    call, which = (right.tensor, right.which) if isinstance(right, Part) else (right, 0)
    return (call if isinstance(call, Apply) else None), which


class _Positions:
    """Tensors at a position, as sums of products of letters.

    Attributes:
        functions: the operators that have no module, and so no owner.
    """

    def __init__(self, cell: Cell) -> None:
        self.functions = {k for k, p in cell.operators.items() if p.is_function}

    def at(self, tensor: Tensor, position: int) -> Value:
        """A tensor at a position; before the first one are zeros."""
        if position < 1:
            return self.begun(tensor) if position == 0 else {}
        match tensor:
            case Filled():
                return _sum([{(): self.number(tensor.coefficient)}])
            case Scaled():
                number: Value = {(): self.number(tensor.coefficient)}
                return _product((number, self.at(tensor.tensor, position)))
            case TensorSum():
                return _sum(self.at(part, position) for part in tensor.children)
            case Pointwise():
                return _product(self.at(part, position) for part in tensor.children)
            case Elementwise() if isinstance(tensor.function, Shift):
                return self.at(tensor.argument, position - 1)
            case Elementwise():
                return self._letter(tensor.name, (tensor.argument,), position)
            case Concat():
                return self._letter("concat", tensor.children, position)
            case Combine():
                return self._letter(tensor.kind, tensor.children, position)
            case Part():
                name = f"part {tensor.which} of {tensor.parts} of"
                return self._letter(name, (tensor.tensor,), position)
            case Apply() if self.is_inside(tensor):
                name = tensor.operator
                if name not in self.functions:
                    name = self.operator(tensor)
                return self._letter(name, tensor.arguments, position)
        # What does not recur may look at all positions: a letter for the whole of it.
        return _letter(str(tensor), position)

    def begun(self, tensor: Tensor) -> Value:
        """What a tensor is before the first position."""
        return {}

    def _letter(self, name: str, parts: Iterable[Tensor], position: int) -> Value:
        inner = ", ".join(_shown(self.at(part, position)) for part in parts)
        return {(f"{name}({inner})",): sympy.S.One}

    def is_inside(self, tensor: Tensor) -> bool:
        """Whether a position computes this, rather than all of them together."""
        return False

    def operator(self, tensor: Apply) -> str:
        """An operator with its owner."""
        return indexed(tensor.operator, tensor.index)

    def number(self, coefficient: Symbolic) -> Symbolic:
        """A coefficient, whose learned scalars have their owners."""
        return coefficient


class _Said(_Positions):
    """The equations of the file.

    Args:
        formula: says what each unknown is that recurs.
        cell: what is made of some that recur together.
    """

    def __init__(self, formula: Formula, cell: Cell) -> None:
        super().__init__(cell)
        said, self._starts = formula.said, formula.starts
        self._ours = frozenset(cell.unknowns)
        #: Operators that stand on what recurs; what else they stand on is of a position.
        self._operators: set[str] = set()
        parts = [part for name in cell.unknowns for part in subtensors(said[name])]
        applied = [part for part in parts if isinstance(part, Apply)]
        while found := self._inside(applied) - self._operators:
            self._operators |= found

    def _inside(self, applied: Iterable[Apply]) -> set[str]:
        """The letters of those applications that a position makes."""
        found = {part.operator for part in applied if self.is_inside(part)}
        return found - self.functions

    def begun(self, tensor: Tensor) -> Value:
        start = None
        if isinstance(tensor, State) and self.is_inside(tensor):
            start = self._starts.get(tensor.name)
        return {} if start is None else _sum([{(): start}])

    def is_inside(self, tensor: Tensor) -> bool:
        if isinstance(tensor, State):
            return tensor.name in self._ours and offset(tensor.index) == 0
        if isinstance(tensor, Apply) and tensor.operator in self._operators:
            return True
        return any(map(self.is_inside, tensor.children))


class _Made(_Positions):
    """What an operator makes of what it gets."""

    def __init__(self, cell: Cell, call: Apply) -> None:
        super().__init__(cell)
        self._cell, self._owner = cell, call.index
        self._given = {
            given(name): argument
            for name, argument in zip(cell.incoming, call.arguments, strict=True)
        }

    def unknown(self, name: str, position: int) -> Value:
        """What it makes of an unknown at a position."""
        linear = self._cell.affine
        if linear is None or linear.rest is None:
            return self.at(self._cell.definitions[before(name, 0)], position)
        kept = self.at(before(name, 1), position)
        moved = _product((self.at(linear.factor, position), kept))
        return _sum((moved, self.at(linear.rest, position)))

    def at(self, tensor: Tensor, position: int) -> Value:
        if tensor in self._given:
            return _Positions(self._cell).at(self._given[tensor], position)
        if isinstance(tensor, State):
            there = position + int(tensor.index)
            now = str(State(tensor.name, I))
            begun = self._cell.starts.get(tensor.name) if there == 0 else None
            if begun is not None:
                return _sum([{(): self.number(begun.coefficient)}])
            return _letter(now, there) if there > 0 else {}
        return super().at(tensor, position)

    def is_inside(self, tensor: Tensor) -> bool:
        return True

    def operator(self, tensor: Apply) -> str:
        return indexed(tensor.operator, self._owner)

    def number(self, coefficient: Symbolic) -> Symbolic:
        owned = {
            item: Learned(item.name, self._owner) for item in coefficient.atoms(Learned)
        }
        return coefficient.xreplace(owned)


def _letter(name: str, position: int) -> Value:
    return {(f"{name}@{position}",): sympy.S.One}


def _sum(values: Iterable[Value]) -> Value:
    found = totals(item for value in values for item in value.items())
    total = {word: sympy.expand(number) for word, number in found.items()}
    return {word: number for word, number in total.items() if number != 0}


def _product(values: Iterable[Value]) -> Value:
    total: Value = {(): sympy.S.One}
    for value in values:
        total = _sum(
            {tuple(sorted((*left, *right))): one * other}
            for left, one in total.items()
            for right, other in value.items()
        )
        if len(total) > MAX_WORDS:
            return {(_shown(total),): sympy.S.One}
    return total


def _shown(value: Value) -> str:
    terms = [
        "*".join([*([f"({number})"] if number != 1 or not word else []), *word])
        for word, number in sorted(value.items())
    ]
    return " + ".join(terms) or "0"
