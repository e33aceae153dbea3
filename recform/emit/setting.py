"""What the symbols of a pipeline, and the parameters of a class, are in one place.

This is the only module that knows which number a parameter of a constructor is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from recform.algebra.expr import I, L
from recform.algebra.formula import Table
from recform.algebra.symbols import SCALE, STRIDE, WIDTH, size
from recform.blocks import Layout, Shape
from recform.blocks.shape import Size, as_stride
from recform.blocks.symbolic import Symbolic
from recform.graph.model import Piece, Place

#: What the sizes of the grid are called.
GRID = {
    Layout.IMAGE: ("height", "width"),
    Layout.PIXELS: ("height", "width"),
    Layout.TOKENS: ("positions",),
    Layout.VECTOR: (),
}
#: The parameters that are a symbol of the formula.
_SYMBOLS = {
    "channels": WIDTH,
    "features": WIDTH,
    "stride": STRIDE,
    "scale": SCALE,
    "i": I,
    "depth": L,
}
#: Constructor parameters in their order; free parameters of the file follow.
_ORDER = (
    "in_channels",
    "in_features",
    "channels",
    "features",
    "i",
    "depth",
    "scale",
    "height",
    "width",
    "positions",
)


@dataclass(frozen=True)
class Setting:
    """Where a class is made, or where the code of a pipeline stands.

    Attributes:
        x: the shape that comes in.
        values: what ``c``, ``s``, ``i``, ``L`` and the constants per stage or block are,
            by their symbols; what is open there is missing, or None. Both may hold the
            symbols of a class that is written.
    """

    x: Shape
    values: Mapping[Symbolic, Size]

    @classmethod
    def at(
        cls,
        x: Shape,
        place: Place | Piece,
        tables: Sequence[Table] = (),
        index: Size | None = None,
        length: Size | None = None,
    ) -> Setting:
        """A place of the network.

        Args:
            x: the shape that comes in there.
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
            I: index,
            L: length,
        }
        known = {symbol: value for symbol, value in values.items() if value is not None}
        return cls(x, {**known, **numbers})

    @classmethod
    def open(cls, shape: Shape) -> Setting:
        """A class whose constructor takes all sizes."""
        image = shape.layout is Layout.IMAGE
        width = "channels" if image else "features"
        names = {WIDTH: width, STRIDE: "stride", SCALE: "scale", I: "i", L: "depth"}
        incoming = size(f"in_{width}")
        grid = tuple(map(size, GRID[shape.layout]))
        values = {symbol: size(name) for symbol, name in names.items()}
        return cls(Shape(shape.layout, incoming, grid), values)

    def taking(self, features: Size) -> Setting:
        """The same place, with other features that come in."""
        return Setting(Shape(self.x.layout, features, self.x.grid), self.values)

    def value(self, parameter: str) -> Size:
        """What a parameter of a constructor is; None where it is open."""
        if parameter in ("in_channels", "in_features"):
            return self.x.features
        if parameter in _SYMBOLS:
            return self.values.get(_SYMBOLS[parameter])
        sizes = dict(zip(GRID[self.x.layout], self.x.grid, strict=True))
        if parameter in sizes:
            return sizes[parameter]
        return next((v for s, v in self.values.items() if str(s) == parameter), None)


def ordered(used: set[str], own: Sequence[str] = ()) -> tuple[str, ...]:
    """Parameters of a constructor in their order; a stride, which has a default, last.

    Args:
        used: their names.
        own: those that an author has put into an order.
    """
    known = [name for name in _ORDER if name in used]
    rank = {name: number for number, name in enumerate(own)}
    extra = sorted(
        used - {*known, "stride"}, key=lambda name: (rank.get(name, len(rank)), name)
    )
    last = ["stride"] if "stride" in used else []
    return (*known, *extra, *last)
