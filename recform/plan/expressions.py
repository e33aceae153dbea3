"""Expressions of a plan: what makes a module, and what a statement computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from typing import TypeAlias

from recform.blocks.template import free_names


@dataclass(frozen=True)
class Code:
    """Python as an operator, a formula or a size says it.

    Attributes:
        text: of it.
        shares: what the weight of the module is that it makes, if others have the same.
        tabled: whether it makes a table with a row for each position.
    """

    text: str
    shares: str = ""
    tabled: bool = False


@dataclass(frozen=True)
class Number:
    """A number, or the name of one, that may grow: ``value + growth * k``."""

    value: int | float | str
    growth: int | float = 0

    def at(self, k: int) -> Number:
        """The number in the k-th block, counted from 0."""
        if isinstance(self.value, str):
            return Number(self.value)
        return Number(self.value + k * self.growth)


@dataclass(frozen=True)
class Argument:
    """An argument of a call; without a keyword it goes by its place."""

    value: Expression
    keyword: str = ""


@dataclass(frozen=True)
class Make:
    """A call of a class, or of a function that makes modules."""

    callee: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class Item:
    """One module of a container, or equal ones in a row.

    Attributes:
        value: makes one of them; where ``splat``, a list of modules.
        name: in a container with names; ``{}`` is the number in a row.
        count: how many there are in the row; in a function, the name of that number.
        first: the number of the first.
        splat: whether each is a list, whose modules the container holds.
    """

    value: Expression
    name: str = ""
    count: int | str = 1
    first: int = 0
    splat: bool = False


class Holds(Enum):
    """What a container is."""

    SEQUENTIAL = "nn.Sequential"
    LIST = "nn.ModuleList"
    DICTIONARY = "nn.ModuleDict"
    PLAIN = "list"


@dataclass(frozen=True)
class Container:
    """A container of modules, with names for all of them or for none."""

    kind: Holds
    items: tuple[Item, ...]


Expression: TypeAlias = Code | Number | Make | Container


def sequential(*items: Item) -> Container:
    """An nn.Sequential."""
    return Container(Holds.SEQUENTIAL, items)


def dictionary(modules: Iterable[tuple[str, Expression]]) -> Container:
    """An nn.ModuleDict of what makes modules, by their names."""
    return Container(
        Holds.DICTIONARY, tuple(Item(made, name) for name, made in modules)
    )


def grows(value: Expression) -> bool:
    """Whether a number in an expression grows from block to block."""
    return any(isinstance(part, Number) and part.growth for part in _leaves(value))


def at(value: Expression, k: int) -> Expression:
    """What makes the k-th block of a row, counted from 0."""
    match value:
        case Number():
            return value.at(k)
        case Make():
            given = (replace(a, value=at(a.value, k)) for a in value.arguments)
            return replace(value, arguments=tuple(given))
    return value


def names_in(value: Expression) -> set[str]:
    """The names that an expression reads from around it."""
    texts = (part.text for part in _leaves(value) if isinstance(part, Code))
    return set().union(*map(_free, texts))


@cache
def _free(text: str) -> frozenset[str]:
    return frozenset(name.id for name in free_names(text))


def _leaves(value: Expression) -> Iterator[Code | Number]:
    match value:
        case Make():
            for argument in value.arguments:
                yield from _leaves(argument.value)
        case Container():
            for item in value.items:
                yield from _leaves(item.value)
        case _:
            yield value
