"""Operators that act in training alone."""

from __future__ import annotations

from dataclasses import replace

from recform.blocks.amount import Amount, Cost
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import code
from recform.blocks.operator import Emitted, Operator
from recform.blocks.shape import Shape
from recform.blocks.support import template


class Dropout(Operator):
    """Dropout of single numbers."""

    name = "dropout"
    absent = True
    positionwise = True
    about = "in training, sets numbers to zero with this probability"
    source = "Srivastava et al. (2014)"
    attribute = "dropout"
    arguments = (Argument("rate", Kind.RATE, 0.5, "the probability"),)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        # At these rates torch keeps no mask: all comes through, or nothing.
        if a.rate == 0:
            return Cost(passes=True)
        # Of a CPU a mask is made of numbers, of a GPU of bytes.
        mask = x.elements if a.rate < 1 else 0
        stays = Amount(bytes=mask)
        gpu = Cost(saves_bytes=mask, cheap=True, stays=stays, aided=True)
        return replace(gpu, saves_more=mask, saves_bytes=0, gpu=gpu)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{m}({x})", f"nn.Dropout({code(a.rate)})")


class DropPath(Operator):
    """Stochastic depth: drops what a block adds, for whole examples."""

    name = "droppath"
    absent = True
    positionwise = True
    about = "stochastic depth: in training, drops whole examples with this probability"
    source = "Huang et al. (2016)"
    attribute = "drop_path"
    support = (template("drop_path"),)
    arguments = (
        Argument("rate", Kind.RATE, about="the probability; may depend on i and L"),
    )

    def cost(self, x: Shape, a: Arguments) -> Cost:
        if a.rate == 0:
            return Cost(passes=True)
        return Cost(saves_more=1, cheap=True, stays=Amount(1), aided=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{m}({x})", f"DropPath({code(a.rate)})")
