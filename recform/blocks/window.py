"""Windows that slide over an image: how many positions they have, what does not fit."""

from __future__ import annotations

from typing import Any

import sympy

from recform.blocks.operator import Misfit
from recform.blocks.shape import Shape, Size


def pair(value: Any) -> tuple[Size, Size]:
    """An argument for height and width: as given for each, or one number for both."""
    return value if isinstance(value, tuple) else (value, value)


def joined(height: Size, width: Size) -> Any:
    """One number where both axes have the same."""
    return height if height == width else (height, width)


def window(
    size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size
) -> Size:
    """How many positions a sliding window has along an axis."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def window_up(
    size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size
) -> Size:
    """The same where a window may run over the end (``ceil_mode`` of torch).

    It has to start inside of the image or its padding in front.
    """
    beyond = dilation * (kernel - 1) + 1 - size - 2 * padding
    return _least(-(beyond // stride) + 1, -(-(size + padding) // stride))


def _least(a: Size, b: Size) -> Size:
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    return sympy.Min(a, b)


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
            f"has {groups} groups, which do not divide its {size} {what}",
            hint="choose a width that is a multiple of the groups",
            argument="groups",
        )
