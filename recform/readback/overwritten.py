"""Tensors that were written over: whoever reads one of them later gets something else.

The forms of the proof are values, and do not change. So what code changes in place has to
be a tensor of its own, and no name for it, nor for a part of it, may be read again.
"""

from __future__ import annotations

from typing import Any

from recform.readback.forms import Made, Node, Unreadable
from recform.readback.parts import Hole, Pieces

#: Modules of torch whose result is a tensor of its own, which autograd does not keep.
MAKERS = ("nn.Conv", "nn.Linear", "nn.BatchNorm")


class Overwritten:
    """The tensors of a file that were written over."""

    def __init__(self) -> None:
        self._gone: set[Node] = set()

    def add(self, value: Any) -> None:
        """A tensor is written over.

        Raises:
            Unreadable: if it may be somebody else's, or is written over already.
        """
        match value:
            case dict() if list(value.values()) == [1.0]:
                (node,) = value
                if node not in self._gone and _is_new(node):
                    self._gone.add(node)
                    return
        raise Unreadable("a tensor is written over that may be somebody else's")

    def check(self, value: Any) -> None:
        """That a value which a name has is what it was.

        Raises:
            Unreadable: if it is, or is part of, a tensor that was written over.
        """
        if self._gone and self._lost(value):
            raise Unreadable("a tensor is read that was written over")

    def _lost(self, value: Any) -> bool:
        match value:
            case Node(parts=("sum", frozenset() as terms)):
                return len(terms) == 1 and any(self._lost(node) for node, _ in terms)
            case Node(parts=("call", Made() | Hole(), *_)):
                return value in self._gone
            # What others make of it may be a view.
            case Node(parts=(str() as kind, *parts)) if kind not in (
                "whole",
                "product",
            ):
                return any(map(self._lost, parts))
            case Pieces():
                return self._lost(value.whole)
            case dict():
                return len(value) == 1 and any(map(self._lost, value))
            case list() | tuple():
                return any(map(self._lost, value))
        return False


def _is_new(node: Node) -> bool:
    """Whether a call makes a tensor: of another block's module the graph says it."""
    match node.parts:
        case ("call", Made(make=(str() as name, *_)), *_):
            return name.startswith(MAKERS)
        case ("call", Hole(), *_):
            return True
    return False
