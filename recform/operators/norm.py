"""Normalisation: over the batch, over features, over groups of channels."""

from __future__ import annotations

from dataclasses import replace

from recform.blocks.amount import Amount, Cost
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import code, made
from recform.blocks.details import Detail, again, converted, on_gpu, operation
from recform.blocks.operator import Emitted, Operator, Weights
from recform.blocks.shape import Layout, Order, Shape
from recform.blocks.support import template
from recform.operators.window import divides

_EPS = "added to the variance, so that nothing divides by zero"


class BatchNorm(Operator):
    """Batch normalisation."""

    name = "bn"
    takes = (Layout.IMAGE, Layout.VECTOR)
    normalises = True
    about = "batch normalisation with learned scale and shift"
    source = "Ioffe and Szegedy (2015)"
    attribute = "bn"
    gathers = True
    folds = True
    weights = (Weights("bn", ("nn.BatchNorm1d", "nn.BatchNorm2d"), flat=True),)
    arguments = (
        Argument("eps", Kind.POSITIVE, 1e-5, _EPS),
        Argument("momentum", Kind.RATE, 0.1, "share of a batch in the running mean"),
    )

    def cost(self, x: Shape, a: Arguments) -> Cost:
        # Mean and deviation of each channel are kept beside the input.
        statistics = 2 * int(x.features)
        cost = Cost(
            statistics,
            saves_input=True,
            saves_once=statistics,
            cheap=True,
            stays=Amount(once=statistics),
            aided=True,
        )
        # On a GPU these have four bytes, whatever comes in.
        wide = Amount(once=2 * statistics)
        half = replace(cost, saves_once=wide.once, stays=wide)
        return replace(cost, gpu=replace(cost, half=half))

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        kind = "nn.BatchNorm2d" if x.layout is Layout.IMAGE else "nn.BatchNorm1d"
        more = {"eps": (a.eps, 1e-5), "momentum": (a.momentum, 0.1)}
        return Emitted("{m}({x})", made(kind, x.features, **more))


def _over_features(x: Shape, name: str, given: str) -> Emitted:
    """A norm of torch's; of an image, the class that turns its channels to the end."""
    cls = f"{name}2d" if x.layout is Layout.IMAGE else f"nn.{name}"
    return Emitted("{m}({x})", f"{cls}({given})")


class LayerNorm(Operator):
    """Layer normalisation over the features, at each position by itself."""

    name = "ln"
    normalises = True
    order = Order.TOGETHER
    positionwise = True
    about = "layer normalisation over the features of each position"
    source = "Ba, Kiros and Hinton (2016)"
    attribute = "ln"
    stacks = True
    weights = (Weights("ln", ("nn.LayerNorm",), flat=True),)
    support = (template("layer_norm_2d"),)
    arguments = (
        Argument("eps", Kind.AMOUNT, 1e-5, _EPS),
        Argument("affine", Kind.FLAG, True, "a learned scale and shift"),
    )

    def cost(self, x: Shape, a: Arguments) -> Cost:
        # Mean and deviation of each position are kept beside the input.
        rows = x.elements // int(x.features)
        learned = 2 * int(x.features) if a.affine else 0
        cost = Cost(
            learned,
            saves_input=True,
            saves_more=2 * rows,
            workspace=2 * rows,
            cheap=True,
            stays=Amount(2 * rows),
        )
        # On a GPU they have four bytes, whatever comes in.
        four = Amount(bytes=8 * rows)
        gpu = replace(cost, saves_more=0, saves_bytes=8 * rows, stays=four)
        return replace(cost, gpu=replace(gpu, workspace=0, workspace_bytes=8 * rows))

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        features = code(x.features)
        eps = "" if a.eps == 1e-5 else f", eps={code(a.eps)}"
        if a.affine:
            return _over_features(x, "LayerNorm", f"{features}{eps}")
        ahead, behind = "", ""
        if x.layout is Layout.IMAGE:
            ahead, behind = ".movedim(1, -1)", ".movedim(-1, 1)"
        call = f"F.layer_norm({{x}}{ahead}, ({features},){eps}){behind}"
        bare = f"{features}{eps}, elementwise_affine=False"
        return Emitted(call, layer=_over_features(x, "LayerNorm", bare).module)


