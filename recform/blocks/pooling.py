"""Pooling."""

from __future__ import annotations

from recform.blocks.convolution import check_grid, window
from recform.blocks.library import register
from recform.blocks.operator import (
    Argument,
    Arguments,
    Cost,
    Emitted,
    Kind,
    Misfit,
    Operator,
    code,
    require_layout,
)
from recform.blocks.shape import Layout, Shape, Size


class _Pool(Operator):
    arguments = (
        Argument(
            "kernel", Kind.STRIDE, None, "the whole grid, made a vector, if left out"
        ),
        Argument("stride", Kind.STRIDE, None, "as the kernel"),
        Argument("padding", Kind.NATURAL, 0),
    )
    module = ""

    def _stride(self, a: Arguments) -> Size:
        return a.kernel if a["stride"] is None else a.stride

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if a["kernel"] is None:
            require_layout(x, Layout.IMAGE, Layout.TOKENS)
            return Shape(Layout.VECTOR, x.features)
        require_layout(x, Layout.IMAGE)
        numbers = isinstance(a.padding, int) and isinstance(a.kernel, int)
        if numbers and 2 * a.padding > a.kernel:
            raise Misfit(
                "RF210",
                f"has a padding of {a.padding}, more than half its kernel",
                argument="padding",
            )
        grid = tuple(window(n, a.kernel, self._stride(a), a.padding, 1) for n in x.grid)
        check_grid(grid, x)
        return Shape(Layout.IMAGE, x.features, grid)

    def emit_local(self, a: Arguments) -> str:
        parts = [code(a.kernel)]
        if a["stride"] is not None and a.stride != a.kernel:
            parts.append(f"stride={code(a.stride)}")
        if a.padding != 0:
            parts.append(f"padding={code(a.padding)}")
        return ", ".join(parts)


@register
class AvgPool(_Pool):
    """Average pooling, over windows or over everything."""

    name = "avgpool"
    about = "average over windows; without a kernel over the whole grid, to a vector"

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(saves_input=a["kernel"] is not None)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        if a["kernel"] is None:
            axes = "(2, 3)" if x.layout is Layout.IMAGE else "1"
            return Emitted(f"{{x}}.mean({axes})")
        return Emitted(f"F.avg_pool2d({{x}}, {self.emit_local(a)})")


@register
class MaxPool(_Pool):
    """Maximum pooling, over windows or over everything."""

    name = "maxpool"
    about = "maximum over windows; without a kernel over the whole grid, to a vector"

    def cost(self, x: Shape, a: Arguments) -> Cost:
        if a["kernel"] is None:
            return Cost(saves_input=True, saves_output=True)
        # The positions of the maxima are kept as 64-bit integers: two numbers each.
        return Cost(saves_input=True, saves_more=2 * self.shape(x, a).elements)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        if a["kernel"] is None:
            axes = "(2, 3)" if x.layout is Layout.IMAGE else "1"
            return Emitted(f"{{x}}.amax({axes})")
        return Emitted(f"F.max_pool2d({{x}}, {self.emit_local(a)})")
