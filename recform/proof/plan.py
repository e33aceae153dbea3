"""What the printer says of the steps that it wrote, for the comparison with the plan."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from recform.blocks.shape import Size
from recform.graph.model import Site
from recform.recurrence.model import Step


class Misprint(Exception):
    """The code does not say what the plan says.

    Attributes:
        message: what differs.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Place:
    """Blocks that are made with the same arguments, up to a steady growth.

    Attributes:
        first: the number of the first of them.
        count: how many.
        length: of the network, or of their stage.
        arguments: of the constructor, by name, for the first of them.
        counted: the arguments that grow by one from block to block.
    """

    first: int
    count: int
    length: int
    arguments: Mapping[str, Size]
    counted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Inlined:
    """An operator whose parts are the block's own.

    Attributes:
        inputs: the names of what the first call takes; the others take ``x``.
        calls: in order, with the names of their inputs in braces.
    """

    inputs: tuple[str, ...]
    calls: tuple[str, ...]


@dataclass(frozen=True)
class PrintedStep:
    """A step of the plan, and how the printer calls what is in it.

    Attributes:
        name: of the class, or of the function that makes the modules of a block.
        step: the plan.
        handed: what the network hands to each of its blocks, in order.
        takes: the numbers of the step's inputs that follow; it reads no others.
        scalars: the learned scalars of the formula.
        modules: the expression of each operator and learned scalar of the block.
        inlined: the operators whose parts are the block's own.
        adapters: the attribute in front of each term that has one.
        functions: the code of each function, with ``{x}`` for its argument.
        numbers: the attributes that are numbers, which may depend on the block.
        learned: those that are learned scalars.
        is_class: whether there is a class with a forward pass.
        places: the blocks that take it.
    """

    name: str
    step: Step
    handed: tuple[str, ...]
    takes: tuple[int, ...]
    scalars: frozenset[str]
    modules: Mapping[str, str]
    inlined: Mapping[str, Inlined]
    adapters: Mapping[Site, str]
    functions: Mapping[str, str]
    numbers: tuple[str, ...]
    learned: tuple[str, ...]
    is_class: bool
    places: tuple[Place, ...] = field(repr=False)


def parameters_of(function: ast.FunctionDef) -> list[str]:
    """The parameters of a method or a function."""
    return [argument.arg for argument in function.args.args if argument.arg != "self"]


def arguments_of(place: Place, block: int, names: list[str]) -> dict[str, Size]:
    """The numbers that a block's constructor gets."""
    moved = block - place.first
    return {
        name: value + moved if name in place.counted else value
        for name, value in place.arguments.items()
        if name in names
    }
