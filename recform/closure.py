"""What is reached from some things, step by step."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def closure(starts: Iterable[T], steps: Callable[[T], Iterable[T]]) -> dict[T, None]:
    """All that is reached, the starts included, each once and in a fixed order.

    Args:
        starts: where to begin.
        steps: what is reached from a thing at once.
    """
    found: dict[T, None] = {}
    stack = list(starts)
    while stack:
        item = stack.pop()
        if item not in found:
            found[item] = None
            stack.extend(steps(item))
    return found
