"""The table of all operators, by name: those of recform, and those of plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from recform.blocks.operator import Operator

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


def activate(extra: Mapping[str, Operator]) -> None:
    """Makes operators of plugins known from here on (a command does one thing)."""
    _EXTRA.set(extra)


def lookup(name: str) -> Operator | None:
    """The operator of this name, or None."""
    _load()
    own = _OPERATORS.get(name)
    return own if own is not None else (_EXTRA.get() or {}).get(name)


def elementwise(name: str) -> Operator | None:
    """The operator of this name if equations can use it as a function, or None."""
    operator = lookup(name)
    return operator if operator is not None and operator.elementwise else None


def names() -> list[str]:
    """The names of all operators, sorted."""
    _load()
    return sorted({*_OPERATORS, *(_EXTRA.get() or {})})


def own(name: str) -> bool:
    """Whether recform has an operator of this name without any plugin."""
    _load()
    return name in _OPERATORS
