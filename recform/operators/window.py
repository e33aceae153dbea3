"""Windows that slide over an image: how many positions they have, what does not fit."""

from __future__ import annotations

import sympy

from recform.blocks.arguments import Value
from recform.blocks.operator import Misfit
from recform.blocks.shape import Shape, Size, known


def pair(value: Value) -> tuple[Size, Size]:
    """An argument for height and width: as given for each, or one number for both."""
    return value if isinstance(value, tuple) else (value, value)


def joined(height: Size, width: Size) -> Value:
    """One number where both axes have the same."""
    return height if height == width else (height, width)


def window(
    size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size
) -> Size:
    """How many positions a sliding window has along an axis."""
    return floored(size + 2 * padding - dilation * (kernel - 1) - 1, stride) + 1


def window_up(
    size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size
) -> Size:
    """The same where a window may run over the end (``ceil_mode`` of torch).

    It has to start inside of the image or its padding in front.
    """
    beyond = dilation * (kernel - 1) + 1 - size - 2 * padding
    return _least(-floored(beyond, stride) + 1, -floored(-(size + padding), stride))


def floored(total: Size, by: Size) -> Size:
    """``total // by``, also of symbols for whole numbers.

    SymPy would ask for everything that it can find out of the symbols, which takes a
    tenth of a whole run. It is enough to take out what is whole, so that sizes which are
    the same look the same.
    """
    if by == 1 or (isinstance(total, int) and isinstance(by, int)):
        return total // by if by != 1 else total
    whole, rest = sympy.sympify(total).as_coeff_Add()
    if not isinstance(by, int) or not whole.is_Integer:
        return sympy.floor(total / by, evaluate=False)
    out, inside = divmod(int(whole), by)
    if all(term.as_coeff_Mul()[0] % by == 0 for term in sympy.Add.make_args(rest)):
        return out + rest / by
    return out + sympy.floor((rest + inside) / by, evaluate=False)


def _least(a: Size, b: Size) -> Size:
    if known(a, b):
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
    if known(groups, size) and size % groups:
        raise Misfit(
            "RF402",
            f"has {groups} groups, which do not divide its {size} {what}",
            hint="choose a width that is a multiple of the groups",
            argument="groups",
        )
