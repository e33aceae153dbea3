"""Values of the code in words: what is told where it does not compute the formula."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from recform.execution.forms import ONE, Made, Node


def shown(value: Any, depth: int = 4) -> str:
    """A value as a person would write it, as deep as one reads."""
    match value:
        case Node():
            return _node(value, depth)
        case Made():
            maker, *given = value.make
            return _call(str(maker), given, depth)
        case dict():
            return _sum(value.items(), depth)
        case frozenset():
            return _sum(value, depth)
        case tuple() | list():
            return f"({', '.join(shown(part, depth) for part in value)})"
        case bool() | None:
            return str(value)
        case float() | int():
            return f"{value:.4g}"
    return str(value)


def _node(node: Node, depth: int) -> str:
    kind, *parts = node.parts
    if node is ONE:
        return "1"
    if depth <= 0:
        return "..."
    match kind, parts:
        case "sum", [terms]:
            return shown(terms, depth)
        case "whole", [inner]:
            return f"({shown(inner, depth)})"
        case "product", [frozenset() as powers]:
            ordered = sorted(powers, key=lambda item: item[0].number)
            return "*".join(
                shown(base, depth - 1) + (f"^{power}" if power != 1 else "")
                for base, power in ordered
            )
        case "inverse", [inner]:
            return f"1/({shown(inner, depth - 1)})"
        case "slot", names:
            return f"tensor {'.'.join(map(str, names))}"
        case "call", [str() as method, of, *given] if method.startswith("."):
            return _call(f"{shown(of, depth - 1)}{method}", given, depth - 1)
        case "call", [function, *given]:
            return _call(shown(function, 1), given, depth - 1)
    return _call(str(kind), parts, depth - 1) if parts else str(kind)


def _call(function: str, given: Iterable[Any], depth: int) -> str:
    """A call; a pair of a word and a value is a keyword."""
    texts = [
        f"{item[0]}={shown(item[1], depth)}"
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
        else shown(item, depth)
        for item in given
    ]
    return f"{function}({', '.join(texts)})"


def _sum(terms: Iterable[tuple[Node, float]], depth: int) -> str:
    ordered = sorted(terms, key=lambda item: item[0].number)
    texts = [_times(factor, shown(node, depth - 1)) for node, factor in ordered]
    return " + ".join(texts).replace("+ -", "- ") if texts else "0"


def _times(factor: float, text: str) -> str:
    if factor in (1, -1):
        return f"{'-' * (factor == -1)}{text}"
    return f"{factor:.4g}" if text == "1" else f"{factor:.4g}*{text}"
