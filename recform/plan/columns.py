"""Constructor arguments of the steps: which numbers differ from block to block.

A step is one class for many blocks. Every number that its constructor needs is a column
with one entry for each segment of blocks; columns that always agree are one argument,
and a column that is everywhere the same is written into the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from recform.algebra.formula import Table
from recform.blocks.identifiers import FEATURES_IN, FEATURES_OUT
from recform.blocks.shape import Size
from recform.plan.namespace import Namespace


class Kind(Enum):
    """What the numbers of a column are, in the order of a constructor's arguments."""

    CHANNELS = 0
    INDEX = 1
    DEPTH = 2
    STRIDE = 3
    SCALE = 4
    TABLE = 5

    @classmethod
    def of(cls, parameter: str, tables: Mapping[str, Table]) -> Kind:
        """The kind of a constructor's parameter."""
        if parameter in tables:
            return cls.INDEX if tables[parameter].counts else cls.TABLE
        if parameter.endswith("stride"):
            return cls.STRIDE
        if parameter == "scale":
            return cls.SCALE
        return {"i": cls.INDEX, "depth": cls.DEPTH}.get(parameter, cls.CHANNELS)


@dataclass(frozen=True)
class Column:
    """Numbers of the blocks; columns of different kinds are never merged.

    Attributes:
        kind: what they are.
        values: one for each segment; of an index, the first block of each.
        runs: whether they are counted on within a segment.
        table: which constant of the file they are, or the count of a stage.
    """

    kind: Kind
    values: tuple[Size, ...]
    runs: bool = False
    table: str = ""

    @property
    def constant(self) -> bool:
        """Whether all blocks have the same number."""
        return len(set(self.values)) <= 1 and not self.runs


@dataclass(frozen=True)
class Given:
    """An argument of a step's constructor: its name, and its numbers."""

    name: str
    column: Column


@dataclass
class Columns:
    """The columns of one step."""

    _wanted: dict[Column, list[str]] = field(default_factory=dict)
    _names: dict[Column, str] = field(default_factory=dict)

    def add(self, column: Column, *wanted: str) -> None:
        """A column, and the names that it would like."""
        self._wanted.setdefault(column, []).extend(wanted)

    def settle(self, priority: Mapping[str, int], names: Namespace) -> None:
        """Gives names; a column gets the first one of highest priority that is left.

        Args:
            priority: of some names, the highest first.
            names: the scope of the constructor.
        """
        for column, wanted in self._wanted.items():
            if column.constant:
                continue
            if column.table:
                # A constant of the file has its name in all classes.
                self._names[column] = column.table
                continue
            left = [n for n in wanted if n not in self._names.values()] or wanted
            best = min(left, key=lambda name: priority.get(name, len(priority)))
            self._names[column] = names.new(best)

    def text(self, column: Column) -> str:
        """How the class names a column: its argument, or the number itself."""
        return self._names.get(column) or str(column.values[0])

    def arguments(self) -> tuple[Given, ...]:
        """The arguments, in the constructor's order."""
        given = [Given(name, column) for column, name in self._names.items()]
        given.sort(key=lambda item: (item.column.kind.value, _turn(item.name)))
        return tuple(given)


def _turn(name: str) -> int:
    """What comes in, what the block makes, and what is wider or older than the two."""
    first = (FEATURES_IN, FEATURES_OUT, ("stride",))
    return next((n for n, names in enumerate(first) if name in names), len(first))
