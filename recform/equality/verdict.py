"""What a comparison of two networks found."""

from __future__ import annotations

from dataclasses import dataclass

from recform.equality.around.frame import FrameChange
from recform.equality.counterexample.example import Example

#: How the answer reads.
ANY, LINEAR, DIFFERENT, OPEN = "equal", "equal if linear", "different", "undecided"


@dataclass(frozen=True)
class OwnDepth:
    """Networks of the depth that a file has.

    Attributes:
        blocks: the depth.
        owner: the name of the network that has it; empty if both have.
        same: whether they are equal with so many blocks, for any operators.
    """

    blocks: int
    owner: str
    same: bool


@dataclass(frozen=True)
class Verdict:
    """Whether two networks are equal.

    Attributes:
        names: of the networks.
        answer: one of the four.
        checked: the depths up to which the outputs were compared as formulas; none if
            the equations are the same.
        differs: the smallest depth at which they differ for some operators.
        relations: what holds at every block and proves it, as text.
        starts: boundary equations, as text, by network.
        interior: whether the paths between later blocks are equal; None if that is
            unknown.
        example: operators and an input for which they differ.
        frame: what differs besides the equations.
        begin: learned scalars and weights that start otherwise, as functions of which the
            networks were compared.
        notes: what was taken for granted, in sentences.
        numbered: whether boundary equations of a network stand behind its first block.
        by_laws: whether the equations are equal one by one, by laws of functions.
        own: for networks that are not equal, or not known to be, what is known of the
            depth that the files have.
    """

    names: tuple[str, str]
    answer: str
    starts: tuple[tuple[str, ...], tuple[str, ...]]
    interior: bool | None
    frame: tuple[FrameChange, ...]
    notes: tuple[str, ...]
    checked: int = 0
    differs: int | None = None
    relations: tuple[str, ...] = ()
    example: Example | None = None
    numbered: tuple[bool, bool] = (False, False)
    own: OwnDepth | None = None
    by_laws: bool = False
    begin: tuple[FrameChange, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether they are equal for any operators."""
        return self.answer == ANY
