"""The table of all operators, by name."""

from __future__ import annotations

from functools import cache

from recform.blocks.operator import Operator

_OPERATORS: dict[str, Operator] = {}


def register(operator: type[Operator]) -> type[Operator]:
    """Adds an operator class to the library (used as a decorator)."""
    _OPERATORS[operator.name] = operator()
    return operator


@cache
def _load() -> None:
    """Imports the families; each registers its operators."""
    from recform.blocks import (  # noqa: F401
        activation,
        attention,
        convolution,
        linear,
        norm,
        padding,
        pooling,
        rearrange,
        regularise,
        tokens,
    )


def lookup(name: str) -> Operator | None:
    """The operator of this name, or None."""
    _load()
    return _OPERATORS.get(name)


def elementwise(name: str) -> Operator | None:
    """The operator of this name if equations can use it as a function, or None."""
    operator = lookup(name)
    return operator if operator is not None and operator.elementwise else None


def names() -> list[str]:
    """The names of all operators, sorted."""
    _load()
    return sorted(_OPERATORS)
