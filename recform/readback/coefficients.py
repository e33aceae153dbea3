"""Coefficients of the formula as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import sympy

from recform.algebra.expr import Filled, I, Learned, Scaled, Tensor
from recform.blocks.exact import as_float, precise
from recform.blocks.symbolic import Symbolic
from recform.execution.draws import NoNumber
from recform.execution.forms import Term
from recform.execution.said import Said
from recform.source import Span

#: What symbols stand for.
Numbers = Mapping[Symbolic, Any]
#: A coefficient, and the number of the block in which it is worked out.
Key: TypeAlias = tuple[Symbolic, Symbolic]


class Coefficients:
    """Coefficients as numbers.

    Args:
        said: is told if the number of a block is read.
        numbers: what symbols are.
        scalar: the number of a learned scalar.
        place: where the file has a coefficient.
        index: the symbol of the block's number, and how much it is more than a tensor says.

    Attributes:
        known: those that were asked for.
        drawn: the numbers of learned scalars that are in them.
        closed: whether nobody asks for others.
    """

    def __init__(
        self,
        said: Said,
        numbers: Numbers,
        scalar: Callable[[Learned], float],
        place: Callable[[Tensor], Span | None],
        index: tuple[Symbolic, int] | None = None,
    ) -> None:
        self._numbers, self._said = numbers, said
        self._scalar, self._place, self._index = scalar, place, index
        self.known: dict[Key, Term] = {}
        self.drawn: dict[Learned, float] = {}
        self.closed = False

    def of(self, tensor: Scaled | Filled) -> Term:
        """The number in front of a tensor.

        Raises:
            NoNumber: if it is none where its learned scalars are drawn.
        """
        key = (tensor.coefficient, tensor.at)
        if key not in self.known:
            if self.closed:
                raise NoNumber
            self._said.is_numbered |= tensor.coefficient.has(I)
            try:
                self.known[key] = self.number(key)
            except (OverflowError, TypeError) as none:
                raise NoNumber(self._place(tensor)) from none
        return self.known[key]

    def number(self, key: Key) -> float:
        """A coefficient as a number.

        Raises:
            OverflowError, TypeError: if it is none.
        """
        coefficient, at = key
        values: dict[Symbolic, Any] = {}
        for item in coefficient.atoms(Learned):
            self.drawn[item] = self._scalar(item)
            values[item] = precise(self.drawn[item])
        values |= self._numbers
        if self._index is not None and at is not sympy.nan:
            symbol, more = self._index
            values[symbol] = at + more
        return as_float(coefficient, values)
