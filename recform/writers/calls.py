"""Calls of generated classes: which parameter gets what, and how it is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recform.algebra.symbols import is_width
from recform.blocks import code
from recform.blocks.shape import Size
from recform.plan.expressions import Argument, Code, Expression, Make
from recform.writers.setting import Setting

_ONE = Code("1")


def given(
    values: Iterable[tuple[str, Expression]], *, shows_stride: bool = False
) -> tuple[Argument, ...]:
    """The arguments of a class, by name from the first that nobody would know without.

    Args:
        values: of its parameters, by their names.
        shows_stride: whether a stride of 1 is written, which is what is left out.
    """
    result: list[Argument] = []
    for name, value in values:
        if name != "stride" or shows_stride or value != _ONE:
            told = is_width(name) or (name != "stride" and value == Code(name))
            named = any(item.keyword for item in result) or not told
            result.append(Argument(value, name if named else ""))
    return tuple(result)


def made_at(
    callee: str, parameters: Sequence[str], here: Setting, *, shows_stride: bool = False
) -> Make:
    """A call of a class in the network's constructor; what is open there has its name."""
    values = ((name, text(here.value(name), name)) for name in parameters)
    return Make(callee, given(values, shows_stride=shows_stride))


def text(value: Size | None, name: str) -> Code:
    """A number or a symbolic size; what is open is the parameter of its name."""
    return Code(name if value is None else code(value))
