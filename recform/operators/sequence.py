"""Along the positions of tokens: convolutions, and positions as features."""

from __future__ import annotations

from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind, given
from recform.blocks.code import made
from recform.blocks.details import Detail, operation
from recform.blocks.operator import Emitted, Memory, Operator, Weights
from recform.blocks.shape import Layout, Order, Shape
from recform.blocks.support import template
from recform.operators.window import divides

_COPY = Cost(cheap=True)


class TokenConv(Operator):
    """A one-dimensional convolution that keeps the positions."""

    name = "conv1d"
    single = True
    takes = (Layout.TOKENS,)
    mixes = True
    order = Order.APART
    about = "convolution along the positions of tokens, of which as many come out"
    source = "van den Oord et al. (2016), WaveNet, section 2.1"
    attribute = "conv"
    weights = (Weights("conv", ("TokenConv",)),)
    support = (template("token_conv"),)
    support_kept = (template("kept/token_conv"),)
    arguments = (
        Argument("kernel", Kind.SIZE, about="positions that it reads"),
        Argument("width", Kind.SIZE, None, "output features; as many as come in"),
        Argument("dilation", Kind.SIZE, 1, "distance between these positions"),
        Argument("groups", Kind.SIZE, 1, "parts of the features that do not mix"),
        Argument("causal", Kind.FLAG, False, "no position sees those behind it"),
        Argument("bias", Kind.FLAG, False, "adds a learned number to each feature"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        width = given(a, "width", x.features)
        divides(a.groups, x.features, "input features")
        divides(a.groups, width, "output features")
        return x.with_features(width)

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        (x,) = inputs
        shape = x.shape and self.shape(x.shape, a)
        if not x.numbers or shape is None:
            return (Detail("y", self.name, shape=shape),)
        features, width = x.numbers // x.rows, int(shape.features)
        weights = width * (features // int(a.groups)) * int(a.kernel)
        learned = weights + (width if a.bias else 0)
        cost = Cost(learned, multiply_adds=weights * x.rows)
        # A copy of what comes in, with zeros around it, is what autograd keeps.
        rim = (int(a.kernel) - 1) * int(a.dilation)
        padded = operation("padded", (x,), (x.rows + rim) * features, cost=_COPY)
        y = operation("y", (padded,), x.rows * width, ("padded",), cost=cost)
        does = (padded, y)
        return (Detail("y", self.name, parameters=learned, shape=shape, does=does),)

    def memory(self, x: Shape, a: Arguments) -> tuple[Memory, ...]:
        rim = (int(a.kernel) - 1) * int(a.dilation)
        if rim and not a.causal:
            return super().memory(x, a)
        return (Memory("what it reads", int(x.features), rim),) if rim else ()

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        module = made(
            "TokenConv",
            *(x.features, given(a, "width", x.features), a.kernel),
            dilation=(a.dilation, 1),
            groups=(a.groups, 1),
            bias=(a.bias, False),
            causal=(a.causal, False),
        )
        return Emitted("{m}({x})", module)


class Transpose(Operator):
    """Positions as features, and features as positions."""

    name = "transpose"
    takes = (Layout.TOKENS,)
    about = "positions of tokens as their features, and features as positions"
    source = "Tolstikhin et al. (2021), MLP-Mixer, Eq. (1)"
    support = (template("permute"),)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        return Shape(Layout.TOKENS, x.grid[0], (x.features,))

    # A view that products of matrices copy: so it doesn't pass.
    costs = Cost(cheap=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{x}.transpose(1, 2)", layer="Permute(0, 2, 1)")
