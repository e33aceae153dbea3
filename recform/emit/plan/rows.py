"""A plan in which rows of blocks that are alike are made by a function.

Stages in one container would else be a list in a list for each: DenseNet has four.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from recform.emit.plan.definitions import Class, Definition, Function, Parameter, Return
from recform.emit.plan.expressions import (
    Argument,
    Container,
    Holds,
    Item,
    Make,
    Number,
)
from recform.emit.plan.rewrite import rewritten

#: Rows with the same key differ in numbers alone.
_Key = tuple[Any, ...]


def with_rows(
    network: Class, made: Mapping[str, Definition], name: Callable[[str], str]
) -> tuple[list[Function], Class]:
    """The functions that make rows, and the class of the network that calls them.

    Args:
        network: the class.
        made: the definitions before it, by name.
        name: gives a name to a function.
    """
    found: dict[_Key, list[Item]] = {}

    def collected(node: Any) -> Any:
        if (key := _key(node)) is not None:
            found.setdefault(key, []).append(node.items[0])
        return node

    rewritten(network, collected)
    rows: dict[_Key, _Row] = {}
    for key, items in found.items():
        if len(items) > 1:
            rows[key] = _Row(items, made, name)

    def called(node: Any) -> Any:
        row = rows.get(_key(node) or ())
        return node if row is None else row.call(node.items[0])

    functions = [row.function for row in rows.values()]
    return functions, rewritten(network, called) if rows else network


def _key(node: Any) -> _Key | None:
    """What a row has in common with others; None for what is no row with names."""
    if not isinstance(node, Container) or node.kind is not Holds.SEQUENTIAL:
        return None
    item = node.items[0]
    if len(node.items) > 1 or item.count == 1 or not isinstance(item.value, Make):
        return None
    given = tuple(
        (a.keyword, a.value.growth if isinstance(a.value, Number) else a.value)
        for a in item.value.arguments
    )
    return (item.name, item.first, item.value.callee, given) if item.name else None


class _Row:
    """A function for rows that differ in numbers alone."""

    def __init__(
        self,
        items: list[Item],
        made: Mapping[str, Definition],
        name: Callable[[str], str],
    ) -> None:
        item = items[0]
        assert isinstance(item.value, Make)
        names = [p.name for p in made[item.value.callee].parameters]
        columns = zip(*(_numbers(item) for item in items), strict=True)
        self._varies = [len(set(column)) > 1 for column in columns]
        parameters: list[Parameter] = []
        arguments: list[Argument] = []
        given = item.value.arguments
        for position, (argument, varies) in enumerate(
            zip(given, self._varies, strict=True)
        ):
            number = argument.value
            if varies and isinstance(number, Number):
                own = argument.keyword or names[position]
                kind = "float" if isinstance(number.value, float) else "int"
                parameters.append(Parameter(own, kind))
                argument = replace(argument, value=replace(number, value=own))
            arguments.append(argument)
        self._count = "count" if "count" not in names else "blocks"
        parameters.append(Parameter(self._count))
        value = replace(item.value, arguments=tuple(arguments))
        row = Container(
            Holds.SEQUENTIAL, (replace(item, value=value, count=self._count),)
        )
        first = item.name.replace("{}", str(item.first))
        self.function = Function(
            name(f"{item.name.replace('{}', '')}s"),
            tuple(parameters),
            "nn.Sequential",
            (Return(row),),
            f"{first} and those that follow it.",
        )

    def call(self, item: Item) -> Make:
        """What makes a row."""
        assert isinstance(item.value, Make)
        given = [
            Argument(Number(number.value))
            for number, varies in zip(
                (argument.value for argument in item.value.arguments),
                self._varies,
                strict=True,
            )
            if varies and isinstance(number, Number)
        ]
        count = Argument(Number(item.count), self._count)
        return Make(self.function.name, (*given, count))


def _numbers(item: Item) -> tuple[Any, ...]:
    assert isinstance(item.value, Make)
    return tuple(
        argument.value.value if isinstance(argument.value, Number) else None
        for argument in item.value.arguments
    )
