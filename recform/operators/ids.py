"""Ids as tokens, and tokens as scores of ids, by one matrix."""

from __future__ import annotations

from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import code
from recform.blocks.operator import Emitted, Misfit, Operator, Weights, require_layout
from recform.blocks.shape import Layout, Shape, Size

#: The matrix of a learned vector for each id.
EMBEDDING = "embedding"


class Embed(Operator):
    """A learned vector for each id."""

    name = "embed"
    positionwise = True
    about = "makes a token of each id: a learned vector for each that there is"
    source = "Bengio et al. (2003), section 2"
    attribute = "embed"
    takes_ids = True
    shares = EMBEDDING
    weights = (Weights("embed", ("nn.Embedding",)),)
    arguments = (Argument("width", Kind.SIZE, about="features of a token"),)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        require_layout(x, Layout.IDS)
        return Shape(Layout.TOKENS, a.width, x.grid)

    def shared(self, x: Shape, a: Arguments) -> tuple[Size, ...]:
        return (x.features, a.width)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(
            parameters=int(x.features) * int(a.width),
            saves_bytes=8 * x.elements,
            turned=True,  # Where it is shared, `unembed` has the other gradient.
        )

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{m}({x})", f"nn.Embedding({code(x.features)}, {code(a.width)})")


class Unembed(Operator):
    """Scores of all ids at each position, by the matrix that embeds them."""

    name = "unembed"
    positionwise = True
    multiplies = True
    about = "a score of each id at each position, by the matrix of `embed` in the stem"
    source = "Press and Wolf (2017), section 3; Inan et al. (2017)"
    attribute = "unembed"
    mixes = True
    shares = EMBEDDING
    arguments = (
        Argument("of", Kind.CHOICE, "stem", "where that matrix is", ("stem",)),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        ids = a.get(IDS)
        if ids is None:
            raise Misfit(
                "RF409",
                "shares the matrix of `embed` in the stem, and "
                + ("the stem has none" if IDS in a else "stands in the head alone"),
                hint="with `input 64 of 256` and `stem embed(c)`, the head may be "
                "ln > unembed(stem)"
                if IDS in a
                else "elsewhere, linear makes scores by a matrix of its own",
            )
        require_layout(x, Layout.TOKENS, Layout.VECTOR)
        return x.with_features(ids)

    def shared(self, x: Shape, a: Arguments) -> tuple[Size, ...]:
        return (a[IDS], x.features)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        y = self.shape(x, a)
        adds = int(x.features) * y.elements
        return Cost(multiply_adds=adds, saves_input=True, turned=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        sizes = f"{code(x.features)}, {code(a[IDS])}"
        return Emitted("{m}({x})", f"nn.Linear({sizes}, bias=False)")


#: How many ids there are: what a head knows of the network, and no author writes.
IDS = "ids"
