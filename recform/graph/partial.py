"""A network whose shapes do not meet, as far as it could be followed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recform.algebra.expr import Tensor
from recform.blocks import Shape
from recform.diagnostics import CompileError, Diagnostic
from recform.graph.model import Piece, Segment
from recform.recurrence.model import Recurrence, Step


class Stuck(Exception):
    """A diagnostic has been made; the network cannot be followed further.

    Attributes:
        at: the tensor in whose making shapes do not meet, if it is one.
        ends: the tensors that do not meet there.
    """

    def __init__(self, at: Tensor | None = None, ends: tuple[Tensor, ...] = ()) -> None:
        super().__init__()
        self.at = at
        self.ends = ends


@dataclass(frozen=True)
class Partial:
    """What is known of a network up to the place where its shapes do not meet.

    Attributes:
        recurrence: what the network was to be made from.
        stem: None if the stem itself does not fit.
        segments: the blocks that could be followed.
        step: what the block computes that could not; None if it is no block (then it is
            the stem, a transition or the head).
        index: the number of that block, as the formula counts; 0 for what is computed
            before the first block, one more than the blocks for what comes behind them.
        stage: an index into the stages of the formula.
        shapes: of the tensors of the block, as far as they are known.
        at, ends: as in :class:`Stuck`.
    """

    recurrence: Recurrence
    stem: Piece | None
    segments: tuple[Segment, ...]
    step: Step | None
    index: int
    stage: int
    shapes: Mapping[Tensor, Shape]
    at: Tensor | None
    ends: tuple[Tensor, ...]


class ShapeError(CompileError):
    """Shapes do not meet.

    Attributes:
        partial: the network as far as it could be followed.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], partial: Partial) -> None:
        super().__init__(diagnostics)
        self.partial = partial
