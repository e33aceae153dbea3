"""What the symbols of a pipeline, and the parameters of a class, are in one place.

This is the only module that knows which number a parameter of a constructor is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from recform.algebra.expr import L
from recform.algebra.formula import Table
from recform.algebra.symbols import BLOCK, SCALE, STRIDE, WIDTH, size
from recform.blocks import Layout, Shape
from recform.blocks.identifiers import FEATURES_IN, unnumbered
from recform.blocks.shape import Size, as_stride
from recform.blocks.symbolic import Symbolic
from recform.graph.model import Piece, Place

#: What the sizes of a grid are called, by their number.
_GRID = ((), ("positions",), ("height", "width"))
#: The parameters that are a symbol of the formula.
_SYMBOLS = {
    "channels": WIDTH,
    "features": WIDTH,
    "stride": STRIDE,
    "scale": SCALE,
    "i": BLOCK,
    "depth": L,
}
#: Constructor parameters in their order, behind the features that come in; free
#: parameters of the file follow.
_ORDER = (
    "channels",
    "features",
    "i",
    "depth",
    "streams",
    "scale",
    "height",
    "width",
    "positions",
)


def grid_names(shape: Shape) -> tuple[str, ...]:
    """What the sizes of its grid are called."""
    if shape.layout is Layout.STREAMS:
        return ("streams", *_GRID[len(shape.grid) - 1])
    return _GRID[len(shape.grid)]


@dataclass(frozen=True)
class Setting:
    """Where a class is made, or where the code of a pipeline stands.

    Attributes:
        inputs: the shapes that come in.
        values: what ``c``, ``s``, ``i``, ``L`` and the constants per stage or block are,
            by their symbols; what is open there is missing, or None. Both may hold the
            symbols of a class that is written.
    """

    inputs: tuple[Shape, ...]
    values: Mapping[Symbolic, Size]

    @classmethod
    def at(
        cls,
        inputs: tuple[Shape, ...],
        place: Place | Piece,
        tables: Sequence[Table] = (),
        index: Size | None = None,
        length: Size | None = None,
    ) -> Setting:
        """A place of the network.

        Args:
            inputs: the shapes that come in there.
            place: has the width, the stride, and the constants per stage or block.
            tables: these constants.
            index: what ``i`` is there; None if it is nothing.
            length: what ``L`` is there; None if it is nothing.
        """
        numbers = dict(zip((t.symbol for t in tables), place.table, strict=False))
        # A grid is divided or becomes finer, never both.
        stride, scale = (
            max(1, place.stride),
            max(1, as_stride(1 / Fraction(place.stride))),
        )
        values = {
            WIDTH: place.width,
            STRIDE: stride,
            SCALE: scale,
            BLOCK: index,
            L: length,
        }
        known = {symbol: value for symbol, value in values.items() if value is not None}
        return cls(inputs, {**known, **numbers})

    @classmethod
    def open(cls, inputs: tuple[Shape, ...]) -> Setting:
        """A class whose constructor takes all sizes.

        Of several inputs, one of a single feature stays that: it may be a gate for others.
        """
        image = any(x.layout is Layout.IMAGE for x in inputs[:1])
        width = "channels" if image else "features"
        names = {WIDTH: width, STRIDE: "stride", SCALE: "scale", L: "depth"}
        values = {symbol: size(name) for symbol, name in names.items()}
        values[BLOCK] = BLOCK
        named = (map(size, _sizes(n, x)) for n, x in enumerate(inputs))
        opened = (
            Shape(
                x.layout,
                1 if x.features == 1 and len(inputs) > 1 else features,
                tuple(grid),
            )
            for x, (features, *grid) in zip(inputs, named, strict=True)
        )
        return cls(tuple(opened), values)

    def taking(self, features: Size) -> Setting:
        """The same place, with other features that come in."""
        return Setting((self.inputs[0].with_features(features),), self.values)

    def value(self, parameter: str) -> Size:
        """What a parameter of a constructor is; None where it is open."""
        if parameter in ("in_channels", "in_features") and self.inputs:
            return self.inputs[0].features
        if parameter in _SYMBOLS:
            return self.values.get(_SYMBOLS[parameter])
        for number, x in enumerate(self.inputs):
            sizes = dict(zip(_sizes(number, x), (x.features, *x.grid), strict=True))
            if parameter in sizes:
                return sizes[parameter]
        return next((v for s, v in self.values.items() if str(s) == parameter), None)


def _sizes(number: int, x: Shape) -> list[str]:
    """What the sizes of an input are called; those of the first one have no number.

    No name of a file ends in an underscore and a number: that would be an index.
    """
    incoming = "in_channels" if x.layout is Layout.IMAGE else "in_features"
    end = f"_{number + 1}" if number else ""
    return [f"{name}{end}" for name in (incoming, *grid_names(x))]


def ordered(used: set[str], own: Sequence[str] = ()) -> tuple[str, ...]:
    """Parameters of a constructor in their order; a stride, which has a default, last.

    Args:
        used: their names.
        own: those that an author has put into an order.
    """
    known = sorted(
        (name for name in used if unnumbered(name) in FEATURES_IN),
        key=lambda name: (name.removeprefix(unnumbered(name)), name),
    )
    known += [name for name in _ORDER if name in used]
    rank = {name: number for number, name in enumerate(own)}
    extra = sorted(
        used - {*known, "stride"}, key=lambda name: (rank.get(name, len(rank)), name)
    )
    last = ["stride"] if "stride" in used else []
    return (*known, *extra, *last)
