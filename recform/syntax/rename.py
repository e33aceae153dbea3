"""Other names in a tree of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from recform.syntax import nodes as n

_N = TypeVar("_N", bound=n.Node)


def renamed(node: _N, names: Mapping[str, str]) -> _N:
    """The node with other names for those without an index, in indices too; places stay."""
    changes: dict[str, Any] = {
        field.name: _changed(getattr(node, field.name), names)
        for field in fields(node)
        if field.name != "span"
    }
    if isinstance(node, n.Reference) and not node.indices:
        changes["name"] = names.get(node.name, node.name)
    return replace(node, **changes)


def _changed(value: object, names: Mapping[str, str]) -> object:
    if isinstance(value, n.Node):
        return renamed(value, names)
    if isinstance(value, tuple):
        return tuple(_changed(item, names) for item in value)
    return value
