"""What an expression computes, in a form in which equal expressions are equal.

A form is a linear combination of nodes; a node is a slot, what a module makes of a form,
a product of forms, or anything else with forms in it. Each node is made once, so that
equal ones are one object, however deep they are. Numbers are numbers: learned scalars and
what depends on the block have a value that is drawn by their name, the same on both sides.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

#: What Python says of code that does not run.
BROKEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


class Unreadable(Exception):
    """Code that no generated file has."""


class Changed(Unreadable):
    """Code that changes what others may read, or a module, or reads what was changed."""


class Raised(Unreadable):
    """Code that comes to an error of its own."""


class Made:
    """A module or parameter of a library: an object of its own, however it was made.

    Args:
        make: what made it, its arguments included.

    Attributes:
        label: the attribute of a block that it is, or is in, where an operator has one.
    """

    __slots__ = ("label", "make")

    def __init__(self, make: tuple[Hashable, ...]) -> None:
        self.make = make
        self.label = ""


class Node:
    """A part of a form.

    Args:
        parts: its kind, and what tells it from others of its kind.
        number: how many were made before it, those that it is made of among them.

    Attributes:
        key: a number that is the same for two nodes that differ in which module of
            several alike they call, and in nothing else.
    """

    __slots__ = ("key", "number", "parts")

    def __init__(self, parts: tuple[Any, ...], number: int) -> None:
        self.parts, self.number = parts, number
        self.key = hash(tuple(map(key_of, parts)))

    def __repr__(self) -> str:
        return f"{self.parts[0]}(...)"


def key_of(part: Any) -> Hashable:
    """A part of a node, with what made a module in place of the module."""
    match part:
        case Node():
            return part.key
        case Made():
            return hash((part.label, *map(key_of, part.make)))
        case tuple():
            return tuple(map(key_of, part))
        case frozenset():
            return tuple(sorted((node.key, factor) for node, factor in part))
    return part  # type: ignore[no-any-return]


#: Nodes with their factors.
Form: TypeAlias = dict[Node, float]
#: A form or a number: what is computed with.
Term: TypeAlias = Form | float

#: What is taken of an axis that stays as it is.
WHOLE = "whole"

#: What draws numbers: times 0 they are zeros, as code says it that has a 0 to write.
DRAWS = "torch.randn"

#: What a number stands in front of, where a form is wanted.
ONE = Node(("one",), -1)


class Drawn(float):
    """A number that stands for a parameter, or for what is made of some."""

    __slots__ = ()


def _drawing(name: str) -> None:
    """An operation with a parameter makes what hangs on one."""
    plain = getattr(float, name)

    def made(self: Drawn, *others: float) -> Any:
        value = plain(self, *others)
        return Drawn(value) if isinstance(value, float) else value

    setattr(Drawn, name, made)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _drawing(f"__{_name}__")
    _drawing(f"__r{_name}__")
_drawing("__neg__")


class Table:
    """Forms, whose nodes are made once.

    Attributes:
        undrawn: the functions that draw numbers which were made zeros of.
    """

    def __init__(self) -> None:
        self.undrawn: set[str] = set()
        self._known: dict[tuple[Any, ...], Node] = {}
        self._lists: dict[Node, Any] = {}

    def node(self, *parts: Any) -> Node:
        """The node of these parts."""
        if parts not in self._known:
            self._known[parts] = Node(parts, len(self._known))
        return self._known[parts]

    def atom(self, *parts: Any) -> Form:
        """A form of one node."""
        return {self.node(*parts): 1.0}

    def frozen(self, value: Any) -> Any:
        """A value that can stand in a node; factors to nine digits."""
        match value:
            case dict() if not value:
                return 0.0
            case dict():
                return self.node(
                    "sum", frozenset((n, _rounded(f)) for n, f in value.items())
                )
            case bool():
                return value
            case int() | float():
                return _rounded(value)
            case tuple() | list():
                return tuple(map(self.frozen, value))
        return value

    def listed(self, parts: Sequence[Any], grown: bool) -> Any:
        """A list of forms; if it has grown, the first of them is the list that there was."""
        if not grown:
            return list(parts)
        before, *more = parts
        if isinstance(before, list):
            return [*before, *more]
        ends = tuple(map(self.frozen, more))
        if kind_of(before) == "listed":
            (node,) = before
            return self.atom(*node.parts, *ends)
        return self.atom("listed", ("*", self.frozen(before)), *ends)

    def member(self, whole: Any) -> Form:
        """Any member of what has some along its first axis; it has no such axis."""
        return self.atom("member", self.frozen(whole))

    def members(self, made: Any) -> Any:
        """What is made of any member, of all of them, side by side on the first axis."""
        if kind_of(made) == "member":
            (node,) = made
            return dict(node.parts[1].parts[1])
        return self.atom("members", self.frozen(made))

    def each(self, made: Any) -> Any:
        """A list of what is made of any member of another one.

        If nothing is made of them, it is that list.
        """
        if kind_of(made) == "member":
            whole = self.members(made)
            if kind_of(whole) == "stack":
                return self._lists[next(iter(whole))]
        return self.atom("each", self.frozen(made))

    def ones(self, number: Term, count: int) -> Term:
        """Numbers, one for each member, with so many axes of size one behind theirs."""
        return self.multiply(number, self.atom("ones", float(count)))

    def stacked(self, value: Any) -> Form:
        """All members of a list, as one tensor."""
        node = self.node("stack", self.frozen(value))
        self._lists[node] = value
        return {node: 1.0}

    def dealt(self, value: Any, axis: int) -> Form:
        """The features of a tensor, a member for each: the axis comes to the front.

        Where it was, or behind what it was in front of, each has one feature.
        """
        front = self.atom("call", ".movedim", value, _rounded(axis), 0.0)
        behind = axis + 1 if axis > 0 else axis
        return self.atom("call", ".unsqueeze", self.frozen(front), _rounded(behind))

    def spread(self, value: Term, new: tuple[bool, ...]) -> Term:
        """A tensor with new axes of size one; ``new`` says which of its first ones are."""
        while new and not new[-1]:  # the axes behind stay as they are
            new = new[:-1]
        if not new or isinstance(value, float | int):
            return value
        return {self._spread(n, new): factor for n, factor in value.items()}

    def _spread(self, node: Node, new: tuple[bool, ...]) -> Node:
        """The same for a node; a quotient has them in what it divides by."""
        kind, *rest = node.parts
        if kind == "inverse" and isinstance(rest[0], Node):
            divisor = dict(rest[0].parts[1])
            return self.node("inverse", self.frozen(self.spread(divisor, new)))
        return self.node("spread", new, node)

    def multiply(self, a: Any, b: Any) -> Term:
        """A product of forms and numbers; the numbers are collected in front of it.

        Its factors have no order, and each says how often it is there: a square of squares
        of squares has as few as a square.
        """
        if isinstance(a, float | int) and isinstance(b, float | int):
            return a * b
        if isinstance(a, float | int):
            if not a:
                return self.nothing_of(form(b))
            return {key: a * factor for key, factor in form(b).items()}
        if isinstance(b, float | int):
            return self.multiply(b, a)
        factor = 1.0
        powers: dict[Node, int] = {}
        factors = form(a), form(b)
        if not all(factors):
            return {}
        for item in factors:
            scale = next(iter(item.values())) if len(item) == 1 else _scale(item)
            factor *= scale
            node = next(iter(item), None)
            if len(item) != 1 or node is None:
                node = self.node(
                    "whole", self.frozen({k: n / scale for k, n in item.items()})
                )
            own = node.parts[1] if node.parts[0] == "product" else ((node, 1),)
            for base, power in own:
                powers[base] = powers.get(base, 0) + power
        return {self.node("product", frozenset(powers.items())): factor}

    def nothing_of(self, value: Any) -> Form:
        """A form times 0; of what is drawn the sizes are left."""
        if kind_of(value) == "call":
            (node,) = value
            _, name, *sizes = node.parts
            if name == DRAWS:
                self.undrawn.add(name)
                return self.atom("call", "torch.zeros", *sizes)
        return {}


def kind_of(value: Any) -> Any:
    """The kind of a form that is one node; None for any other value."""
    if isinstance(value, dict) and list(value.values()) == [1.0]:
        (node,) = value
        return node.parts[0]
    return None


def _rounded(number: float) -> float:
    # Nearly all are one of these, and text takes long.
    return float(number) if number in (1, -1, 0) else float(f"{number:.9g}")


def _scale(item: Form) -> float:
    """The largest factor; of a sum and its negative, one stands for both."""
    scale = max(map(abs, item.values()), default=1.0)
    rows = [
        sorted((node.key, sign * _rounded(factor)) for node, factor in item.items())
        for sign in (1, -1)
    ]
    return scale if rows[0] >= rows[1] else -scale


def add(a: Any, b: Any, sign: int = 1) -> Term:
    """A sum of forms and numbers."""
    if isinstance(a, float | int) and isinstance(b, float | int):
        return a + sign * b
    result = dict(form(a))
    for key, factor in form(b).items():
        before = result.get(key, 0.0)
        result[key] = before + sign * factor
        # What cancels is gone; a small number that does not is one, exp(-32) say.
        if abs(result[key]) <= 1e-12 * abs(before):
            del result[key]
    return result


def form(value: Any) -> Form:
    """A number or a form as a form.

    Raises:
        Unreadable: if it is neither.
    """
    if isinstance(value, dict):
        return value
    if isinstance(value, float | int):
        return {ONE: float(value)} if value else {}
    raise Unreadable(f"{value} is no tensor")
