"""What a network keeps while it goes on by positions, as it stands in generated files."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Past:
    """What a network keeps of the positions that it has seen, to go on with the next.

    It is empty at first, and grows with each pass. ``at`` is how many positions it has
    seen, ``kept`` what modules keep of them, in the order in which they run.
    """

    def __init__(self) -> None:
        self.at = 0
        self.kept: list[Tensor] = []
        self._next: list[Tensor] = []
        self._new = 0

    def run(self, network: nn.Module, x: Tensor) -> Tensor:
        """What a network makes of positions that stand behind those that it has seen."""
        # Of a class that keeps something: a part of a module may be called `past`, too.
        modules = [m for m in network.modules() if hasattr(type(m), "past")]
        self._next, self._new = [], x.shape[1]
        try:
            for module in modules:
                setattr(module, "past", self)  # noqa: B010
            made: Tensor = network(x)
        finally:
            for module in modules:
                setattr(module, "past", None)  # noqa: B010
        self.kept, self.at = self._next, self.at + self._new
        return made

    def join(self, new: Tensor, most: int | None = None) -> Tensor:
        """New positions behind those that were kept; ``most`` are kept now, or all."""
        turn = len(self._next)
        whole = torch.cat((self.kept[turn], new), 1) if self.at else new
        first = 0 if most is None else max(0, whole.shape[1] - most)
        self._next.append(whole[:, first:])
        return whole

    def last(self, *start: Tensor) -> tuple[Tensor, ...]:
        """The values that a module has kept, or those that it starts with."""
        turn = len(self._next)
        return tuple(self.kept[turn : turn + len(start)]) if self.at else start

    def keep(self, *values: Tensor) -> None:
        """Keeps values for the next pass."""
        self._next += values

    @staticmethod
    def rows(table: Tensor, past: "Past | None") -> Tensor:
        """Of a table with a row for each position, those that a pass needs."""
        if past is None:
            return table
        last = past.at + past._new
        if last > table.shape[1]:
            raise IndexError(f"there are {table.shape[1]} positions, and not {last}")
        return table[:, past.at : last]

    @staticmethod
    def shift(x: Tensor, past: "Past | None") -> Tensor:
        """The token of the position before, in the place of each."""
        if past is None:
            return F.pad(x, (0, 0, 1, -1))
        if not past.at:
            x = F.pad(x, (0, 0, 1, 0))
        return past.join(x, 1)[:, :-1]
