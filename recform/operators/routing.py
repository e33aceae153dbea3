"""Layers of which a token runs through some alone: mixtures of experts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recform.blocks.acts import Inner
from recform.blocks.amount import Amount, Cost
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import made
from recform.blocks.details import Detail, again, made_by, operation
from recform.blocks.operator import CALL, Emitted, Misfit, Operator, require_layout
from recform.blocks.shape import Layout, Shape
from recform.blocks.support import template
from recform.operators.activation import Sigmoid, Softmax
from recform.operators.linear import LINEAR, Linear

#: Bytes of an id of torch.
_ID = 8
#: As how many experts the costs of more of them are told.
_TOLD = 8


class Experts(Operator):
    """Feed-forward layers (SwiGLU), of which a router chooses a few for each token."""

    name = "experts"
    positionwise = True
    multiplies = True
    about = "a mixture of experts: each token runs through a few feed-forward layers"
    source = "Shazeer et al. (2017), section 2; Jiang et al. (2024), section 2.1"
    attribute = "moe"
    mixes = True
    weights = (LINEAR,)
    support = (template("expert"), template("experts"))
    arguments = (
        Argument("count", Kind.COUNT, about="how many layers there are"),
        Argument("top", Kind.COUNT, about="how many of them a token runs through"),
        Argument("inner", Kind.SIZE, about="features of a layer, between its maps"),
        Argument(
            "normalised",
            Kind.FLAG,
            True,
            "the weights of a token's layers add up to one",
        ),
        Argument(
            "scores",
            Kind.CHOICE,
            "softmax",
            "what makes weights of what the router says",
            choices=("softmax", "sigmoid"),
        ),
        Argument(
            "balanced",
            Kind.FLAG,
            False,
            "a number of each layer, moved by no gradient, is added where they are chosen",
        ),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        layouts = (Layout.VECTOR, Layout.TOKENS, Layout.PIXELS)
        hint = f"of the channels of each place it is pixels > {CALL} > image"
        require_layout(x, *layouts, hint=hint if x.layout is Layout.IMAGE else "")
        if a.top > a.count:
            raise Misfit(
                "RF402",
                f"has {a.count} experts, of which a token cannot run through {a.top}",
                argument="top",
            )
        if a.top == 1 and a.normalised:
            raise Misfit(
                "RF402",
                "gives the one expert of a token the weight 1: its router learns nothing",
                hint="normalised=false, which leaves it the weight of the router",
                argument="top",
            )
        return x

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        """The operations of `Experts` (`blocks/support/experts.py`)."""
        (x,) = inputs
        router = made_by(
            "router", Linear(), x, width=a.count, bias=False, said="router"
        )
        kind = Sigmoid() if a.scores == "sigmoid" else Softmax()
        scores = made_by("scores", kind, router, activation=True)
        weights = _weights(scores, a)
        of = x.name, weights.name
        layers = Detail("layers", "{top} of {count} experts", of, learned=True)
        y = Detail("y", "weighed sum", ("layers", weights.name), shape=x.shape)
        if x.numbers:
            does = tuple(_apart(x, weights, a))
            learned = sum(link.cost.parameters for act in does for link in act.links)
            layers = replace(layers, parameters=learned)
            y = replace(y, does=does)
        return router, scores, weights, layers, y

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        sizes = (x.features, a.inner, a.count, a.top)
        named = {item.name: (a[item.name], item.default) for item in self.arguments[3:]}
        return Emitted("{m}({x})", made("Experts", *sizes, **named))


def _weights(scores: Detail, a: Arguments) -> Detail:
    """The largest scores of each token, over their sum if they are to add up to one."""
    note = "over their sum" if a.normalised else ""
    shape = scores.shape and scores.shape.with_features(a.top)
    weights = Detail("weights", "top {top}", (scores.name,), note, shape=shape)
    if not weights.numbers:
        return weights
    ids = _places(weights.numbers)
    name = "largest" if a.normalised else weights.name
    does = [operation(name, (scores,), weights.numbers, cost=ids)]
    if a.balanced:  # Of which no gradient is taken.
        does = [operation("balanced", (), scores.numbers), *does]
    if a.normalised:
        largest = does[-1]
        total = operation("total", (largest,), weights.rows)
        both = largest, total
        share = again(weights.name, both, weights.numbers, ("largest", "total"))
        does += [total, share]
    return replace(weights, does=tuple(does))


def _places(count: int) -> Cost:
    """Of what is picked by ids, which stay."""
    return Cost(saves_bytes=_ID * count, stays=Amount(bytes=_ID * count))


def _apart(x: Detail, weights: Detail, a: Arguments) -> Iterator[Inner]:
    """The experts of all tokens, one after the other, and what a token has of its own.

    Which token runs where hangs on its numbers: here each expert gets as many.
    """
    features, rows = x.numbers // x.rows, int(a.top) * x.rows
    many, ids = rows * features, _places(rows)
    order = operation("order", (weights,), _ID // 4 * rows)
    yield order
    yield operation("gathered", (x, order), many, cost=ids)
    told = min(int(a.count), _TOLD)
    each: list[Inner] = []
    for n in range(told):
        experts, tokens = (
            total * (n + 1) // told - total * n // told
            for total in (int(a.count), rows)
        )
        does = tuple(_expert(n, experts, (tokens, features, int(a.inner))))
        each.append(does[-1])
        yield from does
    layers = again("layers", each, many)
    yield replace(layers, names=("gathered",))
    apart = operation("apart", (layers, order), many, cost=ids)
    yield apart
    weighed = again("weighed", (apart, weights), many, ("apart", weights.name))
    yield weighed
    y = operation("y", (weighed,), x.numbers)
    yield replace(y, names=(x.name, weights.name, "order", "apart"))


def _expert(n: int, experts: int, sizes: tuple[int, int, int]) -> Iterator[Inner]:
    """What an expert makes of its tokens, or several of theirs.

    Args:
        n: which one.
        experts: how many they are.
        sizes: how many tokens there are, the features of each, and those between the maps.
    """
    tokens, features, inner = sizes
    learned = features * inner
    maps = Cost(experts * learned, multiply_adds=tokens * learned, turned=True)
    part = f"part {n}"
    x = Detail(part, shape=Shape(Layout.TOKENS, features, (tokens,)))
    yield Inner(part, ("gathered",), (), ())
    gate = operation(f"gate {n}", (x,), tokens * inner, (part,), cost=maps)
    yield gate
    act = again(f"silu {n}", (gate,), tokens * inner, (gate.tensor,))
    yield act
    up = operation(f"up {n}", (x,), tokens * inner, (part,), cost=maps)
    yield up
    both = act, up
    asks = act.tensor, up.tensor
    hidden = again(f"hidden {n}", both, tokens * inner, asks)
    yield hidden
    yield operation(
        f"down {n}", (hidden,), tokens * features, (hidden.tensor,), cost=maps
    )
