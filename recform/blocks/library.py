"""The operators that a formula may name: those of recform, with those of plugins.

A library is a value. It is made once for a file that is compiled and travels with what is
made of it, so that nothing has to know where else an operator of the name is known.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType

from recform.blocks.elsewhere import called_elsewhere
from recform.blocks.operator import Operator
from recform.diagnostics import meant


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

    def alike(self, name: str) -> str:
        """The operator that is called so elsewhere, or in other letters; empty for none."""
        plain = name.lower().replace("_", "")
        here = {other.replace("_", ""): other for other in self.operators}
        return here.get(plain) or called_elsewhere(name)

    def hint(self, name: str, others: Iterable[str], otherwise: str) -> str:
        """What may be meant by a name that is not known: an operator, or one of others."""
        alike = self.alike(name)
        return (
            f"did you mean {alike!r}?"
            if alike
            else meant(name, [*self.names, *others], otherwise)
        )

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
