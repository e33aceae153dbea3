"""``concat``: tensors side by side, and numbers among them.

A number is one more feature, which holds it everywhere. That is the operator `append` on
what stands before it, one of its own for each place: so nothing behind the reading knows
of numbers beside tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

from recform.algebra.expr import Apply, Concat, I, K, Learned, Tensor
from recform.algebra.operators import Scalar
from recform.algebra.pipeline import Pipeline
from recform.algebra.placed import placed
from recform.blocks.symbolic import Symbolic
from recform.operators.padding import Append
from recform.reading.appended import Appended
from recform.reading.base import Base, Value
from recform.reading.members import reads_block, reads_member
from recform.syntax import nodes as n


class SideBySide(Base):
    """Reads the arguments of ``concat``."""

    def _side_by_side(self, values: Sequence[tuple[Value, n.Expr]]) -> Tensor:
        """Tensors side by side; a number stands beside all tensors before it."""
        leading: list[tuple[Scalar, n.Expr]] = []
        parts: list[Tensor] = []
        for value, argument in values:
            if isinstance(value, Tensor):
                parts.append(value)
            elif isinstance(value, Scalar) and parts:
                parts = [self._beside(value, argument, _joined(parts))]
            elif isinstance(value, Scalar):
                leading.append((value, argument))
            else:
                self.report.fail(
                    "RF206",
                    f"concat takes tensors, and {argument.span.text} is an operator",
                    argument.span,
                )
        if not parts:
            self.report.fail(
                "RF206",
                "concat takes tensors, and here are numbers alone",
                values[0][1].span.to(values[-1][1].span),
                hint="a number is one more feature of a tensor: concat(X_<i-1>, i/L)",
            )
        made = _joined(parts)
        for value, argument in reversed(leading):
            made = self._beside(value, argument, made, front=True)
        return made

    def _beside(
        self, number: Scalar, argument: n.Expr, tensor: Tensor, *, front: bool = False
    ) -> Tensor:
        """A tensor with a number as one more feature."""
        value = number.value
        if value.has(Learned):
            self.report.fail(
                "RF206",
                f"concat takes tensors and fixed numbers, and {argument.span.text} is "
                "learned",
                argument.span,
                hint="what is made of the features has a learned number by its bias",
            )
        if value.has(K) or reads_member(tensor):
            # Block 0 has members, and no operators.
            self.report.fail(
                "RF314",
                "in a sum over earlier blocks no number stands beside a member",
                argument.span,
                hint="give it to an unknown of the block first: Z_i = concat(X_i, i/L)",
            )
        self._of_own_block(value, argument)
        # It is of the block that reads it; where there is none, as in the output, of none.
        owned = value.has(I) or reads_block(tensor)
        index = I if owned else sympy.nan
        item = Appended(value, front, tensor, owned, argument.span)
        name = self.beside.get(item)
        if name is None:
            name = self._free_name()
            self.beside[item] = name
            self.used[name] = argument.span
        return Apply(name, index, tensor)

    def _of_own_block(self, value: Symbolic, argument: n.Expr) -> None:
        """Reports numbers of stages and blocks that are of another block.

        An operator, which is what a number beside a tensor is, has those of its own.
        """
        for item in placed(value):
            if item.index != I:
                self.report.fail(
                    "RF218",
                    f"{argument.span.text} is made of {item.row.name} of block "
                    f"{item.index}, and beside a tensor stand numbers of the block itself",
                    argument.span,
                    hint="say it in the equation for X_i, by a number of that block: "
                    "const p = (0, 1, 2) per block",
                )

    def appended(self, places: Mapping[str, Symbolic]) -> dict[str, Pipeline]:
        """The operators of the numbers that were read, by their names.

        Args:
            places: what stands for the numbers of stages and blocks in arguments.
        """
        return {
            name: item.pipeline(name, self.names.library, places)
            for item, name in self.beside.items()
        }

    def _free_name(self) -> str:
        """``append``, ``append2``, ...: a name that nothing in the file has."""
        taken = {*self.names.all(), *self.beside.values()}
        name, number = Append.name, 2
        while name in taken:
            name, number = f"{Append.name}{number}", number + 1
        return name


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else Concat(*parts)
