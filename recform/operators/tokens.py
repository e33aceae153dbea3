"""Images as tokens and back, rows of tokens, and what a transformer adds to its tokens."""

from __future__ import annotations

from math import isqrt

from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind, given
from recform.blocks.code import code, made
from recform.blocks.operator import Emitted, Misfit, Operator, Several, require_layout
from recform.blocks.shape import Layout, Order, Shape, known
from recform.blocks.support import template
from recform.operators.convolution import CONV
from recform.operators.linear import learned
from recform.operators.window import pair


class Patches(Operator):
    """Patch embedding: every patch of an image becomes a token."""

    name = "patches"
    takes = (Layout.IMAGE,)
    mixes = True
    order = Order.ALIKE
    about = "cuts an image into patches, and makes a token of each by a learned map"
    source = "Dosovitskiy et al. (2021), Eq. (1)"
    attribute = "patches"
    weights = (CONV,)
    arguments = (
        Argument("size", Kind.KERNEL, about="height and width of a patch"),
        Argument("width", Kind.SIZE, None, "features of a token; as many as come in"),
        Argument("bias", Kind.FLAG, True, "adds a learned number to each feature"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        width = given(a, "width", x.features)
        counts = []
        for size, patch in zip(x.grid, pair(a["size"]), strict=True):
            if isinstance(size, int) and size % patch:
                raise Misfit(
                    "RF402",
                    f"has patches of {code(a['size'])}, which do not divide "
                    f"a grid of {' x '.join(map(str, x.grid))}",
                    hint="choose another size, or `pad` the image",
                    argument="size",
                )
            counts.append(size // patch)
        return Shape(Layout.TOKENS, width, (counts[0] * counts[1],))

    def cost(self, x: Shape, a: Arguments) -> Cost:
        y = self.shape(x, a)
        high, wide = pair(a["size"])
        weights = int(y.features) * int(x.features) * high * wide
        return learned(weights, y, int(y.grid[0]), a)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        sizes = (x.features, given(a, "width", x.features), a["size"])
        more = {"stride": (a["size"], None), "bias": (a.bias, True)}
        module = made("nn.Conv2d", *sizes, **more)
        return Emitted("{m}({x}).flatten(2).transpose(1, 2)", module)


class Tokens(Operator):
    """An image as tokens, row by row."""

    name = "tokens"
    takes = (Layout.IMAGE, Layout.PIXELS)
    costs = Cost(passes=True)
    about = "an image or pixels as tokens, a position each, row by row"

    def shape(self, x: Shape, a: Arguments) -> Shape:
        return Shape(Layout.TOKENS, x.features, (x.grid[0] * x.grid[1],))

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        if x.layout is Layout.PIXELS:
            return Emitted("{x}.flatten(1, 2)", layer="nn.Flatten(1, 2)")
        return Emitted("{x}.flatten(2).transpose(1, 2)")


class Pixels(Operator):
    """An image with its channels last."""

    name = "pixels"
    takes = (Layout.IMAGE,)
    costs = Cost(passes=True)
    about = "an image with its channels last: height x width x channels"
    support = (template("permute"),)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        return Shape(Layout.PIXELS, x.features, x.grid)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{x}.permute(0, 2, 3, 1)", layer="Permute(0, 2, 3, 1)")


class Image(Operator):
    """Pixels as an image, or tokens, row by row."""

    name = "image"
    costs = Cost(passes=True)
    takes = (Layout.TOKENS, Layout.PIXELS)
    about = "pixels as an image again, or tokens as one of this many rows"
    support = (template("permute"),)
    arguments = (
        Argument("height", Kind.COUNT, None, "rows of the image; only tokens need it"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if (a["height"] is None) != (x.layout is Layout.PIXELS):
            raise Misfit(
                "RF203",
                "has a height, and pixels know theirs"
                if x.layout is Layout.PIXELS
                else "lacks its height",
                hint="write image alone"
                if x.layout is Layout.PIXELS
                else f"tokens are a row: say how many rows, image({_rows(x)})",
                argument="height" if x.layout is Layout.PIXELS else "",
            )
        if x.layout is Layout.PIXELS:
            return Shape(Layout.IMAGE, x.features, x.grid)
        positions = x.grid[0]
        if isinstance(positions, int) and positions % a.height:
            raise Misfit(
                "RF402",
                f"has {a.height} rows, which do not divide its {positions} tokens",
                hint="take the class token off first: `image` wants the patches alone",
                argument="height",
            )
        return Shape(Layout.IMAGE, x.features, (a.height, positions // a.height))

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        if x.layout is Layout.PIXELS:
            return Emitted("{x}.permute(0, 3, 1, 2)", layer="Permute(0, 3, 1, 2)")
        return Emitted(f"{{x}}.transpose(1, 2).unflatten(2, ({code(a.height)}, -1))")


def _rows(x: Shape) -> int:
    """A number of rows for these tokens: the largest that makes no lying image."""
    positions = x.grid[0]
    if not isinstance(positions, int):
        return 1
    return max(n for n in range(1, isqrt(positions) + 1) if positions % n == 0)


class ClassToken(Operator):
    """A learned token in front of the others, which gathers what the head reads."""

    name = "classtoken"
    takes = (Layout.TOKENS,)
    about = "a learned token in front of the others"
    source = "Dosovitskiy et al. (2021), Eq. (1)"
    attribute = "class_token"
    arguments = (
        Argument("std", Kind.AMOUNT, 0.0, "deviation of its start around 0"),
        Argument("alone", Kind.FLAG, False, "it comes without the others"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        others = 0 if a.alone else x.grid[0]
        return Shape(Layout.TOKENS, x.features, (others + 1,))

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(parameters=int(x.features), given=bool(a.alone), cheap=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        token = "{m}.expand({x}.shape[0], -1, -1)"
        return Emitted(
            token if a.alone else f"torch.cat(({token}, {{x}}), dim=1)",
            _parameter(f"1, 1, {code(x.features)}", a),
        )


class Behind(Several):
    """Two rows of tokens as one."""

    name = "behind"
    costs = Cost(cheap=True)
    about = "the tokens of x, and behind them those of y"
    inputs = ("x", "y")

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        x, y = inputs
        require_layout(x, Layout.TOKENS)
        require_layout(y, Layout.TOKENS)
        if known(x.features, y.features) and x.features != y.features:
            raise Misfit(
                "RF401",
                f"takes tokens of one width, not of {x.features} and of {y.features} "
                "features",
            )
        return Shape(Layout.TOKENS, x.features, (x.grid[0] + y.grid[0],))

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        return Emitted("torch.cat(({x}, {y}), dim=1)")


class Positions(Operator):
    """Position embedding: a learned vector for each position is added."""

    name = "positions"
    takes = (Layout.TOKENS,)
    tabled = True
    positionwise = True
    order = Order.ALIKE
    about = "adds a learned vector to the token at each position"
    source = "Dosovitskiy et al. (2021), Eq. (1)"
    attribute = "pos_embedding"
    arguments = (Argument("std", Kind.AMOUNT, 0.02, "deviation of its start around 0"),)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(parameters=x.elements, cheap=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        sizes = f"1, {code(x.grid[0])}, {code(x.features)}"
        # A token alone would be spread over all positions.
        return Emitted("{x} + {m}.expand_as({x})", _parameter(sizes, a))


def _parameter(sizes: str, a: Arguments) -> str:
    if a.std == 0:
        return f"nn.Parameter(torch.zeros({sizes}))"
    std = code(a.std)
    std = f"({std})" if " + " in std or " - " in std else std
    return f"nn.Parameter({std} * torch.randn({sizes}))"


class Token(Operator):
    """One token as a vector, such as the class token for the head."""

    name = "token"
    costs = Cost(passes=True)
    takes = (Layout.TOKENS,)
    about = "one of the tokens as a vector; the class token is the first"
    arguments = (Argument("index", Kind.NATURAL, 0, "which, counted from 0"),)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if isinstance(x.grid[0], int) and a.index >= x.grid[0]:
            raise Misfit(
                "RF401",
                f"takes token {a.index}, and there are {x.grid[0]}, counted from 0",
                argument="index",
            )
        return Shape(Layout.VECTOR, x.features)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted(f"{{x}}[:, {code(a.index)}]")
