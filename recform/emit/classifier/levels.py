"""The forward pass of an image classifier as a generator of its levels of features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from typing import Any

from recform.algebra.expr import (
    Combine,
    Concat,
    Elementwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.blocks import Shape
from recform.emit.forward import ForwardWriter
from recform.emit.namespace import Namespace
from recform.emit.pipelines import PipelineCode, chain, marked
from recform.emit.text import Lines
from recform.graph.model import NetworkGraph, Piece
from recform.recurrence.model import Flow, Slot
from recform.recurrence.moves import move

_PLAIN = "yield x\n"


@dataclass(frozen=True)
class Border:
    """What is shown behind a stage that is not the last one of its flow.

    Attributes:
        places: for each tensor that the network's output is made of, its place in the
            state there; empty if some are not there.
        newest: the place of what the stage made last, which is shown in that case.
        shape: of what is shown.
    """

    places: tuple[int | None, ...]
    newest: int
    shape: Shape


def border(network: NetworkGraph, stage: int) -> Border:
    """What is shown behind a stage: what the output would be if the network ended there.

    A stage may hand on less than that, or tensors of shapes that do not meet; what it
    made last is shown then.
    """
    flow = network.recurrence.flows[0]
    segment = network.stages[stage].segments[-1]
    step = network.recurrence.steps[segment.step]
    shapes = segment.block.outputs
    distance = step.at - (flow.end.at - 1)
    places: list[int | None] = []
    known: dict[Slot, Shape] = {}
    for slot in flow.end.inputs:
        moved: Slot = (
            move(slot, distance, step.absolute) if isinstance(slot, Tensor) else slot
        )
        place = step.outputs.index(moved) if moved in step.outputs else None
        places.append(place)
        shape = None if place is None else shapes[place]
        if shape is not None:
            known[slot] = shape
    made = _shape(flow, flow.output, known)
    tensors = [n for n, slot in enumerate(step.outputs) if isinstance(slot, Tensor)]
    newest = next(
        (
            n
            for n in tensors
            if isinstance(slot := step.outputs[n], State) and slot.index == step.at
        ),
        tensors[0],
    )
    if made is not None:
        return Border(tuple(places), newest, made)
    shown = shapes[newest]
    assert shown is not None
    return Border((), newest, shown)


def _shape(flow: Flow, tensor: Tensor, known: dict[Slot, Shape]) -> Shape | None:
    """The shape of a tensor made of others; None where it cannot be made of them."""
    if tensor in known:
        return known[tensor]
    if not isinstance(
        tensor, State | Concat | Combine | Elementwise | Scaled | TensorSum
    ):
        return None
    parts = [_shape(flow, part, known) for part in flow.end.parts(tensor)]
    shapes = [part for part in parts if part is not None]
    if not shapes or len(shapes) < len(parts):
        return None
    first = shapes[0]
    if isinstance(tensor, Concat):
        same = all(shape.grid == first.grid for shape in shapes)
        joined = first.with_features(sum(shape.features for shape in shapes))
        return joined if same else None
    return first if all(shape == first for shape in shapes) else None


class LevelWriter(ForwardWriter):
    """Writes the method ``_levels``.

    Args:
        shows_stem: whether the stem is a level of its own.
        behind_stem: the pooling at the end of the stem, and its code.
        arguments: of a ForwardWriter.
    """

    def __init__(
        self,
        *arguments: Any,
        shows_stem: bool,
        behind_stem: tuple[Piece, PipelineCode] | None,
    ) -> None:
        super().__init__(*arguments)
        self._shows_stem = shows_stem
        self._behind_stem = behind_stem
        self._all_shown = False

    def write(self, lines: Lines) -> None:
        """Writes the method."""
        lines.add("def _levels(self, x: Tensor) -> Iterator[Tensor]:")
        with lines.indented():
            self._apply_piece(lines, "stem", "x")
            if self._shows_stem:
                lines.add("yield x")
            if self._behind_stem is not None:
                self._pool_of_stem(lines, *self._behind_stem)
            flows = self._recurrence.flows
            for number, flow in enumerate(flows):
                self._flow(lines, number, flow, last=number == len(flows) - 1)

    def _flow(self, lines: Lines, number: int, flow: Flow, *, last: bool) -> None:
        """Transition, blocks and levels of a flow."""
        if number and self._network.transitions:
            lines.assign("x", f"self.{self._attribute[f'transition{number + 1}']}(x)")
        stages = [f"self.{name}" for name in self._stage_names]
        if self._formula.scope == "stage":
            stages = [stages[number]]
        result = self._follow(lines, flow, number, stages)
        if not last and result != "x":
            lines.assign("x", result)
            result = "x"
        if not self._all_shown:
            lines.statement(f"yield {result}")

    def _pool_of_stem(self, lines: Lines, piece: Piece, code: PipelineCode) -> None:
        statements, result = chain(code, "x", "x")
        mark = marked(piece.pipeline.span, self._formula.source)
        for statement in statements:
            lines.statement(statement, mark)
        lines.assign("x", result, mark)

    # -- the blocks, and the levels between stages

    def _run_single(
        self, lines: Lines, flow: Flow, number: int, stages: list[str]
    ) -> None:
        def blocks(lines: Lines, stage: str) -> None:
            lines.assign("x", f"self._through({stage}, x)")

        shown = self._borders(flow, number, len(stages))
        behind = Lines()
        result = self._end(behind, flow, number, ["x"], Namespace.forward({"x"}))
        plain = (result, str(behind)) == ("x", str(Lines()))
        self._all_shown = plain and set(shown) <= {_PLAIN}
        if self._all_shown:
            shown.append(_PLAIN)
        self._stages(lines, stages, shown, blocks)

    def _state_type(self) -> str:
        # Levels are made of the state between stages, where it may have another length.
        return super()._state_type() or ": tuple[Tensor, ...]"

    def _run(
        self,
        lines: Lines,
        flow: Flow,
        number: int,
        stages: list[str],
        arguments: str,
    ) -> None:
        def blocks(lines: Lines, stage: str) -> None:
            lines.add(f"for block in self._checkpointed({stage}):")
            with lines.indented():
                lines.assign("state", f"block({arguments})")

        self._all_shown = False
        self._stages(lines, stages, self._borders(flow, number, len(stages)), blocks)

    def _stages(
        self,
        lines: Lines,
        stages: list[str],
        shown: list[str],
        blocks: Callable[[Lines, str], None],
    ) -> None:
        """Stages with what is shown behind them; those that are alike in a loop."""
        if len(shown) > 1 and len(set(shown)) == 1:
            lines.statement(f"stages = ({', '.join(stages[: len(shown)])})")
            lines.add("for stage in stages:")
            with lines.indented():
                blocks(lines, "stage")
                lines.extend(shown[0].rstrip("\n").split("\n"))
        else:
            for stage, text in zip(stages, shown, strict=False):
                blocks(lines, stage)
                lines.extend(text.rstrip("\n").split("\n"))
        for stage in stages[len(shown) :]:
            blocks(lines, stage)

    def _borders(self, flow: Flow, number: int, stages: int) -> list[str]:
        """The statements behind each stage but the last that yield its level."""
        texts = []
        for stage in range(stages - 1):
            found = border(self._network, stage)
            lines = Lines(offset=12)
            if found.places:
                final = [
                    "_" if place is None else self._part(place)
                    for place in found.places
                ]
                result = self._end(lines, flow, number, final, Namespace.forward({"x"}))
            else:
                result = self._part(found.newest)
            lines.statement(f"yield {result}")
            texts.append(str(lines))
        return texts

    def _part(self, place: int) -> str:
        return "x" if self._single else f"state[{place}]"


# -------------------------------------------------------------------- what levels there are


def level_shapes(network: NetworkGraph) -> list[Shape]:
    """The shapes of the levels behind the stages."""
    if network.recurrence.formula.scope == "stage":
        flows = zip(network.recurrence.flows, network.ends, strict=True)
        return [end.shapes[flow.output] for flow, end in flows]
    between = range(len(network.stages) - 1)
    return [*(border(network, number).shape for number in between), network.final]


def reduction(image: Shape, level: Shape) -> int:
    """How many times coarser than the image a level is.

    Where windows run over the rim that is no whole number; it is a power of two then.
    """
    size, left = max(image.grid), max(level.grid)
    if size % left == 0:
        return int(size // left)
    return int(2 ** max(0, round(log2(size / left))))
