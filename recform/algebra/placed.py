"""What blocks have by their place: constants per stage or block, and the count ``j``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Self

import sympy
from sympy.core.symbol import Str

from recform.algebra.expr import (
    Argument,
    Filled,
    I,
    Scaled,
    Tensor,
    _symbolic,
    subtensors,
)
from recform.blocks.symbolic import Symbolic

#: The name of the number of a block within its stage.
COUNT = "j"


@dataclass(frozen=True)
class Row:
    """A number for each block.

    Blocks that the network does not have, as a deeper twin of it has, go on as those of
    the last piece do.

    Attributes:
        name: as in the file.
        argument: what the constructors of generated classes call it.
        firsts: the first block of each piece, beginning with block 1.
        values: the number of that block.
        growth: by how much the number grows from block to block of a piece.
    """

    name: str
    argument: str
    firsts: tuple[int, ...]
    values: tuple[Symbolic, ...]
    growth: int = 0

    @staticmethod
    def count(stages: Sequence[int]) -> Row:
        """The number of a block within its stage, counted from 1.

        Args:
            stages: how many blocks they have.
        """
        firsts = starts(stages)
        return Row(COUNT, COUNT, firsts, (sympy.S.One,) * len(firsts), 1)

    def at(self, block: int) -> Symbolic:
        """The number of a block."""
        piece = max(bisect_right(self.firsts, block) - 1, 0)
        return self.values[piece] + self.growth * (block - self.firsts[piece])

    @cached_property
    def numbers(self) -> str:
        """What tells rows apart, beside their names."""
        return f"{self.firsts} {self.values} {self.growth}"


def starts(stages: Sequence[int]) -> tuple[int, ...]:
    """The first block of each stage of so many blocks."""
    return tuple(accumulate(stages[:-1], initial=1))


class _Held(Str):
    """The name of a row, with the row: two may have one name."""

    __slots__ = ("row",)
    row: Row

    def __new__(cls, row: Row) -> Self:
        made: Self = super().__new__(cls, row.name)
        made.row = row
        return made

    def __getnewargs__(self) -> tuple[Row]:
        return (self.row,)

    def _hashable_content(self) -> tuple[object, ...]:
        # SymPy asks which is the greater one, of equal ones too.
        return (self.name, self.row.argument, self.row.numbers)


class Placed(sympy.Expr):
    """The number that a row has for the block of an index; a number once that is one.

    Args: the row, the index (an expression in ``i``).
    """

    is_commutative = True
    is_real = True
    index = Argument(1, _symbolic)

    def __new__(cls, row: Row | _Held, index: Symbolic = I) -> Symbolic:
        held = row if isinstance(row, _Held) else _Held(row)
        index = sympy.sympify(index)
        if index.is_Integer:
            return held.row.at(int(index))
        return super().__new__(cls, held, index)

    def _eval_is_positive(self) -> bool | None:
        if self.row.growth and not self.index.is_positive:
            return None  # blocks are counted down to 0, and below
        return True if all(value > 0 for value in self.row.values) else None

    @property
    def row(self) -> Row:
        return self.args[0].row  # type: ignore[no-any-return]

    @property
    def behind(self) -> int:
        """How many blocks the index lies behind ``i``."""
        return int(I - self.index)

    def _sympystr(self, printer: object) -> str:
        return self.row.name if self.index == I else f"{self.row.name}_<{self.index}>"

    def _latex(self, printer: object) -> str:
        return self.row.name if self.index == I else f"{self.row.name}_{{{self.index}}}"


def placed(value: Symbolic) -> list[Placed]:
    """The numbers of blocks in a coefficient, in a stable order."""
    return sorted(value.atoms(Placed), key=_order)


def _order(item: Placed) -> tuple[str, str, str]:
    return item.row.name, item.row.numbers, str(item.index)


def names_in(tensors: Iterable[Tensor]) -> set[str]:
    """The names of the rows that coefficients of tensors read."""
    found = {part for tensor in tensors for part in subtensors(tensor)}
    return {
        item.row.name
        for part in found
        if isinstance(part, Scaled | Filled)
        for item in placed(part.coefficient)
    }
