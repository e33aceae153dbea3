"""Shapes of one example: what the axes mean, and how shapes relate between stages.

A size is an integer, or a SymPy expression while code is emitted (``4*channels``): the
shape rules of the operators work on both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import TypeAlias

from recform.blocks.symbolic import Symbolic

#: An integer, or a SymPy expression.
Size: TypeAlias = Symbolic
#: What divides a grid. 1/2, for one that is twice as fine, is a fraction; a whole number
#: never is.
Stride: TypeAlias = int | Fraction


def known(*sizes: Size) -> bool:
    """Whether sizes are numbers, which can be compared."""
    return all(isinstance(size, int) for size in sizes)


def as_stride(value: int | Fraction) -> Stride:
    """A stride in its one form."""
    return value if value != int(value) else int(value)


class Layout(Enum):
    """What the axes of a tensor are, the batch axis left out.

    IMAGE is channels x height x width, PIXELS is height x width x channels, TOKENS is
    positions x features, VECTOR is features alone. STREAMS are several tensors of one of
    the last three: streams x ... x features. IDS is positions alone: a whole number each,
    which names a token of so many as the features say.
    """

    IMAGE = "image"
    PIXELS = "pixels"
    TOKENS = "tokens"
    VECTOR = "vector"
    STREAMS = "streams"
    IDS = "ids"

    @property
    def features_last(self) -> bool:
        """Whether the features stand behind a grid."""
        return self in (Layout.TOKENS, Layout.PIXELS, Layout.STREAMS)


class Order(Enum):
    """In which order the numbers of a tensor lie in memory.

    Those of a position may lie TOGETHER, or APART, side by side with those of the same
    feature, as images have them. What is computed number by number lies ALIKE, as what it
    is made of does: of several tensors as the first one that is as large. What is JOINED
    lies together if all that it is made of do.
    """

    TOGETHER = "together"
    APART = "apart"
    ALIKE = "alike"
    JOINED = "joined"


@dataclass(frozen=True)
class Shape:
    """The shape of one example.

    Attributes:
        layout: what the axes mean.
        features: channels of an image, width of a token or a vector; of ids, how many
            tokens they may name.
        grid: height and width of an image or of pixels, the number of tokens, or nothing;
            of streams, how many there are and the grid of each.
    """

    layout: Layout
    features: Size
    grid: tuple[Size, ...] = ()

    @staticmethod
    def of(sizes: tuple[Size, ...]) -> Shape:
        """A shape from its sizes in the order of the axes (one to three sizes)."""
        if len(sizes) == 3:
            return Shape(Layout.IMAGE, sizes[0], sizes[1:])
        if len(sizes) == 2:
            return Shape(Layout.TOKENS, sizes[1], sizes[:1])
        return Shape(Layout.VECTOR, sizes[0])

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The sizes in the order of the axes, without the batch."""
        if self.layout is Layout.IDS:
            return self.grid
        if self.layout.features_last:
            return (*self.grid, self.features)
        return (self.features, *self.grid)

    @property
    def elements(self) -> int:
        """How many numbers one example has."""
        product = 1
        for size in self.sizes:
            product *= int(size)
        return product

    @property
    def feature_axis(self) -> int:
        """The axis of the features in a batch, as torch counts it."""
        return -1 if self.layout.features_last else 1

    @property
    def grid_axes(self) -> tuple[int, ...]:
        """The axes of the grid in a batch."""
        first = 1 if self.layout.features_last else 2
        return tuple(range(first, first + len(self.grid)))

    @property
    def is_divided(self) -> bool:
        """Whether strides divide its grid."""
        return self.layout in (Layout.IMAGE, Layout.PIXELS)

    def with_features(self, features: Size) -> Shape:
        """The same grid with other features."""
        return Shape(self.layout, features, self.grid)

    def in_streams(self, n: Size) -> Shape:
        """That of n streams, each of which has this shape."""
        return Shape(Layout.STREAMS, self.features, (n, *self.grid))

    @property
    def one_stream(self) -> Shape:
        """That of one of the streams."""
        each = self.grid[1:]
        layout = (Layout.VECTOR, Layout.TOKENS, Layout.PIXELS)[len(each)]
        return Shape(layout, self.features, each)

    def staged(self, width: int, stride: Stride) -> Shape:
        """The shape that a block of this width and stride makes from this one."""
        return self.downsampled(stride).with_features(width)

    def downsampled(self, stride: Stride) -> Shape:
        """The shape after a stride, if its grid is one that strides divide."""
        if not self.is_divided:
            return self
        grid = tuple(-(-int(size) // stride) for size in self.grid)
        return Shape(self.layout, self.features, grid)

    def spreads_over(self, target: Shape, *, product: bool = False) -> bool:
        """Whether this is one number a feature for a tensor with a grid: a gate.

        A vector is, and so is an image of one position; sizes may be symbols. In a
        product one number a position is a gate as well, one feature on the same grid, and
        so is one number an example.
        """
        one = bool(product and self.features == 1)
        if self.layout is target.layout and self.grid == target.grid:
            return one and bool(target.features != 1)
        if not target.grid or target.grid == self.grid:
            return False
        alone = not self.grid or all(size == 1 for size in self.grid)
        if self.layout is not target.layout and self.grid:
            return False
        numbers = isinstance(self.features, int) and isinstance(target.features, int)
        return alone and (one or not numbers or self.features == target.features)

    def is_made_of(self, shapes: Iterable[Shape]) -> bool:
        """Whether factors or terms of these shapes, gates among them, have this one.

        A gate for the features and one for the positions do so together.
        """
        made = tuple(shapes)
        return any(shape.features == self.features for shape in made) and any(
            shape.layout is self.layout and shape.grid == self.grid for shape in made
        )

    def stride_to(self, target: Shape, behind: Stride = 1) -> Stride | None:
        """The stride that leads from this grid to another; None if there is none.

        Args:
            target: has the other grid.
            behind: the stride that the stages between have. It is taken where it leads
                there, for then it does so in images of every size; otherwise the
                smallest that does, or for a finer grid how often it is in the other.
        """
        if self.layout is not target.layout or len(self.grid) != len(target.grid):
            return None
        if not self.is_divided:
            return 1 if self.grid == target.grid else None
        if not all(target.grid):
            return None
        sizes = [*zip(self.grid, target.grid, strict=True)]
        least = max(-(-int(mine) // int(other)) for mine, other in sizes)
        finer = min(int(other) // int(mine) for mine, other in sizes)
        for stride in (behind, least, Fraction(1, max(finer, 1))):
            if self.downsampled(stride).grid == target.grid:
                return stride
        return None

    @property
    def per_feature(self) -> tuple[Size, ...]:
        """The sizes of a parameter that has a number for each feature."""
        if self.layout is Layout.IMAGE:
            return (self.features, 1, 1)
        return (self.features,)

    def __str__(self) -> str:
        if self.layout is Layout.IDS:
            return f"{self.grid[0]} of {self.features}"
        return " x ".join(str(size) for size in self.sizes)
