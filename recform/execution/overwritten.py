"""Tensors that were written over: whoever reads one of them later gets something else.

The forms of the proof are values, and do not change. So what code changes in place has to
be a tensor of its own, and no name for it, nor for a part of it, may be read again.
"""

from __future__ import annotations

from typing import Any

from recform.execution.forms import Changed, Made, Node, Table
from recform.execution.parts import Hole, Pieces

#: Modules of torch whose result is a tensor of its own, which autograd does not keep.
MAKERS = ("nn.Conv", "nn.Linear", "nn.BatchNorm")

#: What says of a call that its result is the tensor that it was given.
IN_PLACE = ("inplace", True)


class Overwritten:
    """The tensors of a file that were written over.

    What a module makes is known by its call, and of equal calls by the value. A sum may be
    computed twice, and each time is a tensor of its own; so it is known by the value that
    names have.

    Args:
        table: of forms.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._gone: set[Node] = set()
        self._sums: dict[int, Any] = {}
        self._computed: dict[int, Any] = {}
        self._viewed: set[int] = set()
        self._own: dict[int, Any] = {}

    def made(self, value: Any) -> Any:
        """What a call of a module makes: a tensor of its own, of equal calls as well."""
        (node,) = value
        if _is_new(node):
            self._own[id(value)] = value
        return value

    def computed(self, value: Any) -> Any:
        """A sum that code computes: a tensor of its own, whatever is left of its terms."""
        self._computed[id(value)] = value
        return value

    def handed(self, value: Any) -> None:
        """A call gets a value: what it makes of a sum may be a view of that."""
        if id(value) in self._computed:
            self._viewed.add(id(value))

    def add(self, value: Any) -> None:
        """A tensor is written over.

        Raises:
            Changed: if it may be somebody else's, or is written over already.
        """
        match value:
            case dict() if id(value) in self._sums:
                pass
            case dict() if list(value.values()) == [1.0]:
                (node,) = value
                if self._own.pop(id(value), None) is not None:
                    self._gone.add(node)
                    return
                if id(value) in self._computed and id(value) not in self._viewed:
                    self._sums[id(value)] = value
                    return
                if node not in self._gone and _is_new(node):
                    self._gone.add(node)  # it may be that of any of its calls
                    self._own = {k: v for k, v in self._own.items() if node not in v}
                    return
            case dict():
                self._sums[id(value)] = value
                self._gone.add(
                    self._table.node("written over", self._table.frozen(value))
                )
                return
        raise Changed("a tensor is written over that may be somebody else's")

    def check(self, value: Any) -> None:
        """That a value which a name has is what it was.

        Raises:
            Changed: if it is, or is part of, a tensor that was written over.
        """
        if (self._gone or self._sums) and self._lost(value):
            raise Changed("a tensor is read that was written over")

    def _lost(self, value: Any) -> bool:
        match value:
            case Node(parts=("sum", frozenset() as terms)):
                alone = len(terms) == 1 and any(self._lost(node) for node, _ in terms)
                return alone or self._table.node("written over", value) in self._gone
            case Node(parts=("call", Made() | Hole(), *_)):
                return value in self._gone
            case Node(parts=("call", *parts)) if IN_PLACE in parts:
                return value in self._gone  # it is the tensor that it was given
            # What others make of it may be a view.
            case Node(parts=(str() as kind, *parts)) if kind not in (
                "whole",
                "product",
            ):
                return any(map(self._lost, parts))
            case Pieces():
                return self._lost(value.whole)
            case dict() if id(value) in self._own:
                return False
            case dict() if id(value) in self._computed:
                # A tensor of its own, though others may have had its value.
                return id(value) in self._sums
            case dict():
                alone = len(value) == 1 and any(map(self._lost, value))
                return alone or id(value) in self._sums
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
        case ("call", *parts):
            return IN_PLACE in parts
    return False
