"""Several residual streams side by side: hyper-connections and what follows from them.

A tensor of streams holds n tensors of one shape. What works on features alone (norms,
`linear`, functions) takes each stream by itself. A matrix between the streams is an
operator, if it is learned (`weave`), or a tensor of streams whose features are its row.
"""

from __future__ import annotations

from dataclasses import replace

from recform.blocks.acts import Inner
from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import code
from recform.blocks.details import Detail, again, operation
from recform.blocks.operator import Emitted, Misfit, Operator, Several, require_layout
from recform.blocks.shape import Layout, Shape, Size, known
from recform.blocks.support import template

_SOURCE = "Zhu et al. (2025), Hyper-Connections"
_PLAIN = (Layout.TOKENS, Layout.VECTOR, Layout.PIXELS)
_SUM = Cost(hands=True)
_COUNT = Argument("n", Kind.SIZE, about="how many streams")
_FIRST = Argument("first", Kind.SIZE, 1, "which stream starts at 1, the others at 0")


class Copies(Operator):
    """The start of several streams, which are all alike."""

    name = "copies"
    costs = Cost(passes=True)
    deals = True
    takes = _PLAIN
    about = "n streams, each of which is what comes in"
    source = _SOURCE
    positionwise = True
    arguments = (_COUNT,)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        return x.in_streams(a.n)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        rest = ", ".join("-1" for _ in x.sizes)
        return Emitted(f"{{x}}.unsqueeze(1).expand(-1, {code(a.n)}, {rest})")


