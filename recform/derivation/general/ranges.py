"""Integer variables between bounds, as differences: what is known of them, exactly.

The variables of a general formula (the length ``i`` and the variables of sums) are
compared with each other and with numbers only, so all that is known of them is a matrix of
upper bounds on differences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recform.derivation.general.model import Bound

#: The name of the constant 0 among the variables.
ZERO = ""


@dataclass(frozen=True)
class Ranges:
    """What is known of variables: ``x - y <= c`` for pairs of them.

    Attributes:
        names: the variables, ``ZERO`` first.
        limits: the ``c`` of each pair, None where there is none; closed: what follows
            from others is in it.
    """

    names: tuple[str, ...]
    limits: tuple[tuple[int | None, ...], ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> Ranges:
        """Nothing is known yet."""
        everything = (ZERO, *names)
        return cls(
            everything,
            tuple(tuple(0 if a == b else None for b in everything) for a in everything),
        )

    def difference(self, left: Bound, right: Bound) -> int | None:
        """The most that ``left - right`` can be, or None if there is no limit."""
        limit = self.limits[self.names.index(left.base)][self.names.index(right.base)]
        return None if limit is None else limit + left.number - right.number

    def with_at_most(self, left: Bound, right: Bound) -> Ranges | None:
        """What is known if also ``left <= right``; None if that cannot be."""
        row, column = self.names.index(left.base), self.names.index(right.base)
        limit = right.number - left.number
        known = self.limits[row][column]
        if known is not None and known <= limit:
            return self
        grid = [list(line) for line in self.limits]
        grid[row][column] = limit
        size = range(len(grid))
        for a in size:
            for b in size:
                to_row, on = grid[a][row], grid[column][b]
                if to_row is None or on is None:
                    continue
                through = to_row + limit + on
                old = grid[a][b]
                if old is None or through < old:
                    grid[a][b] = through
        if any((grid[a][a] or 0) < 0 for a in size):
            return None
        return Ranges(self.names, tuple(map(tuple, grid)))

    def with_equal(self, left: Bound, right: Bound) -> Ranges | None:
        """What is known if also ``left = right``; None if that cannot be."""
        below = self.with_at_most(left, right)
        return None if below is None else below.with_at_most(right, left)

    def span_of(self, name: str) -> tuple[int | None, int | None]:
        """The least and the greatest value of a variable; None where it has none."""
        number = self.names.index(name)
        least, most = self.limits[0][number], self.limits[number][0]
        return (None if least is None else -least), most

    def without(self, name: str) -> Ranges:
        """The same without a variable that has been replaced."""
        gone = self.names.index(name)
        keep = [n for n in range(len(self.names)) if n != gone]
        return Ranges(
            tuple(self.names[n] for n in keep),
            tuple(tuple(self.limits[a][b] for b in keep) for a in keep),
        )

    def one_less(self) -> Ranges:
        """The ranges of all variables less one."""
        grid = []
        for a, row in enumerate(self.limits):
            grid.append(
                tuple(
                    limit
                    if limit is None or (a == 0) == (b == 0)
                    else limit + (1 if a == 0 else -1)
                    for b, limit in enumerate(row)
                )
            )
        return Ranges(self.names, tuple(grid))

    def renamed(self, names: Mapping[str, str]) -> Ranges:
        """The same with other names."""
        return Ranges(tuple(names.get(n, n) for n in self.names), self.limits)
