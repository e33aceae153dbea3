"""From plan to plan: each node of a definition in another form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar

_Node = TypeVar("_Node")


def rewritten(node: _Node, change: Callable[[object], object]) -> _Node:
    """A definition, statement or expression, of which each part is what ``change`` says.

    Args:
        node: of a plan.
        change: gets each node, the parts of it before it, and returns what it is to be.
    """
    # A node stays one of its kind.
    return _rewritten(node, change)  # type: ignore[return-value]


def _rewritten(node: object, change: Callable[[object], object]) -> object:
    if isinstance(node, tuple):
        made = tuple(_rewritten(part, change) for part in node)
        return node if all(a is b for a, b in zip(made, node, strict=True)) else made
    if not is_dataclass(node):
        return node
    new = {}
    for item in fields(node):
        old = getattr(node, item.name)
        if (part := _rewritten(old, change)) is not old:
            new[item.name] = part
    return change(replace(node, **new) if new else node)  # type: ignore[type-var]
