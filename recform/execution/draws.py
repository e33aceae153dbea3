"""Numbers that stand for learned scalars where the code is run: the same on both sides."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from recform.execution.forms import Drawn
from recform.source import Span


class NoNumber(Exception):
    """What stands for learned scalars makes a coefficient that is no number, or too large.

    Attributes:
        span: of the coefficient, if it is known.
    """

    def __init__(self, span: Span | None = None) -> None:
        super().__init__()
        self.span = span


@dataclass(frozen=True)
class Draws:
    """From where the number of each learned scalar is drawn, by its name.

    Attributes:
        middle: where numbers begin.
        width: how far they go from there; below 0 they go down.
        starts: where those of some scalars begin in its place.
        turned: at some places they go in the other direction, at others for each text;
            at none for an empty one.
    """

    middle: float = 0.5
    width: float = 1.0
    starts: Mapping[str, float] = field(default_factory=dict)
    turned: str = ""

    def of(self, scalar: str, place: str = "") -> Drawn:
        """The number of a scalar; another one for each place that it stands in."""
        place = place or scalar
        share = zlib.crc32(place.encode()) % 99_991 / 99_991
        turns = self.turned and zlib.crc32((place + self.turned).encode()) % 2
        width = -self.width if turns else self.width
        return Drawn(self.starts.get(scalar, self.middle) + width * share)
