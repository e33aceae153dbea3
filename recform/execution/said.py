"""What readers of code have in common: the forms that they make, and what they know."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recform.execution.draws import Draws
from recform.execution.forms import Table
from recform.execution.parts import Hole, Value


@dataclass
class Said:
    """What two readers have in common.

    Attributes:
        table: of all forms.
        links: operators that were read, with their module, by all that they hang on.
        layers: of functions that a module stands for, by what makes the module.
        makers: functions of libraries that make modules, besides classes.
        defaults: of the arguments of classes that operators bring.
        going: whether the network goes on by positions.
        past: what modules keep where a network goes on by positions: nothing yet, or
            PAST.
        keeping: the classes of modules that keep something there.
        positions: how many positions of tokens show how a recurrence over them goes on.
        incoming: the features of what recurrences over them take, by its key.
        is_numbered: whether the number of a block was read in what the formula says.
        run: the functions that were followed.
        draws: the numbers that stand for learned scalars.
    """

    table: Table = field(default_factory=Table)
    links: dict[Hashable, tuple[ast.expr, Value]] = field(default_factory=dict)
    layers: dict[Any, ast.expr] = field(default_factory=dict)
    makers: set[str] = field(default_factory=set)
    defaults: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    positions: int = 0
    incoming: dict[Hashable, int] = field(default_factory=dict)
    going: bool = False
    past: Hole | None = None
    keeping: set[str] = field(default_factory=set)
    is_numbered: bool = False
    run: set[ast.FunctionDef] = field(default_factory=set)
    draws: Draws = field(default_factory=Draws)
