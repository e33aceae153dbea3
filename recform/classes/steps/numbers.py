"""Numbers of a block that depend on its place: attributes, after the file's constants."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import sympy

from recform.algebra.expr import I, L
from recform.algebra.placed import function, placed
from recform.algebra.written.constants import (
    Named,
    candidates,
    in_names,
    is_of_block,
)
from recform.blocks.symbolic import Symbolic
from recform.classes.steps.owned import Owned, at_block, reads_index
from recform.plan.columns import Column
from recform.plan.definitions import Attribute, Role
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.recurrence.model import Recurrence, Step
from recform.writers.formula.coefficients import coefficient_text, in_parts
from recform.writers.names import aged

#: What a number is called that has no name in the file.
_NAMELESS = "scale"
#: How near a number that is made of others is to what it is; the proof asks for less.
_NEAR = 1e-9


class Numbers:
    """The numbers of a step's blocks.

    Args:
        recurrence: the whole.
        step: of it.
        own: what its blocks own.
        attributes: the scope of their attributes; each number gets a name there.
    """

    def __init__(
        self, recurrence: Recurrence, step: Step, own: Owned, attributes: Namespace
    ) -> None:
        self._names = candidates(recurrence.formula.constants, recurrence.order)
        self._own, self._scope = own, attributes
        self._made: dict[Symbolic, Attribute] = {}
        #: Coefficients of ``i`` and ``L``, with the attributes for their parts.
        self.said: dict[Symbolic, Symbolic] = {}
        for tensor in step.coefficients:
            value = at_block(tensor.coefficient, tensor, step)
            if is_of_block(value) and value not in self.said:
                self.said[value] = in_parts(value, self._part)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """What the constructor works out once."""
        return tuple(self._made.values())

    def _part(self, value: Symbolic) -> Symbolic:
        """A number without learned scalars, said by attributes."""
        named = in_names(value, self._names)
        own = [name for name in self._names if named.has(name.symbol)]
        if is_of_block(named) or not self._is_exact(value, named, own):
            return self._attribute(value, _NAMELESS)
        return named.xreplace(
            {
                name.symbol: self._attribute(
                    name.value, name.constant.name + aged(name.behind)
                )
                for name in own
            }
        )

    def _attribute(self, value: Symbolic, wanted: str) -> Symbolic:
        if value not in self._made:
            name = self._scope.new(wanted)
            self._made[value] = Attribute(name, self._code(value), Role.NUMBER)
        return sympy.Symbol(f"self.{self._made[value].name}")

    def _code(self, value: Symbolic) -> Code:
        """What a constructor works out of the number of the block."""
        text: Callable[[Column], str] = self._own.columns.text
        names: dict[Symbolic, str] = {L: text(self._own.depth())}
        if reads_index(value):
            names[I] = text(self._own.index())
        for item in placed(value):
            symbol = sympy.Symbol(f"_{len(names)}")
            names[symbol] = text(self._own.placed(item))
            value = value.xreplace({item: symbol})
        return Code(coefficient_text(value, names, torch=False))

    def _is_exact(self, value: Symbolic, named: Symbolic, own: list[Named]) -> bool:
        """Whether floats keep a number that is made of constants, in all blocks."""
        wanted, parts = function(value), [function(name.value) for name in own]
        made = sympy.lambdify([name.symbol for name in own], named, modules="math")
        for block, length in self._blocks():
            try:
                got = made(*(part(block, length) for part in parts))
                if not math.isclose(got, wanted(block, length), rel_tol=_NEAR):
                    return False
            except (ArithmeticError, ValueError):
                return False
        return True

    def _blocks(self) -> Iterator[tuple[int, int]]:
        """The number of each block that takes the step, and how many there are."""
        for segment, length in zip(self._own.segments, self._own.depths(), strict=True):
            for block in range(segment.first, segment.first + segment.count):
                yield block, length
