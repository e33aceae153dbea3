"""Which block an index means."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from recform.algebra.expr import I, L
from recform.blocks.symbolic import Symbolic

#: What an index counts from: this block, the last block, the start; or no index at all.
BLOCK, LAST, START, SHARED = "i", "L", "0", ""
#: An index that counts back from the last block: ``L - i + number``.
BACK = "L-i"


@dataclass(frozen=True)
class At:
    """An index: ``i + number``, ``L + number``, a number, or none (shared by all blocks).

    The base may also be ``L-k``, with a variable of a sum or a product.
    """

    base: str
    number: int = 0

    def plus(self, number: int) -> At:
        """The block that many blocks later."""
        return At(self.base, self.number + number)

    def shifted(self, by: int) -> At:
        """The index with ``i + by`` for ``i``."""
        return self.moved(BLOCK, by)

    def moved(self, base: str, origin: int = 0) -> At:
        """The index with ``base + origin`` for ``i``."""
        return At(base, self.number + origin) if self.base == BLOCK else self

    def expression(self) -> Symbolic:
        """As a SymPy expression; NaN where there is no index."""
        if self.base == SHARED:
            return sympy.nan
        symbol = {BLOCK: I, LAST: L, START: sympy.S.Zero, BACK: L - I}[self.base]
        return symbol + self.number

    def text(self) -> str:
        """As it is printed, without spaces; nothing where there is no index."""
        if self.base == START:
            return str(self.number)
        return self.base + (f"{self.number:+d}" if self.number else "")

    @classmethod
    def of(cls, index: Symbolic) -> At:
        """From an index of the algebra: ``i - 1``, ``L``, ``3`` or NaN."""
        if index is sympy.nan:
            return cls(SHARED)
        if index.is_Integer:
            return cls(START, int(index))
        base, symbol = (BLOCK, I) if index.has(I) else (LAST, L)
        return cls(base, int(index - symbol))
