"""What is done along the positions of tokens."""

from __future__ import annotations

from recform.blocks.operator import (
    FUNCTION_INPUT,
    Arguments,
    Cost,
    Emitted,
    Operator,
    require_layout,
)
from recform.blocks.shape import Layout, Shape


class Shift(Operator):
    """The token of the position before, in the place of each."""

    name = "shift"
    about = "each position gets the token of the one before; the first gets zeros"
    elementwise = True
    moves = 1

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if x != FUNCTION_INPUT:
            require_layout(x, Layout.TOKENS)
        return x

    def cost(self, x: Shape, a: Arguments) -> Cost:
        self.shape(x, a)
        return Cost()

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("F.pad({x}, (0, 0, 1, -1))")


#: What a formula with positions says by ``X_<i-1,t-1>``.
SHIFT = Shift()
