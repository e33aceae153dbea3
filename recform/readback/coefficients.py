"""Coefficients of the formula as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy

from recform.algebra.expr import Filled, I, Learned, Scaled, Tensor
from recform.blocks.exact import as_float, precise
from recform.blocks.symbolic import Symbolic
from recform.execution.draws import NoNumber
from recform.execution.file import Said
from recform.source import Span

#: What symbols stand for.
Numbers = Mapping[Symbolic, Any]


class Coefficients:
    """Coefficients as numbers.

    Args:
        said: is told if the number of a block is read.
        numbers: what symbols are.
        scalar: the number of a learned scalar.
        place: where the file has a coefficient.
        index: the symbol of the block's number, and how much it is more than a tensor says.
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
        self._known: dict[tuple[Symbolic, Symbolic], float] = {}

    def of(self, tensor: Scaled | Filled) -> float:
        """The number in front of a tensor.

        Raises:
            NoNumber: if it is none where its learned scalars are drawn.
        """
        key = (tensor.coefficient, tensor.at)
        if key not in self._known:
            self._said.is_numbered |= tensor.coefficient.has(I)
            values: dict[Symbolic, Any] = {
                item: precise(self._scalar(item))
                for item in tensor.coefficient.atoms(Learned)
            }
            values |= self._numbers
            if self._index is not None and tensor.at is not sympy.nan:
                symbol, more = self._index
                values[symbol] = tensor.at + more
            try:
                self._known[key] = as_float(tensor.coefficient, values)
            except (OverflowError, TypeError) as none:
                raise NoNumber(self._place(tensor)) from none
        return self._known[key]
