"""Constructor arguments of the steps: which numbers differ from block to block.

A step is one class for many blocks. Every number that its constructor needs is a column
with one entry for each segment of blocks; columns that always agree are one argument,
and a column that is everywhere the same is written into the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recform.emit.namespace import Namespace


@dataclass
class Columns:
    """The columns of one step.

    Attributes:
        count: how many segments.
    """

    count: int
    _columns: dict[tuple[str, tuple[Any, ...]], list[str]] = field(default_factory=dict)
    _order: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    _names: dict[tuple[str, tuple[Any, ...]], str] = field(default_factory=dict)

    def add(self, kind: str, wanted: str, values: tuple[Any, ...]) -> None:
        """A column.

        Args:
            kind: columns of different kinds are never merged (a stride is no width).
            wanted: the name that it would like.
            values: one for each segment.
        """
        key = (kind, values)
        if key not in self._columns:
            self._columns[key] = []
            self._order.append(key)
        self._columns[key].append(wanted)

    def settle(self, priority: Mapping[str, int], names: Namespace) -> None:
        """Gives names; a merged column gets the one of highest priority.

        Args:
            priority: of some names, the highest first.
            names: the scope of the constructor.
        """
        for key in self._order:
            if _constant(*key):
                continue
            if key[0].startswith("table"):
                # A constant of the file has its name in all classes.
                (self._names[key],) = set(self._columns[key])
                continue
            wanted = min(
                self._columns[key], key=lambda name: (priority.get(name, 99), name)
            )
            self._names[key] = names.new(wanted)

    def text(self, kind: str, values: tuple[Any, ...]) -> str:
        """How the class names a column: its argument, or the number itself."""
        name = self._names.get((kind, values))
        if name is not None:
            return name
        return str(values[0][0] if kind == "index" else values[0])

    def arguments(self) -> list[tuple[str, str, tuple[Any, ...]]]:
        """Kind, name and values of each argument, in the constructor's order."""
        rank = {"channels": 0, "index": 1, "number": 2, "stride": 3}
        keys = [key for key in self._order if key in self._names]
        keys.sort(key=lambda key: (rank.get(key[0], 4), _first(self._names[key])))
        return [(key[0], self._names[key], key[1]) for key in keys]


def _constant(kind: str, values: tuple[Any, ...]) -> bool:
    """Whether all blocks have the same number.

    The entries of an index are pairs: the first block of a segment, and how many follow.
    """
    return len(set(values)) <= 1 and not (kind == "index" and values[0][1] > 1)


def _first(name: str) -> tuple[int, str]:
    """``in_channels`` comes first, ``channels`` after all that come in."""
    if name in ("in_channels", "in_features"):
        return (0, name)
    return (2 if name in ("channels", "features") else 1, name)
