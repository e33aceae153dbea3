"""Products with a learned matrix, and the change of layout in front of them."""

from __future__ import annotations

from dataclasses import replace

from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind, given
from recform.blocks.code import made
from recform.blocks.operator import (
    CALL,
    Emitted,
    Misfit,
    Operator,
    Several,
    Weights,
    require_layout,
)
from recform.blocks.shape import Layout, Shape, known

#: Weights of nn.Linear.
LINEAR = Weights("linear", ("nn.Linear",))


def learned(weights: int, y: Shape, positions: int, a: Arguments) -> Cost:
    """What a learned map costs that makes ``y`` and uses its weights at each position."""
    return Cost(
        parameters=weights + (int(y.features) if a.bias else 0),
        multiply_adds=weights * positions,
        saves_input=True,
    )


def side_by_side(inputs: tuple[Shape, ...]) -> tuple[Shape, Shape]:
    """Two tensors with features at the same positions.

    Raises:
        Misfit: if they are none.
    """
    x, y = inputs
    for shape in inputs:
        require_layout(shape, Layout.VECTOR, Layout.TOKENS, Layout.PIXELS)
    if x.layout is not y.layout or (known(*x.grid, *y.grid) and x.grid != y.grid):
        raise Misfit("RF401", f"takes two tensors of one grid, but gets {x} and {y}")
    return x, y


class Linear(Operator):
    """A learned affine map of the features."""

    name = "linear"
    positionwise = True
    multiplies = True
    about = "matrix product with the features of a vector, or of every token or pixel"
    attribute = "fc"
    mixes = True
    stacks = True
    bears = True
    weights = (LINEAR,)
    arguments = (
        Argument("width", Kind.SIZE, None, "output features; as many as come in"),
        Argument("bias", Kind.FLAG, True, "adds a learned number to each feature"),
    )

    def unpadded(self, a: Arguments) -> bool:
        return True

    def shape(self, x: Shape, a: Arguments) -> Shape:
        width = given(a, "width", x.features)
        bias = ", bias=true" if a.bias else ""
        hint = (
            f"write avgpool > {CALL}; on the channels of each place, "
            f"it is conv(1, {width}{bias}), or pixels > {CALL} > image"
        )
        if x.layout is Layout.IMAGE:
            require_layout(x, Layout.VECTOR, Layout.TOKENS, Layout.PIXELS, hint=hint)
        return x if a["width"] is None else x.with_features(a.width)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        y = self.shape(x, a)
        weights = int(x.features) * int(y.features)
        cost = learned(weights, y, y.elements // int(y.features), a)
        return replace(
            cost, unheld=not a.bias and x.layout is not Layout.VECTOR, turned=True
        )

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        sizes = (x.features, given(a, "width", x.features))
        return Emitted("{m}({x})", made("nn.Linear", *sizes, bias=(a.bias, True)))


class Bilinear(Several):
    """A learned form in two tensors: each output is a sum over all their products."""

    name = "bilinear"
    about = "learned sums of the products of a feature of x and one of y"
    inputs = ("x", "y")
    attribute = "bilinear"
    positionwise = True
    arguments = (
        Argument("width", Kind.SIZE, None, "output features; as many as x has"),
        Argument("bias", Kind.FLAG, True, "adds a learned number to each feature"),
    )

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        x, _ = side_by_side(inputs)
        return x if a["width"] is None else x.with_features(a.width)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        x, y = inputs
        z = self.shape_of(inputs, a)
        weights = int(x.features) * int(y.features) * int(z.features)
        return learned(weights, z, z.elements // int(z.features), a)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        x, y = inputs
        sizes = (x.features, y.features, given(a, "width", x.features))
        module = made("nn.Bilinear", *sizes, bias=(a.bias, True))
        return Emitted("{m}({x}, {y})", module)


class Flatten(Operator):
    """All numbers of an example in a row."""

    name = "flatten"
    costs = Cost(passes=True)
    about = "an image, pixels or tokens as one vector"

    def shape(self, x: Shape, a: Arguments) -> Shape:
        features = x.features
        for size in x.grid:
            features = features * size
        return Shape(Layout.VECTOR, features)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{x}.flatten(1)", layer="nn.Flatten()")
