"""Numbers of a block that depend on its place: attributes, after the file's constants."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import sympy

from recform.algebra.expr import I, L
from recform.algebra.placed import function, placed
from recform.algebra.written.constants import (
    Named,
    candidates,
    in_names,
    is_of_block,
)
from recform.blocks.code import TOO_LARGE
from recform.blocks.symbolic import Symbolic
from recform.classes.steps.owned import Owned, at_block, reads_index
from recform.plan.columns import Column
from recform.plan.definitions import Attribute, Role
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.recurrence.model import Recurrence, Step
from recform.writers.formula.coefficients import coefficient_text, in_parts
from recform.writers.initialise import is_float
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
        self._constants = recurrence.formula.constants
        self._own, self._scope = own, attributes
        self._made: dict[Symbolic, Attribute] = {}
        #: Coefficients of ``i`` and ``L``, with the attributes for their parts.
        self.said: dict[Symbolic, Symbolic] = {}
        for tensor in step.coefficients:
            value = at_block(tensor.coefficient, tensor, step)
            if is_of_block(value) and value not in self.said:
                lag = 0 if tensor.at is sympy.nan else step.at - int(tensor.at)
                names = candidates(self._constants, lag)
                self.said[value] = in_parts(value, partial(self._part, names))

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """What the constructor works out once."""
        return tuple(self._made.values())

    def start(self, value: Symbolic) -> str:
        """What a learned scalar starts at, said by attributes; empty if it is not so."""
        names = [n for n in candidates(self._constants) if n.value in self._made]
        named = in_names(value, names) if names and is_of_block(value) else value
        own = [name for name in names if named.has(name.symbol)]
        if not own or not _is_said(named) or not self._is_exact(value, named, own):
            return ""
        made = {name.symbol: self._attribute(name.value, "") for name in own}
        text = coefficient_text(named.xreplace(made), {}, torch=False)
        codes = (self._made[name.value].value for name in own)
        floats = any(isinstance(c, Code) and is_float(c.text) for c in codes)
        return text if floats or is_float(text) else f"float({text})"

    def _part(self, names: Sequence[Named], value: Symbolic) -> Symbolic:
        """A number without learned scalars, said by attributes."""
        if value.as_coeff_Mul()[0] < 0:
            return -self._part(names, -value)
        named = in_names(value, names)
        own = [name for name in names if named.has(name.symbol)]
        if not own or not self._is_exact(value, named, own):
            return self._attribute(value, _NAMELESS)
        made = named.xreplace(
            {
                name.symbol: self._attribute(
                    name.value, name.constant.name + aged(name.behind)
                )
                for name in own
            }
        )
        if _is_said(made) and not self._is_too_large(value):
            return made
        return self._attribute(value, _NAMELESS, made)

    def _attribute(
        self, value: Symbolic, wanted: str, said: Symbolic | None = None
    ) -> Symbolic:
        """The attribute of a number, and how that is said, if not by itself."""
        if value not in self._made:
            name = self._scope.new(wanted)
            code = self._code(value if said is None else said)
            if self._is_too_large(value) and not is_float(code.text):
                code = Code(f"float({code.text})")
            self._made[value] = Attribute(name, code, Role.NUMBER)
        return sympy.Symbol(f"self.{self._made[value].name}", real=True)

    def _code(self, value: Symbolic) -> Code:
        """What a constructor works out of the number of the block."""
        text: Callable[[Column], str] = self._own.columns.text
        names: dict[Symbolic, str] = {L: text(self._own.depth())}
        if reads_index(value):
            names[I] = text(self._own.index())
        for item in placed(value):
            symbol = sympy.Symbol(f"_{len(names)}", real=True)
            names[symbol] = text(self._own.placed(item))
            value = value.xreplace({item: symbol})
        return Code(coefficient_text(value, names, torch=False))

    def _is_too_large(self, value: Symbolic) -> bool:
        """Whether torch does not take it in some block, if it is a whole number."""
        number = function(value)
        try:
            return any(abs(number(*place)) >= TOO_LARGE for place in self._blocks())
        except (ArithmeticError, ValueError, TypeError):
            return False

    def _is_exact(self, value: Symbolic, named: Symbolic, own: list[Named]) -> bool:
        """Whether floats keep a number that is made of constants, in all blocks."""
        wanted, parts = function(value), [function(name.value) for name in own]
        made = function(named, [name.symbol for name in own])
        for block, length in self._blocks():
            try:
                got = made(block, length, *(part(block, length) for part in parts))
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


def _is_said(value: Symbolic) -> bool:
    """Whether a number can stand where it is used: names, and few rules between them."""
    return all(map(_is_reckoned, sympy.preorder_traversal(value)))


def _is_reckoned(part: Symbolic) -> bool:
    """Whether it is an attribute, a number, a step of the four rules or a whole power."""
    if part.is_Pow:
        return bool(part.exp.is_Integer)
    return bool(part.is_Add or part.is_Mul or (part.is_Atom and not is_of_block(part)))
