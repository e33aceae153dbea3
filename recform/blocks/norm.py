"""Normalisation."""

from __future__ import annotations

from recform.blocks.library import register
from recform.blocks.operator import (
    Argument,
    Arguments,
    Cost,
    Emitted,
    Kind,
    Operator,
    code,
    require_layout,
)
from recform.blocks.shape import Layout, Shape


@register
class BatchNorm(Operator):
    """Batch normalisation."""

    name = "bn"
    about = "batch normalisation with learned scale and shift"
    source = "Ioffe and Szegedy (2015)"
    attribute = "bn"
    weights = "bn"
    arguments = (
        Argument("eps", Kind.NUMBER, 1e-5),
        Argument("momentum", Kind.RATE, 0.1),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        require_layout(x, Layout.IMAGE, Layout.VECTOR)
        return x

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(parameters=2 * int(x.features), saves_input=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        parts = [code(x.features)]
        if a.eps != 1e-5:
            parts.append(f"eps={code(a.eps)}")
        if a.momentum != 0.1:
            parts.append(f"momentum={code(a.momentum)}")
        kind = "BatchNorm2d" if x.layout is Layout.IMAGE else "BatchNorm1d"
        return Emitted("{m}({x})", f"nn.{kind}({', '.join(parts)})")


@register
class LayerNorm(Operator):
    """Layer normalisation over the features of tokens or vectors."""

    name = "ln"
    about = "layer normalisation over the features"
    source = "Ba, Kiros and Hinton (2016)"
    attribute = "ln"
    weights = "ln"
    arguments = (Argument("eps", Kind.NUMBER, 1e-5),)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        require_layout(x, Layout.TOKENS, Layout.VECTOR)
        return x

    def cost(self, x: Shape, a: Arguments) -> Cost:
        # Mean and deviation of each token are kept beside the input.
        rows = x.elements // int(x.features)
        return Cost(2 * int(x.features), saves_input=True, saves_more=2 * rows)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        eps = "" if a.eps == 1e-5 else f", eps={code(a.eps)}"
        return Emitted("{m}({x})", f"nn.LayerNorm({code(x.features)}{eps})")
