"""Convolutions of images."""

from __future__ import annotations

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


def padding_of(a: Arguments) -> Size:
    """The padding: as given, or what keeps the grid at stride 1 (odd kernels)."""
    given = a["padding"]
    if given is None:
        return a.dilation * (a.kernel - 1) // 2
    return a.padding


def window(
    size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size
) -> Size:
    """How many positions a sliding window has along an axis."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def check_grid(grid: tuple[Size, ...], x: Shape) -> None:
    """Raises a Misfit if the window does not fit into the input."""
    if any(isinstance(size, int) and size < 1 for size in grid):
        raise Misfit(
            "RF401",
            f"leaves nothing of a grid of {' x '.join(map(str, x.grid))}",
            hint="a smaller kernel, more padding, or fewer strides before it",
        )


def divides(groups: Size, size: Size, what: str) -> None:
    """Raises a Misfit if the groups don't divide a number of channels."""
    if isinstance(groups, int) and isinstance(size, int) and size % groups:
        raise Misfit(
            "RF402",
            f"has {groups} groups, which do not divide its {size} {what} channels",
            hint="choose a width that is a multiple of the groups",
            argument="groups",
        )


@register
class Conv(Operator):
    """A two-dimensional convolution."""

    name = "conv"
    about = "convolution; keeps height and width at stride 1 unless padding is given"
    attribute = "conv"
    weights = "conv"
    arguments = (
        Argument("kernel", Kind.COUNT, about="height and width of the kernel"),
        Argument("width", Kind.SIZE, None, "output channels; as many as come in"),
        Argument("stride", Kind.STRIDE, 1),
        Argument("groups", Kind.SIZE, 1),
        Argument("dilation", Kind.COUNT, 1),
        Argument("padding", Kind.NATURAL, None, "as keeps the grid at stride 1"),
        Argument("bias", Kind.FLAG, False),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        require_layout(x, Layout.IMAGE)
        width = x.features if a["width"] is None else a.width
        divides(a.groups, x.features, "input")
        divides(a.groups, width, "output")
        if a["padding"] is None and isinstance(a.kernel, int) and a.kernel % 2 == 0:
            raise Misfit(
                "RF210",
                f"with an even kernel ({a.kernel}) needs a padding",
                hint="say padding=...",
                argument="kernel",
            )
        grid = tuple(
            window(size, a.kernel, a.stride, padding_of(a), a.dilation)
            for size in x.grid
        )
        check_grid(grid, x)
        return Shape(Layout.IMAGE, width, grid)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        y = self.shape(x, a)
        weights = (
            int(y.features) * int(x.features) // int(a.groups) * int(a.kernel) ** 2
        )
        positions = y.elements // int(y.features)
        return Cost(
            parameters=weights + (int(y.features) if a.bias else 0),
            multiply_adds=weights * positions,
            saves_input=True,
        )

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        width = x.features if a["width"] is None else a.width
        parts = [code(x.features), code(width), code(a.kernel)]
        if a.stride != 1:
            parts.append(f"stride={code(a.stride)}")
        if padding_of(a) != 0:
            parts.append(f"padding={code(padding_of(a))}")
        if a.dilation != 1:
            parts.append(f"dilation={code(a.dilation)}")
        if a.groups != 1:
            parts.append(f"groups={code(a.groups)}")
        if not a.bias:
            parts.append("bias=False")
        return Emitted("{m}({x})", f"nn.Conv2d({', '.join(parts)})")


@register
class ZeroPad(Operator):
    """The parameter-free shortcut of He et al. (2016), option A."""

    name = "zeropad"
    about = "takes every stride-th position and fills new channels with zeros"
    source = "He et al. (2016), section 3.3, option A"
    arguments = (
        Argument("width", Kind.SIZE, about="output channels"),
        Argument("stride", Kind.STRIDE, 1),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        require_layout(x, Layout.IMAGE)
        if isinstance(a.width, int) and a.width < int(x.features):
            raise Misfit(
                "RF401",
                f"cannot make {a.width} channels of {x.features}: it only adds some",
                argument="width",
            )
        return Shape(
            Layout.IMAGE, a.width, tuple((n - 1) // a.stride + 1 for n in x.grid)
        )

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        step, extra = f"::{code(a.stride)}", code(a.width - x.features)
        if not isinstance(a.stride, int):
            # It becomes an attribute, `self.stride`, and ruff format sets those apart.
            step = f":: {code(a.stride)}"
        return Emitted(f"F.pad({{x}}[:, :, {step}, {step}], (0, 0, 0, 0, 0, {extra}))")
