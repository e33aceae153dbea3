"""Blocks that are alike, in a row: one stands for all, and a loop through them is induction.

A row is made by one expression, whose numbers grow by as much from block to block. A loop
through it is followed until what a block leaves is what the one before has left, a block
later. From there on each block does what the last one did, and the rest is passed over.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Protocol, overload

from recform.execution.forms import ONE, Made, Node, Table
from recform.execution.match import nodes_in
from recform.execution.parts import Hole, Instance, Part, Value

#: Stands for the number of a block in the expression that makes a row of them.
MEMBER = "member"
#: What an expression may have in it whose value grows steadily with a number.
_ALGEBRA = (
    ast.Constant,
    ast.Name,
    ast.BinOp,
    ast.UnaryOp,
    ast.operator,
    ast.unaryop,
    ast.expr_context,
)
#: How many blocks may show how a row goes on; if they do not, all are followed.
TRIES = 8


@dataclass(frozen=True, eq=False)
class Alike:
    """Blocks of one class; each is made when it is asked for.

    Attributes:
        kind: the class.
        given: what the constructor of the first one gets, by name.
        more: by how much the numbers among that grow from block to block.
        count: how many blocks there are.
    """

    kind: ast.ClassDef
    given: Mapping[str, Value]
    more: Mapping[str, int]
    count: int
    _made: dict[int, Instance] = field(default_factory=dict)

    def at(self, place: int) -> Instance:
        """One of them."""
        if place not in self._made:
            given = {
                name: value + place * self.more[name] if self.more.get(name) else value
                for name, value in self.given.items()
            }
            self._made[place] = Instance(self.kind, given, {}, self, place)
        return self._made[place]


@dataclass(frozen=True)
class Span:
    """Some in a row of a row; or one thing, which is a row of its own."""

    row: Any
    first: int
    count: int

    def at(self, place: int) -> Any:
        """One of them."""
        return (
            self.row.at(self.first + place) if isinstance(self.row, Alike) else self.row
        )

    @property
    def is_even(self) -> bool:
        """Whether all of it are made of the same numbers."""
        return not isinstance(self.row, Alike) or not any(self.row.more.values())

    def is_made_as(self, other: Span) -> bool:
        """Whether it is as many of one class, made of the same, in another reading."""
        mine, theirs = self.row, other.row
        if (self.first, self.count) != (other.first, other.count):
            return False
        if isinstance(mine, Alike) and isinstance(theirs, Alike):
            if mine.more != theirs.more:
                return False
        elif not (isinstance(mine, Instance) and isinstance(theirs, Instance)):
            return False
        return mine.kind is theirs.kind and mine.given == theirs.given

    def before(self, other: Span) -> bool:
        """Whether another one goes on where this one ends."""
        return self.row is other.row and self.first + self.count == other.first

    def meets(self, other: Span) -> bool:
        """Whether it has something in common with another one of the same row."""
        return max(self.first, other.first) < min(
            self.first + self.count, other.first + other.count
        )


def span_of(value: Value) -> Span:
    """Where a value stands in a row."""
    if isinstance(value, Instance) and value.row is not None:
        return Span(value.row, value.place, 1)
    return Span(value, 0, 1)


class Items(Sequence[Value]):
    """A list in which rows of blocks are, none of which has to be there yet."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = tuple(spans)
        self._ends = list(accumulate(span.count for span in self.spans))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Value]:
        return (span.at(place) for span in self.spans for place in range(span.count))

    def span(self, place: int) -> Span:
        """What is left of a row from a place on."""
        which = bisect_right(self._ends, place)
        span = self.spans[which]
        gone = place - (self._ends[which] - span.count)
        return Span(span.row, span.first + gone, span.count - gone)

    @overload
    def __getitem__(self, place: int) -> Value: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Value]: ...
    def __getitem__(self, place: Any) -> Any:
        places = range(len(self))[place]
        if isinstance(places, int):
            return self.span(places).at(0)
        if places.step != 1:
            return [self[number] for number in places]
        found: list[Span] = []
        at = places.start
        while at < places.stop:
            span = self.span(at)
            found.append(Span(span.row, span.first, min(span.count, places.stop - at)))
            at += span.count
        return Items(found)


def joined(parts: Sequence[Sequence[Value]]) -> Sequence[Value]:
    """Lists as one; rows of blocks stay rows."""
    if any(isinstance(part, Items) for part in parts):
        return Items(span for part in parts for span in spans(part))
    return [item for part in parts for item in part]


def spans(items: Sequence[Value]) -> Iterable[Span]:
    """The rows of a list."""
    return items.spans if isinstance(items, Items) else map(span_of, items)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Rows, of which those that go on in the next one are one."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].before(span):
            span = Span(span.row, found[-1].first, found.pop().count + span.count)
        found.append(span)
    return found


def grows_steadily(call: ast.Call) -> bool:
    """Whether the arguments of a call are numbers that are reckoned from numbers alone."""
    values = [*call.args, *(item.value for item in call.keywords)]
    return all(isinstance(part, _ALGEBRA) for v in values for part in ast.walk(v))


