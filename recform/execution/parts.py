"""What a module is to the proof: something that makes a value of values."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from recform.blocks.identifiers import MODULE, is_private
from recform.execution.forms import Form, Made, Table, Unreadable, form
from recform.execution.shown import shown

#: What an expression is: a form, a number, a word, a part, a row of values.
Value = Any
#: Options of a call, by name.
Options: TypeAlias = Mapping[str, Value]


#: What classes may say in the place of torch: a network's layout changes what is saved.
_OWN = ("__init__", "forward", "state_dict")


class World(Protocol):
    """What a part needs to know of the file that it stands in."""

    table: Table
    #: What was called, and what it has made, in the order of their ends.
    returned: list[tuple[Value, Value]]

    def ran(self, part: Made | Hole, arguments: Sequence[Value]) -> Value:
        """What a module of a library makes of values."""

    def run(self, instance: Instance, arguments: Sequence[Value]) -> Value:
        """What an object of a class of the file makes of values."""

    def through(self, items: Sequence[Value], value: Value) -> Value:
        """What parts make of a value, one after the other."""


class Part:
    """Something that can be called."""

    @property
    def takes(self) -> int:
        """How many tensors it is called with."""
        return 1

    def on(self, world: World, arguments: Sequence[Value]) -> Value:
        """What it makes of values.

        Raises:
            Unreadable: if it is nothing that a generated file calls.
        """
        raise Unreadable(f"{self} is called")


@dataclass(frozen=True)
class Name(Part):
    """A name that the file does not define: of torch, of Python."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Hole(Part):
    """A module that somebody else has made.

    Attributes:
        name: what it is called.
        call: the number of the call of a block that has handed it on, if one has.
    """

    name: str
    call: int | None = None

    def __str__(self) -> str:
        return self.name

    def on(self, world: World, arguments: Sequence[Value]) -> Value:
        return world.ran(self, arguments)


#: What a module keeps of the positions before, where a network goes on by them.
PAST = Hole("past")


@dataclass(frozen=True, eq=False)
class Leaf(Part):
    """A module or a parameter that a library makes."""

    made: Made

    def on(self, world: World, arguments: Sequence[Value]) -> Value:
        return world.ran(self.made, arguments)


@dataclass(frozen=True, eq=False)
class Row(Part):
    """A container: what it holds runs in a row.

    Attributes:
        held: what it holds.
        names: of that; None if these are numbers.
    """

    held: Sequence[Value]
    names: tuple[str, ...] | None = None

    def on(self, world: World, arguments: Sequence[Value]) -> Value:
        (value,) = arguments
        return world.through(self.held, value)

    def at(self, place: Any) -> Value:
        """What it holds in a place, or in several in a row.

        Raises:
            Unreadable: if there is no such place.
        """
        match place:
            case str() if self.names is not None:
                return dict(zip(self.names, self.held, strict=True))[place]
            case str() if place.isdecimal():
                return self.held[int(place)]
            case slice():
                return Row(self.held[place], self.names and self.names[place])
            case int() if -len(self.held) <= place < len(self.held):
                return self.held[place]
        raise Unreadable(f"a container has no place {place}")


class Names(Row):
    """An ``OrderedDict``, of which a container is made: it is none itself."""


@dataclass(frozen=True, eq=False)
class Instance(Part):
    """An object of a class of the file.

    Attributes:
        kind: the class.
        given: the arguments of its constructor, by name.
        attributes: what the constructor has set; empty until somebody asks.
        row: the row of blocks that it is of, if it is of one.
        place: in that row.
    """

    kind: ast.ClassDef
    given: Mapping[str, Value]
    attributes: dict[str, Value] = field(default_factory=dict)
    row: Any = None
    place: int = 0

    @property
    def takes(self) -> int:
        """How many tensors its forward pass takes."""
        for method in self.kind.body:
            if isinstance(method, ast.FunctionDef) and method.name == "forward":
                return len(method.args.args) - 1
        return 1

    def on(self, world: World, arguments: Sequence[Value]) -> Value:
        return world.run(self, arguments)


@dataclass(frozen=True)
class Method(Part):
    """A function of the file.

    Attributes:
        function: its code.
        owner: the object that it is of, if there is one.
        kind: the class in which it stands then.
    """

    function: ast.FunctionDef
    owner: Instance | None = None
    kind: ast.ClassDef | None = None

    def on(self, world: Any, arguments: Sequence[Value]) -> Value:
        return world.body(self, arguments, {})


@dataclass(frozen=True)
class Asked(Part):
    """A method that every module has."""

    name: str
    owner: Value


@dataclass(frozen=True)
class Pieces:
    """What `chunk` makes: equal parts of a form along an axis."""

    whole: Any
    number: int
    axis: Any

    def part(self, table: Table, which: int) -> Form:
        """One of them."""
        return table.atom("part", self.axis, self.number, which, self.whole)


@dataclass(frozen=True)
class Each:
    """A list of what is made of each member of another one, as made of any of them."""

    form: Value


def call(world: World, part: Value, arguments: Sequence[Value]) -> Value:
    """What a part makes of values.

    Raises:
        Unreadable: if it is nothing that can be called.
    """
    if isinstance(part, Part):
        made = part.on(world, arguments)
        world.returned.append((part, made))
        return made
    raise Unreadable(f"{shown(part)} is called")


def tensor(world: World, value: Value) -> Form:
    """A value as a form; a parameter is one."""
    if isinstance(value, Leaf):
        return world.table.atom("parameter", value.made)
    return form(value)


def check_members(kind: ast.ClassDef) -> None:
    """That a class changes nothing of what a module is, which is torch's.

    Raises:
        Unreadable: if it does.
    """
    if kind.decorator_list or kind.keywords or len(kind.bases) > 1:
        raise Unreadable(f"{kind.name} is more than a class that derives from one")
    names = [name for node in kind.body for name in defined(node)]
    for name in names:
        is_torchs = is_private(name) or name in MODULE
        if is_torchs and name not in _OWN:
            raise Unreadable(f"{kind.name} has a {name} of its own")
        if names.count(name) > 1:
            raise Unreadable(f"{kind.name} has two things that are called {name}")


def defined(node: ast.stmt) -> list[str]:
    """The names that a statement of a class gives a value."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    return list(map(ast.unparse, targets(node)))


def targets(node: ast.stmt) -> list[ast.expr]:
    """What a statement gives a value."""
    match node:
        case ast.Assign():
            return node.targets
        case ast.AnnAssign(value=ast.expr()):
            return [node.target]
    return []


def without_docstring(statements: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """The statements of a function, below what it says of itself."""
    match statements:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return statements
