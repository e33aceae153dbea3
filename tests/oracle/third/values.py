"""What expressions are, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from tests.oracle.third import numbers
from tests.oracle.third.grammar import Node, Unread


@dataclass(frozen=True)
class Value:
    """What an expression is.

    Attributes:
        sort: ``number``, ``operator`` or ``tensor``.
        it: a number (of Python's, or learned), what an operator does, a tensor; None where
            it lies before the start.
        newest: the newest block that made a part of it.
        holds: whether it holds an operator that runs in the block that reads it.
        bare, factor: of a multiple, what it is a multiple of.
        alone: whether it is a number that is left of a sum of tensors: it has no shape.
        terms: of a sum of operators on a tensor, its terms with their signs.
    """

    sort: str
    it: Any
    newest: int = 0
    holds: bool = False
    bare: Any = None
    factor: Any = 1
    terms: tuple[tuple[int, Value], ...] = ()
    alone: bool = False

    @property
    def there(self) -> bool:
        return self.it is not None


def changed(value: Value, it: Any) -> Value:
    """What something is made of that has an expression's block, but is another tensor."""
    return replace(value, it=it, bare=None, factor=1, terms=())


def number(value: Any) -> Value:
    return Value("number", value)


def nothing(sort: str) -> Value:
    return Value(sort, None)


@dataclass(frozen=True)
class Place:
    """Where an expression stands.

    Attributes:
        i: the block; None where there is none.
        locals: numbers, tensors and operators of a sum or a definition.
        listed: names of indices of finite sums.
        members: what a sum over depth runs over: its name and its numbers.
        lists: what its members are that went through adapters, by what they are of.
        flow: sizes `c`, `s`, `cin` in flows.
        into: the shape of the block, to which terms are brought.
        t: the second index.
    """

    i: int | None
    locals: dict[str, Any] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    members: tuple[str, tuple[int, ...]] | None = None
    lists: dict[tuple[Node, int], Value] = field(default_factory=dict)
    flow: dict[str, Any] = field(default_factory=dict)
    into: tuple[int, ...] | None = None
    t: int | None = None

    def knows(self, **names: Any) -> Place:
        return replace(self, locals={**self.locals, **names})


def spine(node: Node, signs: str) -> list[tuple[str, Node]]:
    """``a + b - c`` as a list of terms with their signs."""
    found: list[tuple[str, Node]] = []
    while node[0] in signs:
        found.append((node[0], node[2]))
        node = node[1]
    found.append((signs[0], node))
    return found[::-1]


def mentions(node: Any, names: tuple[str, ...]) -> bool:
    if isinstance(node, tuple):
        if len(node) == 3 and node[0] == "name" and node[1] in names:
            return True
        return any(mentions(part, names) for part in node)
    return False


def member_nodes(body: Node, name: str) -> list[Node]:
    """The largest unknowns and operators on them that depend on a sum's letter alone."""
    if not isinstance(body, tuple) or not mentions(body, (name,)):
        return []
    (letter,) = ({"name", "*", "call"} & {body[0]}) or ("",)
    if letter and not mentions(body, ("i",)) and _is_member(body):
        return [body]
    return [node for part in body for node in member_nodes(part, name)]


def _is_member(node: Node) -> bool:
    """Whether an unknown stands alone, or behind an operator."""
    if node[0] == "*":
        return _is_member(node[1]) and _is_member(node[2])
    return node[0] == "name" and (node[1][0].isupper() and len(node[2] or ()) < 2)


def mentions_range(given: tuple[Node, ...]) -> bool:
    """Whether an argument is a range of an unknown."""
    return any(n[0] == "name" and n[2] and n[2][0][0] == "range" for n in given)


def of(it: Any, parts: list[Value]) -> Value:
    tensors = [part for part in parts if part.sort == "tensor"]
    newest = max(part.newest for part in tensors)
    return Value("tensor", it, newest, any(part.holds for part in tensors))


def plain_number(value: Any) -> Any:
    return value if isinstance(value, Tensor) else float(value)


def reckoned(sign: str, a: Any, b: Any) -> Any:
    """Numbers of which some may be learned."""
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        return numbers.binary(sign, a, b)
    plain = [x for x in (a, b) if not isinstance(x, Tensor)]
    if sign == "*" and any(abs(numbers.precise(x)) < numbers.ZERO for x in plain):
        return Fraction(0)  # whatever the other one is, which may not be there
    a, b = plain_number(a), plain_number(b)
    operations: dict[str, Callable[[Any, Any], Any]] = {
        "+": lambda x, y: x + y,
        "-": lambda x, y: x - y,
        "*": lambda x, y: x * y,
        "/": lambda x, y: x / y,
        "^": lambda x, y: x**y,
    }
    return operations[sign](a, b)


def extreme(name: str, values: list[Any]) -> Any:
    """The largest or smallest of numbers of which some may be learned."""
    plain = [value for value in values if not isinstance(value, Tensor)]
    learned = [value for value in values if isinstance(value, Tensor)]
    if not learned:
        return numbers.FUNCTIONS[name](*plain)
    choose = torch.maximum if name == "max" else torch.minimum
    made = learned[0]
    for value in learned[1:]:
        made = choose(made, value)
    for value in plain:
        bound = torch.tensor(float(value), dtype=torch.float64)
        made = torch.where(made > bound if name == "max" else made < bound, made, bound)
    return made


def scaled(value: Any, x: Tensor) -> Tensor:
    """A number, or one for each feature, times a tensor."""
    if isinstance(value, Tensor):
        features = x.shape[1 if x.dim() == 4 else -1]
        count = value.numel()
        assert 1 in (count, features) or count == features, (count, features)
        if value.numel() > 1 and x.dim() == 4:
            value = value.view(-1, 1, 1)
        return value * x
    return float(value) * x


def spread_out(value: Value, dims: int) -> Tensor:
    """A tensor or number as it stands among tensors of so many axes."""
    it: Any = value.it
    if value.sort == "number":
        if isinstance(it, Tensor):
            return it.view(-1, 1, 1) if it.numel() > 1 and dims == 4 else it
        return torch.tensor(float(it), dtype=torch.float64)
    if it.dim() == dims:
        return it  # type: ignore[no-any-return]
    if dims == 4:
        return it.view(*it.shape, 1, 1)
    return it.view(it.shape[0], *[1] * (dims - it.dim()), *it.shape[1:])


def padded(shapes: Any, dims: int) -> list[tuple[int, ...]]:
    """Shapes without the batch, with ones where axes of the grid are missing."""
    found = []
    for shape in shapes:
        more = (1,) * (dims - 1 - len(shape))
        found.append((*shape, *more) if dims == 4 else (*more, *shape))
    return found


def operator_sum(
    terms: list[tuple[int, Value]],
    total: Callable[[list[tuple[int, Value]]], Value],
    multiple: Callable[[Value, Value], Value],
) -> Callable[[list[Value]], Value]:
    """``(A + 1 - B)`` on a tensor."""

    def run(values: list[Value]) -> Value:
        (value,) = values
        parts: list[tuple[int, Value]] = []
        for sign, term in terms:
            if term.sort == "number":
                part = replace(multiple(term, value), holds=False)
            else:
                part = term.it([value])
            parts += [(sign, part)] * part.there
        if not parts:
            return nothing("tensor")
        return total(parts)

    return run


def gathered(parts: list[Value]) -> list[Value]:
    """Factors, of which numbers side by side are one: alone each may be too large."""
    made: list[Value] = []
    for part in parts:
        if made and made[-1].sort == part.sort == "number":
            made[-1] = number(reckoned("*", made[-1].it, part.it))
        else:
            made.append(part)
    return made


def composed(
    parts: list[Value], apply: Callable[[Value, Value, Place], Value], at: Place
) -> Value:
    """Operators and numbers, one after the other, as an operator."""

    def run(values: list[Value]) -> Value:
        if not any(part.sort == "operator" for part in parts[-1:]) and len(values) > 1:
            raise Unread("a number in front of several tensors")
        made: Value | None = None
        for part in reversed(parts):
            if made is None and part.sort == "operator":
                made = part.it(values)
            else:
                made = apply(part, values[0] if made is None else made, at)
            if not made.there:
                return made
        assert made is not None
        return made

    return Value("operator", run)
