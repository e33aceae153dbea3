"""Operators that act in training alone."""

from __future__ import annotations

from recform.blocks.library import register
from recform.blocks.operator import (
    Argument,
    Arguments,
    Cost,
    Emitted,
    Kind,
    Operator,
    code,
)
from recform.blocks.shape import Shape


@register
class Dropout(Operator):
    """Dropout of single numbers."""

    name = "dropout"
    about = "in training, sets numbers to zero with this probability"
    source = "Srivastava et al. (2014)"
    attribute = "dropout"
    arguments = (Argument("rate", Kind.RATE, 0.5),)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(saves_more=x.elements)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{m}({x})", f"nn.Dropout({code(a.rate)})")
