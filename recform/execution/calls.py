"""What calls in a generated file make: of its own classes, of Python, of a library."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from recform.blocks.template import IN_PLACE_AT
from recform.execution.forms import (
    WHOLE,
    Changed,
    Drawn,
    Form,
    Node,
    Unreadable,
    key_of,
    kind_of,
)
from recform.execution.library import (
    LIMITS,
    NUMBERS,
    check_sizes,
    check_whole,
    is_made,
    plain,
)
from recform.execution.parts import (
    PAST,
    Asked,
    Each,
    Hole,
    Instance,
    Leaf,
    Method,
    Name,
    Names,
    Options,
    Pieces,
    Row,
    Value,
    call,
)
from recform.execution.rows import Items
from recform.execution.shown import shown

if TYPE_CHECKING:
    from recform.execution.file import File

#: How sums of members with weights are written, and where the axis of the weights is.
WEIGHED = {"...k,k...c->...c": -1, "bk...,kbc...->bc...": 1}
_CONTAINERS = ("nn.Sequential", "nn.ModuleList", "nn.ModuleDict")


class Calls:
    """Makes what is called.

    Args:
        file: where the calls stand.
    """

    def __init__(self, file: File) -> None:
        self._file, self._table = file, file.table

    def each(self, value: Value, count: int = 0) -> Sequence[Value]:
        """What a loop runs through, or a tuple takes."""
        match value:
            case Row():
                return value.held
            case Pieces():
                return [value.part(self._table, k) for k in range(value.number)]
            case tuple() | list() | range() | Items():
                return value
            case dict() if count:  # a tensor along its first axis
                return [
                    self._table.atom("item", self._file.stands(value), k)
                    for k in range(count)
                ]
        raise Unreadable(f"a loop through {shown(value)}")

    def method(
        self, held: Value, name: str, arguments: Sequence[Value], options: Options
    ) -> Value:
        """What a method makes of what an expression has made."""
        match held, name, arguments:
            case list(), "append", [value] if value is not held:
                held.append(value)
                self._file.changes += 1
                return None
            case list(), "pop", []:
                self._file.popped.append(held)
                return held.pop()
            case Drawn(), "view", [-1, *ones] if ones == [1] * len(ones):
                return self._table.ones(held, len(ones))
            case Hole() as past, "last", values if past == PAST:
                return self._file.last(values)
            case Hole() as past, "keep", values if past == PAST:
                return self._file.keep(values)
            case dict(), "new_zeros", [batch, int() as width] if (
                self._incoming(_measured(batch, 0)) is not None
            ):
                return self._file.zeros(width)
            case Leaf(), _, _ if held.made.make[0] != "nn.Parameter":
                raise Changed(f"a module is asked for its {name}")
        match name, arguments, dict(options):
            case "chunk", [int() as count], {"dim": axis, **rest} if not rest:
                stands = self._file.stands
                return Pieces(stands(held), count, stands(axis))
        return self._library(f".{name}", [held, *arguments], options)

    def made(
        self, function: Value, arguments: Sequence[Value], options: Options
    ) -> Value:
        """What a call makes."""
        match function:
            case Method():
                return self._file.body(function, arguments, options)
            case Asked():
                return self._asked(function, arguments)
            case Name():
                return self._named(function.text, arguments, options)
        if options:
            raise Unreadable(f"a module gets {', '.join(options)}")
        return call(self._file, function, arguments)

    def _asked(self, asked: Asked, arguments: Sequence[Value]) -> Value:
        match asked:
            case Asked(
                name="get_submodule" | "get_parameter", owner=Instance() as held
            ):
                value: Value = held
                for name in str(arguments[0]).removesuffix(".weight").split("."):
                    if isinstance(value, Row):
                        value = value.at(name)
                    else:
                        value = self._file.attribute(value, name)
                return value
            case Asked(name="children" | "values", owner=Row() as row):
                return row.held
        return ()

    def _named(self, name: str, arguments: Sequence[Value], options: Options) -> Value:
        """What a name makes that is no variable: of the file, of Python, of a library."""
        defined = self._file.definitions.get(name)
        if isinstance(defined, ast.ClassDef):
            return self._file.instance(defined, arguments, options)
        if isinstance(defined, ast.FunctionDef):
            return self._file.body(Method(defined), arguments, options)
        if name in _CONTAINERS:
            if options:
                raise Unreadable(f"{name} gets {', '.join(options)}")
            return _container(name, arguments)
        if options:
            return self._library(name, arguments, options)
        match name, *arguments:
            case ["range", dict() as length] if (
                self._incoming(_measured(length, 1)) is not None
            ):
                return range(self._file.said.positions)
            case ["range", *ends]:
                return range(*ends)
            case [
                "OrderedDict" | "tuple" | "list" as kind,
                (tuple() | list()) as items,
            ]:
                return Names(*_named(items)) if kind == "OrderedDict" else items
            case ["len", (tuple() | list() | Row() | Items()) as held]:
                return len(self.each(held))
            case ["enumerate", (tuple() | list() | Row() | Items()) as held]:
                return tuple(enumerate(self.each(held)))
            case ["torch.zeros_like", dict() as now] if (
                width := self._incoming(_first(now))
            ) is not None:
                return self._file.zeros(width)
            case ["torch.reciprocal", dict() as value]:
                return self._table.atom("inverse", self._file.stands(value))
            case ["zip", *rows]:
                return tuple(zip(*map(self.each, rows), strict=False))
        return self._library(name, arguments, options)

    def _incoming(self, whole: Any) -> int | None:
        """How many features it has, if a recurrence over positions takes it."""
        return self._file.said.incoming.get(key_of(whole))

    def _over(self, name: str, arguments: Sequence[Value], options: Options) -> Value:
        """What is made over the members of a list, or across features; else None."""
        table, stands = self._table, self._file.stands
        match name, [*arguments], dict(options):
            case "torch.stack", [Each() as each], {**rest} if not rest:
                return table.members(each.form)
            case "torch.stack", [value], {**rest} if not rest:
                return table.stacked(value)
            case "torch.einsum", ["k,k...->...", (int() | float()) as number, whole], {
                **rest
            } if not rest:
                return table.atom("over", "sum", stands(table.multiply(number, whole)))
            case "torch.einsum", [str() as how, weights, whole], {**rest} if not rest:
                if how in WEIGHED:
                    given = table.dealt(stands(weights), WEIGHED[how])
                    product = table.multiply(given, whole)
                    return table.atom("over", "sum", stands(product))
            case "torch.softmax", [value], {"dim": 0, **rest} if not rest:
                return table.atom("over", "softmax", stands(value))
            case ".sum", [value], {"dim": 0, **rest} if not rest:
                return table.atom("over", "sum", stands(value))
            case ".sum", [value], {"dim": int() as axis, "keepdim": True, **rest} if (
                not rest
            ):
                return table.atom("across", "sum", stands(axis), stands(value))
            case "torch.linalg.vector_norm", [value], {"dim": int() as axis, **rest}:
                if rest == {"keepdim": True}:
                    return table.atom("across", "norm", stands(axis), stands(value))
        return None

    def _library(
        self, name: str, arguments: Sequence[Value], options: Options
    ) -> Value:
        if name.startswith("nn.functional."):
            name = f"F.{name.removeprefix('nn.functional.')}"
        self._file.asked.add(name)
        short = name.removeprefix("torch.").removeprefix("math.")
        numbers = [*arguments, *options.values()]
        function = NUMBERS.get(short) if not options else None
        if short == "clamp" and len(arguments) == 1:
            function = LIMITS.get(tuple(options))
        if function and all(isinstance(a, float | int) for a in numbers):
            return self._number(name, function, numbers)
        over = self._over(name, arguments, options)
        if over is not None:
            return over
        if PAST in arguments:
            self._file.turns.check()
        if name.endswith("_"):
            raise Changed(f"{name} changes what it is given")
        place = IN_PLACE_AT.get(name, len(arguments))
        if arguments[place:]:
            *before, is_in_place = arguments
            arguments, options = before, {**options, "inplace": is_in_place}
        if options.get("inplace") and not is_made(name):
            self._file.overwrite(arguments[0])
        check_sizes(name, arguments, options)
        check_whole(*numbers)
        stands = self._file.stands
        is_trained = not options and arguments[2:] == [Name("self.training")]
        if name == "F.dropout" and is_trained:
            return self._file.dropped(arguments[0], stands(arguments[1]))
        match name, arguments, dict(options):
            case "torch.cat", [tuple() as parts], {"dim": axis, **rest} if not rest:
                return self._table.atom("cat", stands(axis), *map(stands, parts))
        if name == ".flatten" and (whole := _pooled(arguments)) is not None:
            return self._table.atom(*whole)
        given, more = plain(
            name,
            [stands(item) for item in arguments],
            {key: stands(item) for key, item in options.items()},
            self._file.said.defaults.get(name, {}),
        )
        named = tuple(sorted(more.items()))
        if is_made(name) or name in self._file.said.makers:
            return self._file.leaf((name, *given, *named))
        return self._table.atom("call", name, *given, *named)

    def _number(
        self, name: str, function: Callable[..., float], numbers: Sequence[Value]
    ) -> float:
        """A function of numbers; of those that learn it is one that has a slope.

        Raises:
            Unreadable: if it is another one.
        """
        made = function(*numbers)
        learns = any(isinstance(number, Drawn) for number in numbers)
        if learns and not (name == "abs" or name.startswith(("torch.", "F."))):
            raise Unreadable(f"{name} of what learns")
        return Drawn(made) if learns else made


def _measured(value: Value, axis: int) -> Any:
    """The tensor of which this is how many there are: ``x.shape[1]``; None if none."""
    match _taken(value):
        case Node(parts=("sum", frozenset() as terms)), (place,) if place == axis:
            for node, _ in terms:
                if node.parts[:2] == ("attribute", "shape") and len(terms) == 1:
                    return node.parts[2]
    return None


def _first(value: Form) -> Any:
    """The tensor of which this is the first position: ``x[:, 0]``; None if none."""
    match _taken(value):
        case held, (axis, 0.0) if axis == WHOLE:
            return held
    return None


def _taken(value: Value) -> tuple[Any, Any]:
    """What something is taken of, and which place of it."""
    if kind_of(value) != "item":
        return None, None
    (node,) = value
    return node.parts[1], node.parts[2]


def _pooled(arguments: Sequence[Value]) -> tuple[Any, ...] | None:
    """A mean or a maximum over a grid that is kept and flattened, as one that is not."""
    match arguments:
        case [dict() as pooled, 1] if list(pooled.values()) == [1.0]:
            (node,) = pooled
            match node.parts:
                case ("call", ".mean" | ".amax", _, _, ("keepdim", True)):
                    return tuple(node.parts[:-1])
    return None


def _container(name: str, arguments: Sequence[Value]) -> Row:
    match arguments:
        case [Names() as row]:
            return Row(row.held, row.names)
        case [Row() as row] if name != "nn.Sequential":
            return row
        case [(tuple() | list() | Items()) as items] if name != "nn.Sequential":
            if name == "nn.ModuleDict":
                return Row(*_named(items))
            arguments = items
        case _ if name != "nn.Sequential" and arguments:
            raise Unreadable(f"{name} takes one list")
    return Row(arguments)


def _named(items: Sequence[Value]) -> tuple[tuple[Value, ...], tuple[str, ...]]:
    """What each name stands for, and the names."""
    return tuple(item for _, item in items), tuple(name for name, _ in items)