class Streams(Operator):
    """Features dealt out to streams, as `split` cuts them."""

    name = "streams"
    costs = Cost(passes=True)
    deals = True
    takes = _PLAIN
    about = "cuts the features into n streams"
    positionwise = True
    arguments = (_COUNT,)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if known(a.n, x.features) and x.features % a.n:
            raise Misfit(
                "RF402",
                f"makes {a.n} streams of {x.features} features, which {a.n} does not divide",
                hint="choose a width that is a multiple of the streams",
                argument="n",
            )
        return x.with_features(x.features // a.n).in_streams(a.n)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        cut = f"{{x}}.unflatten(-1, ({code(a.n)}, -1))"
        return Emitted(f"{cut}.movedim(-2, 1)" if x.grid else cut)


class Join(Operator):
    """The streams side by side, as `concat` puts tensors."""

    name = "join"
    joins = True
    takes = (Layout.STREAMS,)
    about = "the features of all streams side by side"
    positionwise = True

    def shape(self, x: Shape, a: Arguments) -> Shape:
        return x.one_stream.with_features(x.features * x.grid[0])

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(passes=not x.grid[1:], cheap=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        turned = "{x}.movedim(1, -2)" if x.grid[1:] else "{x}"
        return Emitted(f"{turned}.flatten(-2)")


class Merge(Operator):
    """The end of several streams."""

    name = "merge"
    costs = Cost(hands=True)
    takes = (Layout.STREAMS,)
    about = "the sum of all streams"
    source = _SOURCE
    positionwise = True

    def shape(self, x: Shape, a: Arguments) -> Shape:
        return x.one_stream

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{x}.sum(1)")


class Read(Operator):
    """What a layer reads: a learned combination of the streams."""

    name = "read"
    takes = (Layout.STREAMS,)
    about = "a sum of the streams with learned weights"
    source = f"{_SOURCE}, Eq. (3)"
    attribute = "read"
    weaves = True
    positionwise = True
    arguments = (_FIRST,)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        shape = x.one_stream
        if isinstance(x.grid[0], int) and isinstance(a.first, int | float):
            _one_of(int(a.first), x.grid[0])
        return shape

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(int(x.grid[0]), x.elements, saves_input=True, seen=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        # A row alone is a view, which would keep the whole matrix.
        start = f"torch.eye({code(x.grid[0])})[{code(a.first - 1)}].clone()"
        return Emitted(
            'torch.einsum("s,bs...->b...", {m}, {x})', f"nn.Parameter({start})"
        )


class Write(Operator):
    """What a layer writes: its result with a learned weight for each stream."""

    name = "write"
    takes = _PLAIN
    about = "what comes in with a learned weight for each of n streams, 1 at the start"
    source = f"{_SOURCE}, Eq. (3)"
    attribute = "write"
    positionwise = True
    arguments = (_COUNT,)

    def shape(self, x: Shape, a: Arguments) -> Shape:
        return x.in_streams(a.n)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        # It is a product element by element; so are its gradients, before they are summed.
        back = (2 * int(a.n) - 1) * x.elements
        return Cost(
            int(a.n), saves_input=True, workspace_back=back, seen=True, cheap=True
        )

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted(
            'torch.einsum("s,b...->bs...", {m}, {x})',
            f"nn.Parameter(torch.ones({code(a.n)}))",
        )


class Weave(Operator):
    """A learned matrix between the streams."""

    name = "weave"
    takes = (Layout.STREAMS,)
    about = "a learned matrix between the streams, the identity at the start"
    source = f"{_SOURCE}, Eq. (3)"
    attribute = "weave"
    weaves = True
    positionwise = True

    def cost(self, x: Shape, a: Arguments) -> Cost:
        n = int(x.grid[0])
        return Cost(n * n, n * x.elements, saves_input=True, seen=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted(
            'torch.einsum("ts,bs...->bt...", {m}, {x})',
            f"nn.Parameter(torch.eye({code(x.grid[0])}))",
        )


class Mix(Several):
    """A matrix between the streams that depends on the position."""

    name = "mix"
    about = (
        "sums of the streams: feature t of stream s in `weights` is the weight of stream s "
        "in the t-th sum"
    )
    source = f"{_SOURCE}, Eq. (7)"
    inputs = ("weights", "x")
    positionwise = True

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        weights, x = _of_streams(inputs[0]), _of_streams(inputs[1])
        _alike(weights.grid, x.grid, "streams and positions")
        return x.one_stream.in_streams(weights.features)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        weights, x = inputs
        work = int(weights.features) * x.elements
        return Cost(multiply_adds=work, saves_input=True, seen=True)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        return Emitted('torch.einsum("bs...t,bs...c->bt...c", {weights}, {x})')


class Spread(Several):
    """What a layer writes, with a weight for each stream and position."""

    name = "spread"
    about = "a tensor in each stream, times a number of `weights` a stream and position"
    source = f"{_SOURCE}, Eq. (7)"
    inputs = ("weights", "x")
    positionwise = True

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        weights, x = _of_streams(inputs[0]), inputs[1]
        require_layout(x, *_PLAIN)
        _alike(weights.grid[1:], x.grid, "positions")
        _alike((weights.features,), (1,), "weights a stream")
        return x.in_streams(weights.grid[0])

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        back = 2 * self.shape_of(inputs, a).elements - sum(x.elements for x in inputs)
        return Cost(saves_input=True, workspace_back=back, cheap=True)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        return Emitted("{weights} * {x}.unsqueeze(1)")


class Offset(Operator):
    """The learned part of a matrix that depends on the streams besides."""

    name = "offset"
    takes = (Layout.STREAMS,)
    about = "adds a learned number to each feature of each stream"
    source = f"{_SOURCE}, Eq. (6)"
    attribute = "offset"
    positionwise = True
    arguments = (
        Argument(
            "start",
            Kind.CHOICE,
            "zeros",
            "of the numbers: `eye` is 1 where stream and feature have one number, `first` "
            "is 1 in one stream",
            ("zeros", "ones", "eye", "first"),
        ),
        _FIRST,
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if a.start == "eye" and _is_oblong(x):
            raise Misfit(
                "RF402",
                f"starts with the identity, and gets {x.grid[0]} streams of {x.features} "
                "features",
                hint="a matrix between the streams has a feature for each of them",
                argument="start",
            )
        if a.start == "first" and isinstance(x.grid[0], int):
            _one_of(a.first, x.grid[0])
        return x

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(parameters=int(x.grid[0]) * int(x.features), cheap=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        n, features = code(x.grid[0]), code(x.features)
        match a.start:
            case "eye":
                start = f"torch.eye({n})"
            case "first":
                row = f"torch.eye({n})[{code(a.first - 1)}]"
                start = f"torch.outer({row}, torch.ones({features}))"
            case _:
                start = f"torch.{a.start}({n}, {features})"
        spread = "".join(", None" for _ in x.grid[1:])
        start = f"nn.Parameter({start})"
        return Emitted(f"{{x}} + {{m}}[:{spread}]" if spread else "{x} + {m}", start)


class Sinkhorn(Operator):
    """A matrix between the streams made (nearly) doubly stochastic."""

    name = "sinkhorn"
    takes = (Layout.STREAMS,)
    about = (
        "exp of a matrix between the streams, with rows and columns that add up to 1 "
        "(nearly): they are divided by their sums in turn"
    )
    source = "Sinkhorn and Knopp (1967)"
    attribute = "sinkhorn"
    positionwise = True
    support = (template("sinkhorn"),)
    arguments = (
        Argument("steps", Kind.COUNT, 20, "how often columns and rows are divided"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if _is_oblong(x):
            raise Misfit(
                "RF402",
                f"takes a square matrix, and gets {x.grid[0]} streams of {x.features} "
                "features",
                hint="give each stream a feature for each of the streams",
            )
        return x

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{m}({x})", f"Sinkhorn({code(a.steps)})")

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        (x,) = inputs
        size, rows = x.numbers, x.rows
        columns = size // int(x.shape.grid[0]) if x.shape and size else 0
        # The largest of each column, of which no gradient is taken.
        most = operation("most", (), columns)
        less = again("less", (x, most), size)
        last = again("exp", (less,), size, ("exp",))
        of, shape = (x.name,), x.shape
        exp = Detail("exp", "exp", of, activation=True, shape=shape)
        exp = replace(exp, does=(most, less, last))
        found: list[Inner] = []
        for step in range(a.steps):
            for axis, number in (("columns", columns), ("rows", rows)):
                by = operation(f"{axis} {step}", (last,), number, cost=_SUM)
                # Each division keeps the matrix, and the sums that it is divided by.
                asks = (last.tensor, by.tensor)
                last = again(f"by {axis} {step}", (last, by), size, asks, back=3 * size)
                found += [by, last]
        does = (*found[:-1], replace(last, tensor="divided"))
        said, note = "columns, rows / sums", "{steps} times in turn"
        return exp, Detail("divided", said, ("exp",), note, shape=shape, does=does)


def _of_streams(x: Shape) -> Shape:
    require_layout(x, Layout.STREAMS)
    return x


def _is_oblong(x: Shape) -> bool:
    """Whether the streams have more or fewer features than there are streams."""
    return known(x.grid[0], x.features) and x.features != x.grid[0]


def _alike(mine: tuple[Size, ...], other: tuple[Size, ...], what: str) -> None:
    if known(*mine, *other) and mine != other:
        sizes = " and ".join(
            " x ".join(map(str, grid)) or "none" for grid in (mine, other)
        )
        raise Misfit("RF401", f"takes tensors with one number of {what}, not {sizes}")


def _one_of(first: int, n: int) -> None:
    if not 1 <= first <= n:
        raise Misfit(
            "RF402",
            f"starts at stream {first}, and there are {n}",
            hint="streams are counted from 1: 1 + i - n*floor(i/n) goes through all",
            argument="first",
        )
