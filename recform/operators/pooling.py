"""Pooling: over windows, over a grid of a given size, over everything."""

from __future__ import annotations

import math

from recform.blocks.amount import Amount, Cost
from recform.blocks.arguments import Argument, Arguments, Kind, Value, given
from recform.blocks.code import code, made
from recform.blocks.operator import Emitted, Misfit, Operator, require_layout
from recform.blocks.shape import Layout, Shape
from recform.operators.window import check_grid, pair, window, window_up

_COMMON = (
    Argument("kernel", Kind.WINDOW, None, "the whole grid, made a vector, if left out"),
    Argument("stride", Kind.STRIDE, None, "distance between windows; as the kernel"),
    Argument("padding", Kind.PADDING, 0, "positions around that count as nothing"),
    Argument("ceil", Kind.FLAG, False, "a last window may run over the end"),
    Argument(
        "size", Kind.KERNEL, None, "in place of a kernel: the grid that comes out"
    ),
)


class _Pool(Operator):
    arguments: tuple[Argument, ...] = _COMMON
    #: The names of torch's function and module.
    windows, layer = "", ""

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if a["size"] is not None:
            return self._adapted(x, a)
        if a["kernel"] is None:
            require_layout(x, Layout.IMAGE, Layout.PIXELS, Layout.TOKENS)
            self._alone(a, "kernel", ("stride", "padding", "ceil"))
            return Shape(Layout.VECTOR, x.features)
        require_layout(x, Layout.IMAGE)
        kernel, padding = pair(a.kernel), pair(a.padding)
        for k, p in zip(kernel, padding, strict=True):
            if isinstance(k, int) and 2 * p > k:
                raise Misfit(
                    "RF210",
                    f"has a padding of {p}, more than half its kernel",
                    argument="padding",
                )
        count = window_up if a.ceil else window
        stride = pair(given(a, "stride", kernel))
        sides = zip(x.grid, kernel, stride, padding, strict=True)
        grid = tuple(count(n, k, s, p, 1) for n, k, s, p in sides)
        check_grid(grid, x)
        return Shape(Layout.IMAGE, x.features, grid)

    def _adapted(self, x: Shape, a: Arguments) -> Shape:
        require_layout(x, Layout.IMAGE)
        self._alone(a, "", ("kernel", "stride", "padding", "ceil"))
        return Shape(Layout.IMAGE, x.features, pair(a.size))

    def _alone(self, a: Arguments, lacks: str, names: tuple[str, ...]) -> None:
        """Raises a Misfit for arguments that say nothing here."""
        plain = {argument.name: argument.default for argument in self.arguments}
        for name in names:
            if a[name] != plain[name]:
                raise Misfit(
                    "RF203",
                    f"has a {name} but no {lacks}"
                    if lacks
                    else f"has a size, which leaves nothing for its {name} to say",
                    argument=name,
                )

    def windowed(self, a: Arguments, **more: tuple[Value, Value]) -> Emitted:
        """The call of torch's function with windows."""
        layer = made(
            f"nn.{self.layer}",
            a.kernel,
            stride=(given(a, "stride", a.kernel), a.kernel),
            padding=(a.padding, 0),
            ceil_mode=(a.ceil, False),
            **more,
        )
        return Emitted(
            f"F.{self.windows}({{x}}, {layer.partition('(')[2]}", layer=layer
        )

    def adapted(self, a: Arguments) -> Emitted:
        """The call of torch's function that makes a grid of a given size."""
        size = code(a["size"])
        return Emitted(
            f"F.adaptive_{self.windows}({{x}}, {size})",
            layer=f"nn.Adaptive{self.layer}({size})",
        )


class AvgPool(_Pool):
    """Average pooling, over windows or over everything."""

    name = "avgpool"
    about = "average over windows; without a kernel over the whole grid, to a vector"
    windows, layer = "avg_pool2d", "AvgPool2d"
    arguments = (
        *_COMMON,
        Argument("countpad", Kind.FLAG, True, "whether padding counts as zeros"),
    )

    def cost(self, x: Shape, a: Arguments) -> Cost:
        # A mean over everything keeps nothing; torch computes a grid of one as such.
        return Cost(saves_input=a["kernel"] is not None or a["size"] not in (None, 1))

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        if a["size"] is not None:
            return self.adapted(a)
        if a["kernel"] is None:
            return Emitted(f"{{x}}.mean({_axes(x)})")
        return self.windowed(a, count_include_pad=(a.countpad, True))


class MaxPool(_Pool):
    """Maximum pooling, over windows or over everything."""

    name = "maxpool"
    about = "maximum over windows; without a kernel over the whole grid, to a vector"
    windows, layer = "max_pool2d", "MaxPool2d"

    def cost(self, x: Shape, a: Arguments) -> Cost:
        if a["kernel"] is None and a["size"] is None:
            return Cost(saves_input=True, saves_output=True, exact=True)
        # The positions of the maxima are kept as 64-bit integers, and made in any case.
        made = self.shape(x, a).elements
        places = Amount(bytes=8 * made)
        # A lean pass keeps them as small ones, by which the maxima are found again.
        small = 2 if math.prod(map(int, x.grid)) < 2**15 else 4
        return Cost(
            saves_input=True,
            saves_bytes=places.bytes,
            workspace_bytes=places.bytes,
            cheap=True,
            stays=Amount(bytes=small * made),
            aided=True,
        )

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        if a["size"] is not None:
            return self.adapted(a)
        if a["kernel"] is None:
            return Emitted(f"{{x}}.amax({_axes(x)})")
        return self.windowed(a)


class GlobalPool(Operator):
    """The average over the grid, kept as a grid of one (for gates, before `conv(1)`)."""

    name = "globalpool"
    takes = (Layout.IMAGE, Layout.PIXELS, Layout.TOKENS)
    about = "average over the whole grid, which stays as a grid of 1 x 1"
    source = "Lin, Chen and Yan (2014)"

    def shape(self, x: Shape, a: Arguments) -> Shape:
        return Shape(x.layout, x.features, (1,) * len(x.grid))

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        layer = "nn.AdaptiveAvgPool2d(1)" if x.layout is Layout.IMAGE else ""
        return Emitted(f"{{x}}.mean({_axes(x)}, keepdim=True)", layer=layer)


def _axes(x: Shape) -> str:
    """The axes of the grid, as torch's reductions take them."""
    axes = x.grid_axes
    return str(axes) if len(axes) > 1 else str(axes[0])
