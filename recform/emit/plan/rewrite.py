"""From plan to plan: each node of a definition in another form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

_Node = TypeVar("_Node")


def rewritten(node: _Node, change: Callable[[Any], Any]) -> _Node:
    """A definition, statement or expression, of which each part is what ``change`` says.

    Args:
        node: of a plan.
        change: gets each node, the parts of it before it, and returns what it is to be.
    """
    return _rewritten(node, change)  # type: ignore[no-any-return]


def _rewritten(node: Any, change: Callable[[Any], Any]) -> Any:
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
