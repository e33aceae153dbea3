"""The operators that a formula may name: those of recform, with those of plugins.

A library is a value. It is made once for a file that is compiled and travels with what is
made of it, so that nothing has to know where else an operator of the name is known.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType

from recform.blocks.operator import Operator


@dataclass(frozen=True)
class Library:
    """Operators by name.

    Attributes:
        operators: all that are known.
        plugins: those of the user's own that were asked for, as they were named.
    """

    operators: Mapping[str, Operator] = field(repr=False)
    plugins: tuple[str, ...] = ()

    def lookup(self, name: str) -> Operator | None:
        """The operator of this name, or None."""
        return self.operators.get(name)

    def elementwise(self, name: str) -> Operator | None:
        """The operator of this name if equations can use it as a function, or None."""
        operator = self.lookup(name)
        return operator if operator is not None and operator.elementwise else None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all operators, sorted."""
        return tuple(sorted(self.operators))


def operators_in(module: ModuleType) -> Iterator[type[Operator]]:
    """The operators that a module defines; a class with an underscore is none."""
    for value in vars(module).values():
        if (
            inspect.isclass(value)
            and issubclass(value, Operator)
            and value.__module__ == module.__name__
            and not value.__name__.startswith("_")
        ):
            yield value
