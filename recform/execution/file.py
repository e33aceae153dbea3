"""A generated file: its classes and functions, and what runs of them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence, Sized
from itertools import chain
from typing import Any

from recform.blocks.identifiers import MODULE, is_private
from recform.execution.forms import (
    WHOLE,
    Form,
    Made,
    Node,
    Unreadable,
    key_of,
)
from recform.execution.library import FRAMES, Start, start_of
from recform.execution.overwritten import Overwritten
from recform.execution.parts import (
    PAST,
    Asked,
    Each,
    Hole,
    Instance,
    Leaf,
    Method,
    Name,
    Options,
    Pieces,
    Row,
    Value,
    call,
    check_members,
    defined,
    targets,
    tensor,
)
from recform.execution.reader import INPUT, UNSEEN, Reader
from recform.execution.rows import Alike, Blocks, Items, Span, alike, follow, span_of
from recform.execution.said import Said
from recform.execution.statements import Statements
from recform.execution.turns import Turns, told


class File:
    """A generated file, and what has been run of it.

    Args:
        said: in common with who compares.
        definitions: its classes and functions, by name.
        scalars: for each class the attributes that are learned scalars, with the names
            by which their numbers are drawn.

    Attributes:
        blocks: who says what calls of blocks make, which are not looked into then.
        called: these blocks.
        calls: of modules, as often as they were.
        made: the modules and parameters that it has made.
        learned: the learned scalars that it has made, and the numbers each starts with.
        popped: the lists from which something was taken.
        changes: how often a list or an object became another one, or a block of a row was
            asked for something.
        ties: modules whose weight is said to be that of another one.
        shares: modules that have one weight, by what that is.
        starting: loops in which constructors start weights, with their classes.
        laid: classes whose constructors lay weights out in memory.
        asked: what it has called that is not of the file.
        turns: of what is kept of positions.
        returned: what was called, and what it made, in the order of their ends.
        shown: what the last generator yielded, with how much had returned by then.
        labels: for classes of blocks the attributes that are operators of the formula.
    """

    def __init__(
        self,
        said: Said,
        definitions: Mapping[str, ast.ClassDef | ast.FunctionDef],
        scalars: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.said, self.table = said, said.table
        self.definitions, self.scalars = definitions, scalars
        self.blocks: Blocks | None = None
        self.called: list[Span] = []
        self.calls: Form = {}
        self._order: list[Node] = []
        self.made: list[Made] = []
        self.learned: Counter[tuple[str, Start | None]] = Counter()
        self.ties: list[tuple[Value, Value]] = []
        self.shares: dict[str, list[Made]] = {}
        self.popped: list[list[Value]] = []
        self.changes = 0
        self.overwritten = Overwritten(self.table)
        self.starting: list[tuple[str, ast.For]] = []
        self.laid: list[str] = []
        self.asked: set[str] = set()
        self.labels: Mapping[str, Collection[str]] = {}
        self._labelled: dict[Instance, str] = {}
        self._instances: list[Instance] = []
        self._rows: list[Alike] = []
        self._lines: dict[ast.ClassDef, list[ast.ClassDef]] = {}
        self.turns = Turns()
        self.returned: list[tuple[Value, Value]] = []
        self.shown: list[tuple[Value, int]] = []

    @property
    def idle(self) -> list[Instance | Alike]:
        """Objects that nobody has asked for anything."""
        called: Counter[int] = Counter()
        for span in self.called:
            called[id(span.row)] += span.count
        alone = (item for item in self._instances if "" not in item.attributes)
        return [
            *(item for item in alone if id(item) not in called),
            *(row for row in self._rows if called[id(row)] < row.count),
        ]

    @property
    def effects(self) -> tuple[int, ...]:
        """What grows with all that is done besides calls of blocks."""
        lists: list[Sized] = [self._order, self.made, self.ties, self._instances]
        return (self.changes, self.learned.total(), *map(len, [*lists, self.popped]))

    @property
    def besides(self) -> tuple[int, ...]:
        """What grows with all that constructors do besides making parts of an object."""
        lists: list[Sized] = [self._order, self.ties, self.popped, self.starting]
        return tuple(map(len, [*lists, self.laid, self._rows]))

    @property
    def parts(self) -> int:
        """How many modules, parameters and objects there are."""
        return len(self.made) + len(self._instances)

    @property
    def count(self) -> int:
        """How many calls of modules there were."""
        return len(self._order)

    def forget(self, count: int) -> None:
        """Takes back the calls that came after so many."""
        for node in self._order[count:]:
            self.calls[node] -= 1
            if not self.calls[node]:
                del self.calls[node]
        del self._order[count:]

    def _counted(self, node: Node) -> None:
        self.calls[node] = self.calls.get(node, 0) + 1
        self._order.append(node)

    # -- what runs

    def ran(self, part: Made | Hole, arguments: Sequence[Value]) -> Value:
        """What a module of a library makes of values."""
        if isinstance(part, Made):
            if part.make[0] == "nn.Identity":
                return arguments[0]
            if part.make[0] == "nn.Dropout" and len(part.make) == 2:
                return self.dropped(arguments[0], part.make[1])
            if (layer := self.said.layers.get(part.make)) is not None:
                return Reader(self, {INPUT: arguments[0]}).value(layer)
            if part.make[0] in self.said.keeping:
                self.turns.check()
        node = self.table.node("call", part, *map(self.stands, arguments))
        self._counted(node)
        return self.overwritten.made({node: 1.0})

    def run(self, instance: Instance, arguments: Sequence[Value]) -> Value:
        """What an object of a class of the file makes of values."""
        if self.blocks is not None and instance.kind.name in self.blocks.names:
            self.called.append(span_of(instance))
            return self.blocks.called(instance, arguments)
        forward = self.attribute(instance, "forward")
        return self.body(forward, arguments, {})

    def through(self, items: Sequence[Value], value: Value) -> Value:
        """What parts make of a value, one after the other."""
        names = {"x": value}

        def step(item: Value) -> None:
            names["x"] = call(self, item, [names["x"]])

        follow(self, items, step, names)
        return names["x"]

    def positions(self, x: Value, width: int) -> list[Value]:
        """The first positions of tokens: as many as show how they go on."""
        count = self.said.positions
        whole = self.stands(x)
        self.said.incoming[key_of(whole)] = width
        return [self.table.atom("item", whole, (WHOLE, float(k))) for k in range(count)]

    def zeros(self, width: Any) -> Form:
        """What is kept before the first position: how many features it has."""
        return self.table.atom("zeros", float(width))

    def last(self, values: Sequence[Value]) -> list[Value]:
        """What was kept where a network goes on by positions, in the place of values."""
        self.turns.take(len(values))
        stood = tuple(map(self.stands, values))
        return [self.table.atom("kept", k, *stood) for k in range(len(values))]

    def keep(self, values: Sequence[Value]) -> None:
        """Keeps values for the positions that come next."""
        self.turns.put(len(values))
        node = self.table.node("keep", *map(self.stands, values))
        self._counted(node)

    def overwrite(self, value: Value) -> None:
        """A call writes over a tensor; what the formula says are values, and stay."""
        if self.definitions:
            self.overwritten.add(value)

    def dropped(self, x: Value, rate: Value) -> Value:
        """Dropout, which is nothing at a rate of 0."""
        return self.table.atom("dropout", self.stands(x), rate) if rate else x

    def stands(self, value: Value) -> Any:
        """A value that stands in a node."""
        if isinstance(value, Leaf):
            value = tensor(self, value)
        if isinstance(value, tuple | list):
            if set(map(type, value)) == {
                float
            }:  # there may be very many, nearly all alike
                short = {number: self.table.frozen(number) for number in set(value)}
                return tuple(map(short.__getitem__, value))
            return tuple(map(self.stands, value))
        if isinstance(value, Name):
            self.asked.add(value.text)
        if isinstance(value, Each):
            return ("each", self.stands(value.form))
        if isinstance(value, Pieces):
            return ("pieces", value.whole, value.number, value.axis)
        self.overwritten.handed(value)
        return self.table.frozen(value)

    def body(
        self, method: Method, arguments: Sequence[Value], options: Options
    ) -> Value:
        """What a function returns; of a generator all that it yields."""
        self.said.run.add(method.function)
        names = self.bound(method.function, arguments, options, method.owner)
        reader = Statements(self, names, method.kind)
        starts = method.function.name == "__init__"
        run = reader.construct if starts else reader.run
        result = run(method.function.body)
        self.shown = reader.yielded or self.shown
        return tuple(v for v, _ in reader.yielded) if reader.yielded else result

    def called_method(
        self, instance: Instance, name: str, arguments: Sequence[Value]
    ) -> Value:
        """What a method of an object makes."""
        return call(self, self.attribute(instance, name), arguments)

    # -- objects

    def leaf(self, make: tuple[Hashable, ...]) -> Leaf:
        """A new module or parameter of a library."""
        self.made.append(made := Made(make))
        return Leaf(made)

    def instance(
        self, kind: ast.ClassDef, arguments: Sequence[Value], options: Options
    ) -> Instance:
        """An object of a class; its constructor runs when something is asked of it."""
        self._instances.append(Instance(kind, self._given(kind, arguments, options)))
        return self._instances[-1]

    def row(
        self,
        name: str,
        arguments: Sequence[Value],
        options: Options,
        member: Node,
        numbers: range,
    ) -> Items | None:
        """Objects of a class, one for each number; None if they do not grow steadily."""
        kind = self.definitions[name]
        assert isinstance(kind, ast.ClassDef)
        given = self._given(kind, arguments, options)
        made = alike(kind, given, member, numbers)
        if made is None:
            return None
        self._rows.append(made)
        return Items([Span(made, 0, made.count)] if made.count else [])

    def _given(
        self, kind: ast.ClassDef, arguments: Sequence[Value], options: Options
    ) -> Mapping[str, Value]:
        """What the constructor of a class gets, by name."""
        constructor = self._method(self._line(kind), "__init__")
        if constructor is not None:
            return self.bound(constructor.function, arguments, options)
        if arguments or options:
            raise Unreadable(f"{kind.name} takes no arguments")
        return {}

    def attribute(self, instance: Instance, name: str) -> Value:
        """An attribute, a method, or a field of the class."""
        self.changes += instance.row is not None  # others have other numbers there
        self.construct(instance)
        if name in instance.attributes:
            return instance.attributes[name]
        method = self._method(self._line(instance.kind), name, instance)
        if method is not None:
            return method
        for kind in self._line(instance.kind):
            for node in kind.body:
                if name in map(ast.unparse, targets(node)):
                    value = Reader(self, {}).value(node.value)  # type: ignore[attr-defined]
                    return told(self.said.past, value) if name == PAST.name else value
        if name in (*UNSEEN, "children", "get_submodule", "get_parameter"):
            return Asked(name, instance)
        return Name(f"self.{name}")

    def set(self, instance: Instance, name: str, value: Value) -> None:
        """Gives an object an attribute; a learned scalar is a number.

        Raises:
            Unreadable: if its class, or every module, has that; or it is no parameter.
        """
        body = (node for kind in self._line(instance.kind) for node in kind.body)
        if name in (*MODULE, *chain(*map(defined, body))) or is_private(name):
            raise Unreadable(f"{instance.kind.name} has a {name} of its own")
        drawn_by = self.scalars.get(instance.kind.name, {}).get(name)
        if drawn_by is not None:
            if not isinstance(value, Leaf):
                raise Unreadable(f"{name} is no parameter")
            self.made.remove(value.made)
            self.learned[drawn_by, start_of(value.made)] += 1
            value = self.said.draws.of(drawn_by)
        instance.attributes[name] = value
        self.changes += 1
        own = self.labels.get(instance.kind.name, {})
        self._label(value, name if name in own else self._labelled.get(instance, ""))

    def label_of(self, instance: Instance) -> str:
        """The attribute of a block that an object is, or is in, if an operator has it."""
        return self._labelled.get(instance, "")

    def _label(self, value: Value, label: str) -> None:
        """All modules of an attribute are those of an operator."""
        match value:
            case Leaf():
                value.made.label = label
            case Instance() if label:
                self._labelled[value] = label
            case Row() if label:
                for item in value.held:
                    self._label(item, label)

    def construct(self, instance: Instance) -> None:
        """Runs the constructor of an object, once."""
        if "" in instance.attributes:
            return
        instance.attributes[""] = None
        constructor = self._method(self._line(instance.kind), "__init__")
        if constructor is not None:
            self.said.run.add(constructor.function)
            names = {**instance.given, "self": instance}
            Statements(self, names, constructor.kind).construct(
                constructor.function.body
            )

    def _line(self, kind: ast.ClassDef) -> list[ast.ClassDef]:
        """A class and those of the file that it derives from.

        Raises:
            Unreadable: if one is no module as torch has it.
        """
        if kind not in self._lines:
            self._lines[kind] = line = [kind]
            check_members(kind)
            for base in kind.bases or [ast.Constant(None)]:
                above = self.definitions.get(ast.unparse(base))
                if isinstance(above, ast.ClassDef):
                    line += self._line(above)
                elif ast.unparse(base) != "nn.Module":
                    raise Unreadable(f"{kind.name} derives from {ast.unparse(base)}")
        return self._lines[kind]

    def _method(
        self, line: Sequence[ast.ClassDef], name: str, owner: Instance | None = None
    ) -> Method | None:
        for kind in line:
            for node in kind.body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return Method(node, owner, kind)
        return None

    def bound(
        self,
        function: ast.FunctionDef,
        arguments: Sequence[Value],
        options: Options,
        owner: Instance | None = None,
    ) -> dict[str, Value]:
        """What the parameters of a function are in a call.

        Raises:
            Unreadable: if they do not fit.
        """
        for around in function.decorator_list:
            maker = around.func if isinstance(around, ast.Call) else around
            if ast.unparse(maker) not in FRAMES:
                raise Unreadable(f"{function.name} is what {ast.unparse(around)} makes")
        names = [item.arg for item in function.args.args]
        bound: dict[str, Value] = {}
        if names[:1] == ["self"]:
            names = names[1:]
            bound["self"] = owner
        if len(arguments) > len(names) or function.args.vararg or function.args.kwarg:
            raise Unreadable(f"{function.name} gets {len(arguments)} arguments")
        reader = Reader(self, {})
        defaults = function.args.defaults
        late = names[len(names) - len(defaults) :]
        for name, default in zip(late, defaults, strict=True):
            bound[name] = reader.value(default)
        bound |= zip(names, arguments, strict=False)
        bound |= options
        if missing := [n for n in names if n not in bound]:
            raise Unreadable(f"{function.name} gets no {missing[0]}")
        if more := [n for n in options if n not in names]:
            raise Unreadable(f"{function.name} has no {more[0]}")
        return bound

    def above(
        self, instance: Instance, kind: ast.ClassDef | None, name: str
    ) -> Method | None:
        """The method of what a class of the file derives from, if that is of the file."""
        line = self._line(instance.kind)
        behind = line.index(kind) + 1 if kind in line else 0
        return self._method(line[behind:], name, instance)
