"""A plan in which rows of blocks that are alike are made by a function.

Stages in one container would else be a list in a list for each: DenseNet and RegNet have
four. What else stands in the list (the first block of a stage) is of the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from recform.plan.definitions import Class, Definition, Function, Parameter, Return
from recform.plan.expressions import Argument, Container, Holds, Item, Make, Number
from recform.plan.rewrite import rewritten

_DIGITS = re.compile("[0-9]+")
#: What a number in a name is called.
_STAGE = "stage"
#: Rows with the same key differ in numbers alone.
_Key = tuple[object, ...]


def with_rows(
    network: Class, made: Mapping[str, Definition], name: Callable[[str], str]
) -> tuple[list[Function], Class]:
    """The functions that make rows, and the class of the network that calls them.

    Args:
        network: the class.
        made: the definitions before it, by name.
        name: gives a name to a function.
    """
    found: dict[_Key, list[Container]] = {}

    def collected(node: object) -> object:
        if isinstance(node, Container) and (key := _key(node)) is not None:
            found.setdefault(key, []).append(node)
        return node

    rewritten(network, collected)
    rows: dict[_Key, _Row] = {}
    for key, alike in found.items():
        if len(alike) > 1:
            rows[key] = _Row(alike, made, name)

    def called(node: object) -> object:
        if isinstance(node, Container) and (row := rows.get(_key(node) or ())):
            return row.call(node)
        return node

    functions = [row.function for row in rows.values()]
    return functions, rewritten(network, called) if rows else network


def _key(node: Container) -> _Key | None:
    """What a row has in common with others; None for what is no row with names."""
    if node.kind is not Holds.SEQUENTIAL:
        return None
    if all(item.count == 1 for item in node.items):
        return None
    common: list[object] = []
    for item in node.items:
        if not item.name or not isinstance(item.value, Make):
            return None
        given = tuple(
            (a.keyword, a.value.growth if isinstance(a.value, Number) else a.value)
            for a in item.value.arguments
        )
        name = _DIGITS.sub("0", item.name)
        common.append((name, item.first, item.count == 1, item.value.callee, given))
    return tuple(common)


@dataclass(frozen=True)
class _Place:
    """A number in a row, in which others may differ.

    Attributes:
        wanted: what the argument for it would be called.
        is_keyword: whether it is given by that name.
        kind: its type.
    """

    wanted: str
    is_keyword: bool = False
    kind: str = "int"

    @property
    def means(self) -> str:
        """What the number is; equal ones of the same meaning are one argument."""
        is_size = not self.is_keyword and self.wanted != _STAGE
        return "a size" if is_size else self.wanted


class _Row:
    """A function for rows that differ in numbers alone."""

    def __init__(
        self,
        rows: list[Container],
        made: Mapping[str, Definition],
        name: Callable[[str], str],
    ) -> None:
        places = list(_places(rows[0], made))
        columns = [
            (place.means, tuple(numbers))
            for place, *numbers in zip(places, *map(_numbers, rows), strict=True)
        ]
        #: What stands in the place of each number that varies.
        names: dict[tuple[str, tuple[object, ...]], str] = {}
        parameters: list[tuple[_Place, int, Parameter]] = []
        for number, (place, column) in enumerate(zip(places, columns, strict=True)):
            if len(set(column[1])) == 1 or column in names:
                continue
            own, taken = place.wanted, 2
            while own in names.values():
                own, taken = f"{place.wanted}{taken}", taken + 1
            names[column] = own
            parameters.append((place, number, Parameter(own, place.kind)))
        parameters.sort(key=lambda item: item[0].is_keyword)
        self._given = [(place.is_keyword, k, p.name) for place, k, p in parameters]
        said = iter([names.get(column) for column in columns])
        items = tuple(_said(item, said) for item in rows[0].items)
        item = rows[0].items[0]
        called, about = item.name, "The blocks of a stage."
        if items[0].name == item.name:
            about = (
                f"{item.name.replace('{}', str(item.first))} and those that follow it."
            )
        else:
            called = _DIGITS.sub("", called)
        called = "_".join(re.findall(r"\w+", called))
        self.function = Function(
            name(f"{called}s"),
            tuple(parameter for _, _, parameter in parameters),
            "nn.Sequential",
            (Return(Container(Holds.SEQUENTIAL, items)),),
            about,
        )

    def call(self, row: Container) -> Make:
        """What makes a row."""
        numbers = _numbers(row)
        given = (
            Argument(Number(numbers[k]), name if is_keyword else "")
            for is_keyword, k, name in self._given
        )
        return Make(self.function.name, tuple(given))


def _places(row: Container, made: Mapping[str, Definition]) -> Iterator[_Place]:
    """What stands for each number of a row, in the order of :func:`_numbers`."""
    for item in row.items:
        assert isinstance(item.value, Make)
        names = [p.name for p in made[item.value.callee].parameters]
        yield from (_Place(_STAGE) for _ in _DIGITS.findall(item.name))
        for position, argument in enumerate(item.value.arguments):
            number = argument.value
            is_float = isinstance(number, Number) and isinstance(number.value, float)
            own = argument.keyword or names[position]
            yield _Place(own, bool(argument.keyword), "float" if is_float else "int")
        yield _Place("count" if "count" not in names else "blocks", is_keyword=True)


def _numbers(row: Container) -> tuple[int | float | str, ...]:
    """The numbers of a row: in names, as arguments, and how many blocks there are.

    What is given that is no number is the same in all rows with the key.
    """
    numbers: list[int | float | str] = []
    for item in row.items:
        assert isinstance(item.value, Make)
        numbers += map(int, _DIGITS.findall(item.name))
        numbers += (
            argument.value.value if isinstance(argument.value, Number) else 0
            for argument in item.value.arguments
        )
        numbers.append(item.count)
    return tuple(numbers)


def _said(item: Item, said: Iterator[str | None]) -> Item:
    """Blocks with names in the place of the numbers that vary.

    Args:
        item: one of them, or several.
        said: for each number a name, or None where it stays.
    """
    assert isinstance(item.value, Make)

    def named(found: re.Match[str]) -> str:
        name = next(said)
        return f"{{{name}}}" if name else found[0]

    called = _DIGITS.sub(named, item.name)
    given = []
    for argument in item.value.arguments:
        name = next(said)
        if name and isinstance(argument.value, Number):
            argument = replace(argument, value=replace(argument.value, value=name))
        given.append(argument)
    value = replace(item.value, arguments=tuple(given))
    return replace(item, name=called, value=value, count=next(said) or item.count)
