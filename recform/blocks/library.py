"""The table of all operators, by name: those of recform, and those of plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from recform.blocks.function import Function
from recform.blocks.operator import (
    FUNCTION_INPUT,
    Arguments,
    Cost,
    Misfit,
    Operator,
)
from recform.blocks.shape import Shape
from recform.blocks.template import Template, template

_OPERATORS: dict[str, Operator] = {}
#: Operators of the plugins of the formula that is being compiled.
_EXTRA: ContextVar[Mapping[str, Operator] | None] = ContextVar("extra", default=None)


def register(operator: type[Operator]) -> type[Operator]:
    """Adds an operator class to recform's own (used as a decorator)."""
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


@contextmanager
def imported_whole() -> Iterator[None]:
    """Around the import of a plugin: one that fails half-way registers nothing."""
    _load()
    before = dict(_OPERATORS)
    try:
        yield
    except BaseException:
        _OPERATORS.clear()
        _OPERATORS.update(before)
        raise


@contextmanager
def using(extra: Mapping[str, Operator]) -> Iterator[None]:
    """Inside of it the operators of plugins are known too."""
    token = _EXTRA.set(extra)
    try:
        yield
    finally:
        _EXTRA.reset(token)


def lookup(name: str) -> Operator | None:
    """The operator of this name, or None."""
    _load()
    own = _OPERATORS.get(name)
    return own if own is not None else extra().get(name)


def elementwise(name: str) -> Operator | None:
    """The operator of this name if equations can use it as a function, or None."""
    operator = lookup(name)
    return operator if operator is not None and operator.elementwise else None


def told(name: str) -> Function | None:
    """What the elementwise operator of this name says that it computes, if anything.

    Raises:
        LookupError: if there is none of this name.
    """
    return _function(name).function


def _function(name: str) -> Operator:
    operator = elementwise(name)
    if operator is None:
        raise LookupError(f"no function {name} is known here")
    return operator


def function_cost(name: str, x: Shape) -> Cost:
    """What an elementwise operator costs that is used as a function.

    Raises:
        Misfit: if its rule fails; it says which operator it is of.
        LookupError: if there is none of this name.
    """
    try:
        return _function(name).cost(x, Arguments({}))
    except Misfit as misfit:
        misfit.operator = name
        raise


def function_call(name: str) -> Template:
    """The code of an elementwise operator that is used as a function.

    Raises:
        LookupError: if there is none of this name.
    """
    emitted = _function(name).emit(FUNCTION_INPUT, Arguments({}))
    return template(emitted.call)


def names() -> list[str]:
    """The names of all operators, sorted."""
    _load()
    return sorted({*_OPERATORS, *extra()})


def extra() -> Mapping[str, Operator]:
    """The operators of plugins that are known here."""
    return _EXTRA.get() or {}


def own(name: str) -> bool:
    """Whether recform has an operator of this name without any plugin."""
    _load()
    return name in _OPERATORS
