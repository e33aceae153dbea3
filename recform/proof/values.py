"""Values: expressions of which equal ones are one number (hash-consing).

A sum is the collection of its terms, so that it does not matter which of them are added up
first. Unknowns and histories are names; what they are made of stands elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from recform.algebra.expr import (
    Across,
    Combine,
    Concat,
    Elementwise,
    Part,
    Pointwise,
    Tensor,
    TensorSum,
)
from recform.algebra.lists import LISTS, Dealt, Listed, Members, Over
from recform.algebra.typeset import indexed
from recform.closure import closure
from recform.proof.coefficients import Number, has_i

#: A node: its kind, what tells it from others of its kind, the values it is made of.
Node: TypeAlias = tuple[Any, ...]

#: Kinds of nodes that are made of no others.
LEAVES = ("input", "context", "state", "history", "number")
#: Kinds that are made of any number of them, in an order.
_ORDERED = ("product", "concat", "combine", "listed", "apply")


class Values:
    """The table of values.

    Attributes:
        nodes: what each value is; parts stand before what is made of them.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}

    def make(self, *node: object) -> int:
        """The value of a node."""
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return number

    def sum(self, terms: Iterable[int]) -> int:
        """A sum, in which open sums are dissolved."""
        flat: list[int] = []
        for term in terms:
            node = self.nodes[term]
            flat.extend(node[1] if node[0] == "sum" else (term,))
        return self.make("sum", tuple(sorted(flat)))

    def of(self, tensor: Tensor, parts: Sequence[int]) -> int:
        """A tensor from its parts, if it is nothing but these."""
        match tensor:
            case TensorSum():
                return self.sum(parts)
            case Pointwise():
                return self.make("product", tuple(parts))
            case Combine():
                return self.make("combine", tensor.kind, tuple(parts))
            case Concat():
                return self.make("concat", tuple(parts))
            case Listed():
                return self.make("listed", tuple(parts))
        (inner,) = parts
        match tensor:
            case Elementwise():
                return self.make("function", tensor.name, inner)
            case Part():
                return self.make("part", tensor.parts, tensor.which, inner)
            case Members():
                return self.make("members", inner)
            case Dealt():
                return self.make("dealt", inner)
            case Over():
                return self.make("over", tensor.kind, inner)
            case Across():
                return self.make("across", tensor.kind, inner)
        raise TypeError(type(tensor).__name__)

    def together(self, kind: str, parts: tuple[int, ...]) -> int:
        """A history from what it was, and what comes to it."""
        if kind == "sum":
            return self.sum(parts)
        if kind == "concat":
            return self.make("concat", parts)
        if kind in LISTS:
            return self.make("listed", parts)
        return self.make("combine", kind, parts)

    def scale(self, number: Number, inner: int | None) -> int:
        """A number times a value, or the number alone."""
        value, at = number
        if inner is None:
            return self.make("number", value, at)
        kind, *rest = self.nodes[inner]
        if kind == "number":
            there, other = rest
            made = value * there
            where = at if other is None else other
            # What they read of the block may have cancelled.
            return self.make("number", made, where if has_i(made) else None)
        return self.make("scaled", value, at, inner)

    def parts(self, value: int) -> tuple[int, ...]:
        """The values that a value is made of."""
        kind, *rest = self.nodes[value]
        if kind == "sum" or kind in _ORDERED:
            return rest[-1]  # type: ignore[no-any-return]
        if kind in LEAVES:
            return ()
        return (rest[-1],)

    def is_many(self, value: int, *, dealt: bool) -> bool:
        """Whether a value is one for each member of a list.

        Args:
            value: any.
            dealt: whether features for the members do, without these.
        """
        kind, *rest = self.nodes[value]
        if kind in ("members", "dealt"):
            return dealt or kind == "members"
        if kind == "over" and rest[0] == "sum":
            return False
        return any(self.is_many(part, dealt=dealt) for part in self.parts(value))

    def within(self, values: Iterable[int]) -> tuple[int, ...]:
        """These values and all in them, as far as names; the newest first."""
        return tuple(sorted(closure(values, self.parts), reverse=True))

    def rebuilt(self, node: Node, parts: Iterable[int]) -> int:
        """The node with other parts."""
        kind, *rest = node
        parts = tuple(parts)
        if kind == "sum":
            return self.make("sum", tuple(sorted(parts)))
        if kind in _ORDERED:
            return self.make(kind, *rest[:-1], parts)
        if kind in LEAVES:
            return self.make(*node)
        return self.make(kind, *rest[:-1], *parts)

    def show(self, value: int, depth: int = 6) -> str:
        """A value as text, down to some depth."""
        kind, *rest = self.nodes[value]
        if kind in ("input", "context", "number"):
            return str(rest[0]) if rest else kind
        if kind == "state":
            return indexed(rest[0], rest[1])
        if kind == "history":
            return f"{rest[0]}({rest[1]}, k = {rest[2]}..{rest[3]})".replace("_k", "k")
        if depth == 0:
            return "..."
        parts = [self.show(part, depth - 1) for part in self.parts(value)]
        inner = ", ".join(parts)
        if kind == "sum":
            return f"({' + '.join(parts)})"
        if kind == "product":
            return "*".join(parts)
        if kind == "apply":
            owner = rest[0] if rest[1] is None else indexed(rest[0], rest[1])
            return f"{owner}*{inner}" if len(parts) == 1 else f"{owner}({inner})"
        if kind == "scaled":
            return f"({rest[0]})*{inner}"
        if kind == "part":
            return f"part {rest[1] + 1} of {rest[0]} of {inner}"
        plain = kind in ("concat", "listed", "members", "dealt")
        return f"{kind if plain else rest[0]}({inner})"
