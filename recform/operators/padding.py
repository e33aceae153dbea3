"""More positions, or more channels, without learned numbers."""

from __future__ import annotations

from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind, given
from recform.blocks.code import code
from recform.blocks.operator import Emitted, Misfit, Operator
from recform.blocks.shape import Layout, Shape, known
from recform.operators.window import pair


class ZeroPad(Operator):
    """The parameter-free shortcut of He et al. (2016), option A."""

    name = "zeropad"
    costs = Cost(cheap=True)
    takes = (Layout.IMAGE,)
    about = "takes every stride-th position and fills new channels with zeros"
    source = "He et al. (2016), section 3.3, option A"
    arguments = (
        Argument("width", Kind.SIZE, about="output channels"),
        Argument("stride", Kind.STRIDE, 1, "of how many positions one is taken"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if known(a.width, x.features) and a.width < x.features:
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
        taken = "{x}" if a.stride == 1 else f"{{x}}[:, :, {step}, {step}]"
        return Emitted(f"F.pad({taken}, (0, 0, 0, 0, 0, {extra}))")


class Pad(Operator):
    """A rim around an image."""

    name = "pad"
    takes = (Layout.IMAGE,)
    about = "a rim around the image; above and left, and below and right if it differs"
    arguments = (
        Argument("before", Kind.PADDING, about="rows above, columns on the left"),
        Argument("after", Kind.PADDING, None, "rows below, columns right; as before"),
        Argument(
            "mode",
            Kind.CHOICE,
            "zeros",
            "what the rim is made of",
            ("zeros", "reflect", "replicate", "circular"),
        ),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        before, after = pair(a.before), pair(given(a, "after", a.before))
        most = {"reflect": 1, "circular": 0}.get(str(a.mode))
        for size, *rim in zip(x.grid, before, after, strict=True):
            if most is not None and isinstance(size, int) and max(rim) > size - most:
                raise Misfit(
                    "RF401",
                    f"has no {max(rim)} positions to {_VERB[str(a.mode)]} "
                    f"in a grid of {' x '.join(map(str, x.grid))}",
                    hint="a narrower rim, or mode=replicate",
                    argument="before",
                )
        sides = zip(x.grid, before, after, strict=True)
        return Shape(Layout.IMAGE, x.features, tuple(n + b + e for n, b, e in sides))

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(
            saves_input=a.mode in ("reflect", "replicate"), cheap=a.mode == "zeros"
        )

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        top, left = pair(a.before)
        bottom, right = pair(given(a, "after", a.before))
        mode = "" if a.mode == "zeros" else f", mode={code(a.mode)}"
        return Emitted(f"F.pad({{x}}, ({left}, {right}, {top}, {bottom}){mode})")


_VERB = {"reflect": "reflect", "circular": "repeat"}


class Append(Operator):
    """One more feature, which holds a number."""

    name = "append"
    costs = Cost(cheap=True)
    about = "one more feature, the last, that is a number everywhere: the time, say"
    source = "Chen et al. (2018), Neural ODEs"
    positionwise = True
    arguments = (
        Argument("value", Kind.REAL, about="the number; may depend on i and L"),
        Argument("front", Kind.FLAG, False, "it is the first feature, not the last"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        return x.with_features(x.features + 1)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        sides = "1, 0" if a.front else "0, 1"
        if x.layout is Layout.IMAGE:
            sides = f"0, 0, 0, 0, {sides}"
        return Emitted(f"F.pad({{x}}, ({sides}), value={code(a.value)})")
