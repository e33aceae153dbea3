"""The same numbers in other places: shuffles and larger grids."""

from __future__ import annotations

from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import code
from recform.blocks.operator import Emitted, Misfit, Operator
from recform.blocks.shape import Layout, Order, Shape
from recform.operators.window import divides, pair


class ChannelShuffle(Operator):
    """Deals the channels of each group out over all groups."""

    name = "shuffle"
    order = Order.APART
    takes = (Layout.IMAGE,)
    about = "channel shuffle: deals the channels of each group out over all groups"
    source = "Zhang et al. (2018), ShuffleNet, section 3.1"
    arguments = (
        Argument("groups", Kind.SIZE, about="parts into which the channels fall"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        divides(a.groups, x.features, "channels")
        return x

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(passes=a.groups in (1, x.features), cheap=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        groups = code(a.groups)
        return Emitted(
            f"{{x}}.unflatten(1, ({groups}, -1)).transpose(1, 2).flatten(1, 2)",
            layer=f"nn.ChannelShuffle({groups})",
        )


class PixelShuffle(Operator):
    """Channels become pixels: a finer grid of fewer channels."""

    name = "pixelshuffle"
    takes = (Layout.IMAGE,)
    about = "channels become pixels: a grid `scale` times as fine"
    source = "Shi et al. (2016)"
    arguments = (Argument("scale", Kind.COUNT, about="pixels made of one, each way"),)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        square = a.scale * a.scale
        if isinstance(x.features, int) and x.features % square:
            raise Misfit(
                "RF402",
                f"makes {square} pixels of each, which does not divide "
                f"its {x.features} channels",
                hint=f"choose a width that is a multiple of {square}",
                argument="scale",
            )
        grid = tuple(size * a.scale for size in x.grid)
        return Shape(Layout.IMAGE, x.features // square, grid)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        scale = code(a.scale)
        return Emitted(
            f"F.pixel_shuffle({{x}}, {scale})", layer=f"nn.PixelShuffle({scale})"
        )


class PixelUnshuffle(Operator):
    """Pixels become channels, the inverse of the pixel shuffle."""

    name = "pixelunshuffle"
    takes = (Layout.IMAGE,)
    about = "pixels become channels: the inverse of `pixelshuffle`"
    source = "Shi et al. (2016)"
    arguments = (Argument("scale", Kind.COUNT, about="pixels made one, each way"),)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if any(isinstance(size, int) and size % a.scale for size in x.grid):
            raise Misfit(
                "RF402",
                f"puts {a.scale} pixels together, which does not divide "
                f"a grid of {' x '.join(map(str, x.grid))}",
                hint="choose another scale, or `pad` the image",
                argument="scale",
            )
        grid = tuple(size // a.scale for size in x.grid)
        return Shape(Layout.IMAGE, x.features * a.scale * a.scale, grid)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        scale = code(a.scale)
        return Emitted(
            f"F.pixel_unshuffle({{x}}, {scale})", layer=f"nn.PixelUnshuffle({scale})"
        )


class Upsample(Operator):
    """A finer grid, filled in from the coarse one."""

    name = "upsample"
    takes = (Layout.IMAGE,)
    about = "a grid `scale` times as fine, filled in from the coarse one"
    arguments = (
        Argument("scale", Kind.WINDOW, about="positions made of one, each way"),
        Argument(
            "mode",
            Kind.CHOICE,
            "nearest",
            "how it is filled in",
            ("nearest", "bilinear"),
        ),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        sides = zip(x.grid, pair(a.scale), strict=True)
        return Shape(Layout.IMAGE, x.features, tuple(n * s for n, s in sides))

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        mode = "" if a.mode == "nearest" else f", mode={code(a.mode)}"
        scale = code(a.scale)
        given = f"scale_factor={scale}{mode}"
        return Emitted(f"F.interpolate({{x}}, {given})", layer=f"nn.Upsample({given})")
