"""What is said of the steps that were written, for the comparison with the plan."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from recform.execution.draws import Draws
from recform.execution.parts import Hole
from recform.graph.model import Site


@dataclass(frozen=True)
class PrintedStep:
    """A step of the plan, and what in the code it is.

    Attributes:
        name: of its class.
        is_class: whether it has one; else its blocks are modules of the network.
        handed: what the network hands to each of its blocks, in order.
        adapters: for each term that has an adapter, which one: some are the same.
        modules: the attribute of each operator of a block that has one of its own.
    """

    name: str
    is_class: bool
    handed: tuple[str, ...]
    adapters: Mapping[Site, str]
    modules: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Printed:
    """A network as code.

    Attributes:
        name: of its class.
        definitions: the classes and functions of the file, by name.
        steps: by the numbers of the recurrence's.
        stages: the attributes that hold the blocks of each stage, if there are any.
        scalars: for each class the attributes that are learned scalars, in the order of
            the formula or of the definition; those of steps and of the network with
            their names there.
        laid_out: whether its weights lie with channels last in memory.
        going: whether it goes on by positions.
        past: what modules keep then: nothing yet, or PAST.
        run: the functions that the proof has followed, which it tells here.
        draws: the numbers that stand for learned scalars.
    """

    name: str
    definitions: Mapping[str, ast.ClassDef | ast.FunctionDef]
    steps: tuple[PrintedStep, ...]
    stages: tuple[str, ...]
    scalars: Mapping[str, Mapping[str, str]]
    laid_out: bool = False
    going: bool = False
    past: Hole | None = None
    run: set[ast.FunctionDef] = field(default_factory=set)
    draws: Draws = field(default_factory=Draws)
