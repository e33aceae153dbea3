"""Products with a learned matrix, and the change of layout in front of them."""

from __future__ import annotations

from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import code
from recform.blocks.operator import (
    CALL,
    Cost,
    Emitted,
    Misfit,
    Operator,
    Several,
    Weights,
    require_layout,
)
from recform.blocks.shape import Layout, Shape

#: Weights of nn.Linear.
LINEAR = Weights("linear", ("nn.Linear",))


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
        width = x.features if a["width"] is None else a.width
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
        return Cost(
            parameters=weights + (int(y.features) if a.bias else 0),
            multiply_adds=weights * (y.elements // int(y.features)),
            saves_input=True,
            unheld=not a.bias and x.layout is not Layout.VECTOR,
        )

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        width = x.features if a["width"] is None else a.width
        bias = "" if a.bias else ", bias=False"
        return Emitted(
            "{m}({x})", f"nn.Linear({code(x.features)}, {code(width)}{bias})"
        )


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
        x, y = inputs
        for shape in inputs:
            require_layout(shape, Layout.VECTOR, Layout.TOKENS, Layout.PIXELS)
        known = all(isinstance(size, int) for size in (*x.grid, *y.grid))
        if x.layout is not y.layout or (known and x.grid != y.grid):
            raise Misfit(
                "RF401", f"takes two tensors of one grid, but gets {x} and {y}"
            )
        return x if a["width"] is None else x.with_features(a.width)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        x, y = inputs
        made = self.shape_of(inputs, a)
        weights = int(x.features) * int(y.features) * int(made.features)
        return Cost(
            parameters=weights + (int(made.features) if a.bias else 0),
            multiply_adds=weights * (made.elements // int(made.features)),
            saves_input=True,
        )

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        x, y = inputs
        width = x.features if a["width"] is None else a.width
        sizes = ", ".join(map(code, (x.features, y.features, width)))
        bias = "" if a.bias else ", bias=False"
        return Emitted("{m}({x}, {y})", f"nn.Bilinear({sizes}{bias})")


class Flatten(Operator):
    """All numbers of an example in a row."""

    name = "flatten"
    about = "an image, pixels or tokens as one vector"

    def shape(self, x: Shape, a: Arguments) -> Shape:
        features = x.features
        for size in x.grid:
            features = features * size
        return Shape(Layout.VECTOR, features)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(passes=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{x}.flatten(1)", layer="nn.Flatten()")
