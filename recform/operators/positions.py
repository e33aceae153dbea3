"""What is done along the positions of tokens, and the matrices that recur there."""

from __future__ import annotations

from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import code
from recform.blocks.operator import (
    FUNCTION_INPUT,
    SHIFTED,
    Emitted,
    Memory,
    Misfit,
    Operator,
    Several,
    require_layout,
)
from recform.blocks.shape import Layout, Shape, known
from recform.operators.linear import side_by_side


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
        return Cost(cheap=True)

    def memory(self, x: Shape, a: Arguments) -> tuple[Memory, ...]:
        return (Memory("the token before", int(x.features), 1),)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted(SHIFTED)


class Repeat(Operator):
    """Each feature several times, one beside the other."""

    name = "repeat"
    about = "each feature so many times in a row: rows of a matrix, all of one number"
    positionwise = True
    arguments = (Argument("times", Kind.SIZE, about="how often each feature comes"),)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        return x.with_features(x.features * a.times)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(cheap=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        axis = x.feature_axis
        return Emitted(f"{{x}}.repeat_interleave({code(a.times)}, dim={axis})")


class Outer(Several):
    """The products of all features of two tensors, a matrix a position."""

    name = "outer"
    positionwise = True
    about = "the matrix x y^T at each position, its rows one after the other"
    inputs = ("x", "y")

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        x, y = side_by_side(inputs)
        return x.with_features(x.features * y.features)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        # Products element by element are not counted.
        made = self.shape_of(inputs, a).elements
        return Cost(saves_input=True, workspace_back=2 * made, cheap=True)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        made = 'torch.einsum("...i,...j->...ij", {x}, {y})'
        return Emitted(f"torch.flatten({made}, -2)")


class MatVec(Several):
    """A matrix times a vector, at each position."""

    name = "matvec"
    positionwise = True
    about = "the matrix x, its rows one after the other, times the vector y"
    inputs = ("x", "y")

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        x, y = side_by_side(inputs)
        if known(x.features, y.features):
            if x.features % y.features:
                raise Misfit(
                    "RF402",
                    f"takes a matrix with rows of {y.features}, which do not divide "
                    f"{x.features} features",
                    hint="outer(v, k) is a matrix with rows as wide as k",
                )
            return x.with_features(x.features // y.features)
        return x.with_features(x.features / y.features)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        return Cost(multiply_adds=inputs[0].elements, saves_input=True)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        rows = "{x}.unflatten(-1, (-1, {y}.shape[-1]))"
        return Emitted(f'torch.einsum("...ij,...j->...i", {rows}, {{y}})')
