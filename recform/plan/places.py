"""The places of a network that code belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """A kind of pieces of the network, by what a `names` statement calls it."""

    STEM = "stem"
    TRANSITION = "transition"
    HEAD = "head"
    STAGE = "stages"


@dataclass(frozen=True)
class Origin:
    """A piece of the network.

    Attributes:
        kind: what it is.
        number: of a stage, counted from 0; of a transition, that of the stage behind it.
    """

    kind: Kind
    number: int = 0


STEM, HEAD = Origin(Kind.STEM), Origin(Kind.HEAD)


def transition(number: int) -> Origin:
    """The transition in front of a stage, which is counted from 0."""
    return Origin(Kind.TRANSITION, number)


@dataclass(frozen=True)
class Shared:
    """An operator or learned scalar that the network owns.

    Attributes:
        name: as in the formula.
        flow: which of the flows it is for.
        first: whether it is block 0's; else it has no index.
    """

    name: str
    flow: int
    first: bool = False
