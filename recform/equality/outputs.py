"""The outputs of two networks with few blocks, as formulas of the same operators."""

from __future__ import annotations

import sympy

from recform.algebra.expr import History, L, Tensor, Weighted, subtensors
from recform.algebra.formula import Formula
from recform.equality.around.widths import vectors_of, widths_of
from recform.equality.terms import Atoms, Value
from recform.equality.values import written_out
from recform.recurrence.unroll import Unroller


class Outputs:
    """Two networks, written out once for all depths.

    Args:
        formulas: of the networks.
        depth: the largest depth.
        linear: whether operators are linear.
    """

    def __init__(
        self, formulas: tuple[Formula, Formula], depth: int, *, linear: bool
    ) -> None:
        self._linear = linear
        self._atoms = Atoms(widths_of(formulas), vectors_of(formulas))
        self._sides = [
            (formula, Unroller(formula, depth), dict[Tensor, Value]())
            for formula in formulas
        ]

    def same(self, length: int) -> bool:
        """Whether the outputs at a depth are the same formulas.

        Raises:
            TooLarge: if they have too many terms.
        """
        values: list[Value] = []
        for formula, unroller, memo in self._sides:
            output = unroller.output(formula.output, length)
            value = written_out(
                self._atoms,
                unroller.definitions,
                linear=self._linear,
                length=sympy.Integer(length),
                memo={} if _tells_depth(formula) else memo,
            )
            values.append({} if output is None else value(output))
        return values[0] == values[1]


def _tells_depth(formula: Formula) -> bool:
    """Whether a block computes something else if the network has another depth."""
    return any(
        isinstance(part, Weighted) and part.coefficient.has(L)
        for tensor in (*formula.rights, *formula.output.atoms(History))
        for part in subtensors(tensor)
    )
