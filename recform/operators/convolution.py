"""Convolutions of images: plain, depthwise, transposed."""

from __future__ import annotations

from dataclasses import replace

from recform.blocks.amount import Amount, Cost
from recform.blocks.arguments import Argument, Arguments, Kind, Value, given
from recform.blocks.code import code, made
from recform.blocks.operator import Emitted, Misfit, Operator, Weights
from recform.blocks.shape import Layout, Shape, Size, known
from recform.blocks.support import template
from recform.operators.linear import learned
from recform.operators.window import check_grid, divides, floored, joined, pair, window

#: Weights of nn.Conv2d.
CONV = Weights("conv", ("nn.Conv2d",))

_BIAS = Argument("bias", Kind.FLAG, False, "adds a learned number to each channel")
_DILATION = Argument(
    "dilation", Kind.WINDOW, 1, "distance between the positions that the kernel reads"
)


class _Conv(Operator):
    """What plain and depthwise convolutions share: all but channels and groups."""

    attribute = "conv"
    #: The class of its module.
    layer = "nn.Conv2d"
    takes = (Layout.IMAGE,)
    weights = (CONV,)

    def width(self, x: Shape, a: Arguments) -> Size:
        """The output channels."""
        raise NotImplementedError

    def groups(self, x: Shape, a: Arguments) -> Size:
        """Into how many parts the channels fall."""
        raise NotImplementedError

    def padding(self, a: Arguments) -> Value:
        """The padding: as given, or what keeps the grid at stride 1 (odd kernels)."""
        if a["padding"] is not None:
            return a.padding
        sides = zip(pair(a.kernel), pair(a.dilation), strict=True)
        return joined(*(d * (k - 1) // 2 for k, d in sides))

    def unpadded(self, a: Arguments) -> bool:
        return pair(self.padding(a)) == (0, 0)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        width, groups = self.width(x, a), self.groups(x, a)
        divides(groups, x.features, "input channels")
        divides(groups, width, "output channels")
        if a["padding"] is None and any(k % 2 == 0 for k in pair(a.kernel)):
            raise Misfit(
                "RF210",
                f"with an even kernel ({code(a.kernel)}) needs a padding",
                hint="say padding=...",
                argument="kernel",
            )
        axes = map(pair, (a.kernel, self.padding(a), a.dilation))
        sides = zip(x.grid, *axes, strict=True)
        grid = tuple(window(n, k, a.stride, p, d) for n, k, p, d in sides)
        check_grid(grid, x)
        return Shape(Layout.IMAGE, width, grid)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        y = self.shape(x, a)
        high, wide = pair(a.kernel)
        rows = int(x.features) // int(self.groups(x, a))
        weights = int(y.features) * rows * high * wide
        positions = y.elements // int(y.features)
        return learned(weights, y, positions, a)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        module = made(
            self.layer,
            *(x.features, self.width(x, a), a.kernel),
            stride=(a.stride, 1),
            padding=(self.padding(a), 0),
            dilation=(a.dilation, 1),
            groups=(self.groups(x, a), 1),
            bias=(a.bias, True),
            **self.named(a),
        )
        return Emitted("{m}({x})", module)

    def named(self, a: Arguments) -> dict[str, tuple[Value, Value]]:
        """What the module takes besides, and what it has if nothing is said."""
        return {}


class Conv(_Conv):
    """A two-dimensional convolution."""

    name = "conv"
    mixes = True
    bears = True
    about = "convolution; keeps height and width at stride 1 unless padding is given"
    arguments: tuple[Argument, ...] = (
        Argument("kernel", Kind.WINDOW, about="height and width of the kernel"),
        Argument("width", Kind.SIZE, None, "output channels; as many as come in"),
        Argument("stride", Kind.STRIDE, 1, "distance between two windows"),
        Argument("groups", Kind.SIZE, 1, "parts of the channels that do not mix"),
        _DILATION,
        Argument("padding", Kind.MARGIN, None, "zeros around; as keeps the grid"),
        _BIAS,
    )

    def width(self, x: Shape, a: Arguments) -> Size:
        return given(a, "width", x.features)

    def groups(self, x: Shape, a: Arguments) -> Size:
        return a.groups


class DepthwiseConv(_Conv):
    """A convolution of each channel by itself."""

    name = "dwconv"
    bears = True
    about = "depthwise convolution: each channel has a kernel of its own"
    source = "Sifre (2014); Howard et al. (2017)"
    arguments = (
        Argument("kernel", Kind.WINDOW, about="height and width of the kernel"),
        Argument("stride", Kind.STRIDE, 1, "distance between two windows"),
        Argument("multiplier", Kind.SIZE, 1, "output channels for each that comes in"),
        _DILATION,
        Argument("padding", Kind.MARGIN, None, "zeros around; as keeps the grid"),
        _BIAS,
    )

    def width(self, x: Shape, a: Arguments) -> Size:
        return x.features * a.multiplier

    def groups(self, x: Shape, a: Arguments) -> Size:
        return x.features


class ScaledStdConv(Conv):
    """A convolution with scaled weight standardisation, for networks without norms."""

    name = "wsconv"
    layer = "ScaledStdConv2d"
    about = (
        "convolution with scaled weight standardisation: each kernel has mean 0 and the "
        "variance gamma^2/fan-in, times a learned gain"
    )
    source = "Brock, De and Smith (2021)"
    support = (template("scaled_std_conv_2d"),)
    arguments = (
        *Conv.arguments[:-1],
        replace(_BIAS, default=True),
        Argument(
            "gamma", Kind.NUMBER, 1.0, "makes up for what an activation takes away"
        ),
        Argument("gain", Kind.NUMBER, 1.0, "the gain before training"),
        Argument("eps", Kind.POSITIVE, 1e-5, "added to the variance of a kernel"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        shape, groups = super().shape(x, a), self.groups(x, a)
        if (
            pair(a.kernel) == (1, 1)
            and known(x.features, groups)
            and x.features == groups
        ):
            raise Misfit(
                "RF210",
                "has kernels of one number each, which has no deviation",
                hint="write conv, or take a larger kernel or fewer groups",
                argument="kernel",
            )
        return shape

    def cost(self, x: Shape, a: Arguments) -> Cost:
        cost, width = super().cost(x, a), int(self.width(x, a))
        kernels = cost.parameters - (width if a.bias else 0)
        # The kernels that it makes, and their gains, means and deviations.
        return replace(
            cost,
            parameters=cost.parameters + width,
            saves_once=kernels + 3 * width,
            lean=Amount(once=3 * width),
            stays=Amount(once=3 * width),
        )

    def named(self, a: Arguments) -> dict[str, tuple[Value, Value]]:
        return {"gamma": (a.gamma, 1), "gain": (a.gain, 1), "eps": (a.eps, 1e-5)}


class TransposedConv(Operator):
    """A transposed convolution, the backward pass of a convolution as a layer."""

    name = "deconv"
    takes = (Layout.IMAGE,)
    about = (
        "transposed convolution; a grid `stride` times as large unless padding is given"
    )
    source = "Zeiler et al. (2010)"
    attribute = "deconv"
    mixes = True
    bears = True
    weights = (Weights("deconv", ("nn.ConvTranspose2d",)),)
    arguments = (
        Argument("kernel", Kind.WINDOW, about="height and width of the kernel"),
        Argument("width", Kind.SIZE, None, "output channels; as many as come in"),
        Argument("stride", Kind.STRIDE, 1, "how far apart the inputs are laid"),
        Argument("groups", Kind.SIZE, 1, "parts of the channels that do not mix"),
        replace(_DILATION, kind=Kind.COUNT),
        Argument("padding", Kind.PADDING, None, "how much of the rim is cut off"),
        Argument("outpad", Kind.PADDING, 0, "rows and columns added at the end"),
        _BIAS,
    )

    def _padding(self, a: Arguments) -> tuple[Value, Value]:
        """Padding and output padding, as given or so that the grid grows evenly.

        Raises:
            Misfit: if torch has none such.
        """
        if a["padding"] is not None:
            padding, extra = a.padding, a.outpad
        else:
            over = [a.dilation * (k - 1) + 1 - a.stride for k in pair(a.kernel)]
            padding = joined(*(floored(n + 1, 2) for n in over))
            extra = joined(*(n - 2 * floored(n, 2) for n in over))
            # What is a symbol in a class was a number when the network was followed.
            if any(isinstance(n, int) and n < 0 for n in over) or a.outpad != 0:
                raise Misfit(
                    "RF210",
                    f"with a kernel of {code(a.kernel)} and a stride of {a.stride} "
                    "needs a padding",
                    hint="say padding=...",
                    argument="kernel",
                )
        numbers = [n for n in (*pair(extra), a.stride) if isinstance(n, int)]
        if len(numbers) == 3 and max(pair(extra)) >= max(a.stride, a.dilation):
            raise Misfit(
                "RF210",
                f"has an output padding of {code(extra)}, "
                "not less than its stride or its dilation",
                hint="say padding=... and outpad=..., or take a kernel that fits",
                argument="outpad",
            )
        return padding, extra

    def shape(self, x: Shape, a: Arguments) -> Shape:
        width = given(a, "width", x.features)
        divides(a.groups, x.features, "input channels")
        divides(a.groups, width, "output channels")
        padding, extra = map(pair, self._padding(a))
        sides = zip(x.grid, pair(a.kernel), padding, extra, strict=True)
        grid = tuple(
            (n - 1) * a.stride - 2 * p + a.dilation * (k - 1) + e + 1
            for n, k, p, e in sides
        )
        check_grid(grid, x)
        return Shape(Layout.IMAGE, width, grid)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        y = self.shape(x, a)
        high, wide = pair(a.kernel)
        weights = int(x.features) * int(y.features) // int(a.groups) * high * wide
        positions = x.elements // int(x.features)
        return learned(weights, y, positions, a)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        padding, extra = self._padding(a)
        module = made(
            "nn.ConvTranspose2d",
            *(x.features, given(a, "width", x.features), a.kernel),
            stride=(a.stride, 1),
            padding=(padding, 0),
            output_padding=(extra, 0),
            groups=(a.groups, 1),
            bias=(a.bias, True),
            dilation=(a.dilation, 1),
        )
        return Emitted("{m}({x})", module)
