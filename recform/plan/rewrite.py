"""From plan to plan: each node of a definition in another form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import cache
from operator import is_
from typing import Any, TypeVar

_Node = TypeVar("_Node")
#: What most fields of a node are, and no node is.
_PLAIN = frozenset({str, int, bool, type(None)})


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
        made = tuple([_rewritten(part, change) for part in node])
        return node if all(map(is_, made, node)) else made
    kind: Any = type(node)
    names = _names(kind)
    if names is None:
        return node
    new = {}
    for name in names:
        old = getattr(node, name)
        if type(old) in _PLAIN:
            continue
        if (part := _rewritten(old, change)) is not old:
            new[name] = part
    return change(replace(node, **new) if new else node)  # type: ignore[type-var]


@cache
def _names(kind: type) -> tuple[str, ...] | None:
    """The fields of a kind of node; None for what is no node."""
    if not is_dataclass(kind):
        return None
    return tuple(item.name for item in fields(kind))