class RMSNorm(Operator):
    """Division by the root mean square of the features, with a learned scale."""

    name = "rmsnorm"
    single = True
    normalises = True
    positionwise = True
    order = Order.ALIKE
    about = "divides by the root mean square of the features; learned scale, no shift"
    source = "Zhang and Sennrich (2019)"
    attribute = "norm"
    stacks = True
    weights = (Weights("rmsnorm", ("nn.RMSNorm",), flat=True),)
    support = (template("rms_norm_2d"),)
    arguments = (Argument("eps", Kind.AMOUNT, 1e-6, _EPS),)

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        (x,) = inputs
        size, width = x.numbers, x.numbers // max(1, x.rows)
        # Numbers of two bytes have four in between.
        up = converted("up", x, wide=True)
        cost = Cost(changed_in_place=True, workspace=size, workspace_back=3 * size)
        mean = operation("mean", (up,), x.rows, ("up",), cost=cost.widened)
        root = again("root", (mean,), x.rows, ("root",), wide=True)
        asks = ("up", "root")
        by = again("by", (up, root), size, asks, wide=True, back=size)
        more = {"parameters": width, "back": size}
        scaled = again("scaled", (by,), size, ("by",), wide=True, **more)
        # They have names until all is done.
        y = replace(converted("y", scaled), names=asks)
        # On a GPU it is one kernel, which keeps no quotient.
        kernel = operation("y", (x,), size, (x.name,), cost=_kernel(width, x.rows))
        does = on_gpu((up, mean, root, by, scaled, y), (kernel,))
        return (Detail("y", self.name, parameters=width, shape=x.shape, does=does),)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        # What each position is divided by, and the quotient before the learned scale, have
        # four bytes, whatever comes in.
        cost = super().cost(x, a)
        bytes = cost.saves_bytes + 4 * cost.saves_more
        kernel = _kernel(cost.parameters, x.elements // int(x.features))
        gpu = replace(kernel, saves_input=True, fused=True)
        return replace(cost, saves_more=0, saves_bytes=bytes, gpu=gpu)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        given = f"{code(x.features)}, eps={code(a.eps)}"
        return _over_features(x, "RMSNorm", given)


def _kernel(width: int, rows: int) -> Cost:
    """What a GPU keeps of `rmsnorm`: a number of four bytes for each row."""
    stays = Amount(bytes=4 * rows)
    return Cost(width, saves_bytes=stays.bytes, cheap=True, stays=stays)


class GroupNorm(Operator):
    """Normalisation over the positions of a group of channels."""

    name = "gn"
    takes = (Layout.IMAGE, Layout.VECTOR)
    normalises = True
    about = "normalisation over all positions of a group of channels"
    source = "Wu and He (2018)"
    attribute = "gn"
    weights = (Weights("gn", ("nn.GroupNorm",), flat=True),)
    arguments = (
        Argument("groups", Kind.SIZE, 32, "parts into which the channels fall"),
        Argument("eps", Kind.AMOUNT, 1e-5, _EPS),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        divides(a.groups, x.features, "channels")
        return x

    def cost(self, x: Shape, a: Arguments) -> Cost:
        # Mean and deviation of each group are kept beside the input.
        more = 2 * int(a.groups)
        return Cost(
            2 * int(x.features),
            saves_input=True,
            saves_more=more,
            workspace=more,
            cheap=True,
            stays=Amount(more),
        )

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        module = made("nn.GroupNorm", a.groups, x.features, eps=(a.eps, 1e-5))
        return Emitted("{m}({x})", module)