def alike(
    kind: ast.ClassDef, given: Mapping[str, Value], member: Node, numbers: range
) -> Alike | None:
    """Blocks that get numbers which grow steadily; None if others are among them.

    Args:
        kind: their class.
        given: what the constructor gets, with a name for the number of the block.
        member: that name.
        numbers: of the blocks.
    """
    first: dict[str, Value] = {}
    more: dict[str, int] = {}
    for name, value in given.items():
        if not isinstance(value, dict):
            if not isinstance(value, str | int | float | None):
                return None
            first[name] = value
            continue
        start, growth = value.get(ONE, 0.0), value.get(member, 0.0)
        if set(value) - {ONE, member} or not (_is_whole(start) and _is_whole(growth)):
            return None
        first[name] = int(start) + int(growth) * numbers.start
        more[name] = int(growth) * numbers.step
    return Alike(kind, first, more, len(numbers))


def _is_whole(number: float) -> bool:
    """Whether it is an integer, and no other one is the same as a float."""
    return abs(number) < 2**53 and number == int(number)


class Blocks(Protocol):
    """Who says what calls of blocks make.

    Attributes:
        names: of the classes of blocks.
        last: what the last two of them got.
    """

    names: frozenset[str]
    last: list[Any]

    def called(self, instance: Instance, arguments: Sequence[Value]) -> Value:
        """What a call makes."""

    def ahead(self) -> tuple[int, int]:
        """How many blocks get what the last one got, each a block later.

        And the call behind which what calls have made is made by later ones then.
        """

    def passed(self, span: Span, later: Later) -> None:
        """Blocks that do what the last one did were passed over."""


class World(Protocol):
    """The file in which a loop stands.

    Attributes:
        table: of forms.
        blocks: who says what calls of blocks make.
        called: the blocks that were called.
        effects: what changes with all that is done besides calls of blocks.
    """

    table: Table
    blocks: Blocks | None
    called: list[Span]

    @property
    def effects(self) -> Any: ...


class Unmoved(Exception):
    """A value of which it is not known what it is a block later."""


@dataclass(frozen=True)
class Later:
    """What stands some blocks later.

    Attributes:
        table: of forms.
        beyond: what calls of blocks behind this one have made is made by later ones.
        row: the blocks that are called, if they are one row.
    """

    table: Table
    beyond: int
    row: Alike | None = None

    def of(self, value: Value, by: int) -> Value:
        """A value some blocks later.

        Raises:
            Unmoved: if there may be in it what is not looked into.
        """
        if not by:
            return value
        moved: dict[Node, Node] = {}
        for node in nodes_in([value]):
            match node.parts:
                case ("slot", int() as call, which):
                    made = self.table.node("slot", self._call(call, by), which)
                case parts:
                    found = self._moved(parts, by, moved)
                    made = node if found == parts else self.table.node(*found)
            moved[node] = made
        return self._moved(value, by, moved)

    def is_from(self, before: Value, after: Value) -> bool:
        """Whether a value is another one a block later."""
        try:
            return bool(self.of(before, 1) == after)
        except Unmoved:
            return False

    def _call(self, call: int, by: int) -> int:
        return call + by if call > self.beyond else call

    def _moved(self, value: Any, by: int, moved: Mapping[Node, Node]) -> Any:
        match value:
            case Node():
                return moved[value]
            case dict():
                return {moved[node]: factor for node, factor in value.items()}
            case frozenset():
                return frozenset((moved[node], factor) for node, factor in value)
            case tuple():
                return tuple(self._moved(item, by, moved) for item in value)
            case list():
                return [self._moved(item, by, moved) for item in value]
            case Hole(call=int() as call):
                return Hole(value.name, self._call(call, by))
            case Instance(row=Alike() as row) if row is self.row:
                return row.at(value.place + by)
            case Part() | Made() | str() | int() | float() | None | Items():
                return value
        raise Unmoved


def follow(
    world: World,
    items: Sequence[Value],
    step: Callable[[Value], None],
    names: dict[str, Value],
) -> None:
    """Runs a loop.

    Args:
        world: the file.
        items: what it runs through.
        step: what it does with each of them.
        names: all that it knows when it has done that; it is set to what is known behind
            blocks that were passed over.
    """
    if not isinstance(items, Items) or world.blocks is None:
        for item in items:
            step(item)
        return
    place = tries = 0
    while place < len(items):
        span = items.span(place)
        before, effects, count = dict(names), world.effects, len(world.called)
        step(span.at(0))
        place += 1
        only = world.called[count:] == [Span(span.row, span.first, 1)]
        left, beyond = world.blocks.ahead() if only else (0, 0)
        left = min(left, span.count - 1)
        if left <= 0 or tries == TRIES or world.effects != effects:
            continue
        later = Later(world.table, beyond, span.row)
        tries += 1
        is_known = before.keys() == names.keys() and len(world.blocks.last) > 1
        if is_known and later.is_from(
            (world.blocks.last[0], *before.values()),
            (world.blocks.last[1], *map(names.__getitem__, before)),
        ):
            for name, value in names.items():
                names[name] = later.of(value, left)
            world.blocks.passed(Span(span.row, span.first + 1, left), later)
            place += left
            tries = 0
