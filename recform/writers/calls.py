"""Calls of generated classes: which parameter gets what, and how it is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recform.blocks import code
from recform.blocks.shape import Size
from recform.plan.expressions import Argument, Code, Expression, Make
from recform.writers.setting import Setting

_ONE = Code("1")


def given(
    values: Iterable[tuple[str, Expression]], *, shows_stride: bool = False
) -> tuple[Argument, ...]:
    """The arguments of a class.

    Args:
        values: of its parameters, by their names.
        shows_stride: whether a stride of 1 is written, which is what is left out.
    """
    return tuple(
        Argument(value, name if name == "stride" else "")
        for name, value in values
        if name != "stride" or shows_stride or value != _ONE
    )


def made_at(
    callee: str, parameters: Sequence[str], here: Setting, *, shows_stride: bool = False
) -> Make:
    """A call of a class in the network's constructor; what is open there has its name."""
    values = ((name, text(here.value(name), name)) for name in parameters)
    return Make(callee, given(values, shows_stride=shows_stride))


def text(value: Size | None, name: str) -> Code:
    """A number or a symbolic size; what is open is the parameter of its name."""
    return Code(name if value is None else code(value))
