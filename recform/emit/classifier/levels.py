"""The forward pass of an image classifier as a generator of its levels of features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import log2
from operator import attrgetter
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
from recform.algebra.formula import Scope
from recform.blocks import Shape
from recform.classes.forward import ForwardWriter
from recform.classes.steps.passes import Pass
from recform.graph.model import NetworkGraph, Piece
from recform.plan.definitions import Assign, Function, Loop, Parameter, Statement, Yield
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.recurrence.model import Flow, Slot
from recform.recurrence.moves import move
from recform.writers.pipelines import PipelineCode, applied, line_of


@dataclass(frozen=True)
class Shown:
    """How a level is made of what the blocks in front of it hand on.

    Attributes:
        before: statements in front of it.
        result: its expression.
        own: whether it is what the module in front of it returns, as it is.
    """

    before: tuple[Statement, ...]
    result: str
    own: bool

    def by(self, tap: str) -> tuple[Statement, ...]:
        """The statements that show it, through a module if it is no other one's."""
        shown = self.result if self.own else f"{tap}({self.result})"
        return (*self.before, Yield(Code(shown)))


#: What a module has made of ``x``.
PLAIN = Shown((), "x", own=True)


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
    """Writes the method ``_levels``: the forward pass, which shows what it has between.

    Args:
        arguments: of a ForwardWriter.
        stem: the level behind the stem, if that is one.
        behind_stem: the pooling at the end of the stem, and its code.
        tap: a new attribute for a level that no other module makes, by its number.

    Attributes:
        taps: the module that shows each level; empty where it is another one's.
    """

    def __init__(
        self,
        *arguments: Any,
        stem: Shown | None,
        behind_stem: tuple[Piece, PipelineCode] | None,
        tap: Callable[[int], str],
    ) -> None:
        super().__init__(*arguments)
        self._shown_stem = stem
        self._behind_stem = behind_stem
        self._new = tap
        self._all_shown = False
        self._own = False
        self.taps: list[str] = []

    def write(self) -> Function:
        """The method."""
        return levels((*self._before(), *self._blocks(), *self._last()))

    def _before(self) -> Iterator[Statement]:
        yield from self._stem()
        if self._shown_stem is not None:
            yield from self._show(self._shown_stem)
        if self._behind_stem is not None:
            piece, code = self._behind_stem
            line = line_of(piece.pipeline.span, self._formula.source)
            yield from applied(code, line)

    def _transition(self, number: int) -> Iterator[Statement]:
        # With an index that starts anew, each flow ends in a level.
        if number:
            yield from self._last()
        yield from super()._transition(number)

    def _is_kept(self, number: int) -> bool:
        return number < len(self._recurrence.flows) - 1

    def _last(self) -> Iterator[Statement]:
        if not self._all_shown:
            yield from self._show(Shown((), self._result, self._own))

    def _show(self, level: Shown) -> tuple[Statement, ...]:
        return level.by(self._tap(level))

    def _tap(self, level: Shown) -> str:
        """The module that shows the next level."""
        self.taps.append("" if level.own else self._new(len(self.taps)))
        return f"self.{self.taps[-1]}"

    # -- the blocks, and the levels between stages

    def _run_single(self, flow: Flow, number: int) -> Iterator[Statement]:
        stages = self._stages_of(number)
        shown = self._borders(flow, number, [("x",)] * len(stages))
        behind, result = self._end(flow, number, ["x"], Namespace.forward({"x"}))
        self._own = result == "x" and not behind
        self._all_shown = self._own and set(shown) <= {PLAIN}
        if self._all_shown:
            shown.append(PLAIN)
        return self._stages(
            stages, shown, lambda _, s: (Assign("x", Code(f"self._through({s}, x)")),)
        )

    def _run(
        self, calls: Sequence[Pass], flow: Flow, number: int
    ) -> Iterator[Statement]:
        self._all_shown = self._own = False
        groups = [list(group) for _, group in groupby(calls, attrgetter("stage"))]
        shown = self._borders(flow, number, [group[-1].makes for group in groups])
        return self._stages(
            self._stages_of(number),
            shown,
            lambda n, stage: tuple(
                self._kept_apart(item, stage, number) for item in groups[n]
            ),
        )

    def _kept_apart(self, item: Pass, stage: str, number: int) -> Loop:
        """Blocks of a stage, which can keep what they get alone."""
        blocks = Code(f"self._checkpointed({stage}{item.several})")
        return Loop("block", blocks, self._called(item, "block", number))

    def _stages(
        self,
        stages: list[str],
        shown: list[Shown],
        blocks: Callable[[int, str], tuple[Statement, ...]],
    ) -> Iterator[Statement]:
        """Stages with what is shown behind them; those that are alike in a loop."""
        inside = {(blocks(n, "stage"), level) for n, level in enumerate(shown)}
        if len(shown) > 1 and len(inside) == 1:
            alike = stages[: len(shown)]
            yield from self._alike(alike, shown[0], blocks(0, "stage"))
        else:
            for number, level in enumerate(shown):
                yield from blocks(number, stages[number])
                yield from self._show(level)
        for number in range(len(shown), len(stages)):
            yield from blocks(number, stages[number])

    def _alike(
        self, stages: list[str], level: Shown, blocks: tuple[Statement, ...]
    ) -> Iterator[Statement]:
        """A loop over stages, and over the modules that show their levels."""
        taps = [self._tap(level) for _ in stages]
        variable, items = "stage", stages
        if not level.own:
            variable = "stage, level"
            items = [f"({s}, {tap})" for s, tap in zip(stages, taps, strict=True)]
        yield Assign("stages", Code(f"({', '.join(items)})"))
        yield Loop(variable, Code("stages"), (*blocks, *level.by("level")))

    def _borders(
        self, flow: Flow, number: int, states: Sequence[tuple[str, ...]]
    ) -> list[Shown]:
        """The levels behind each stage but the last.

        Args:
            flow: the blocks.
            number: of the flow.
            states: the variables that hold the state behind each stage.
        """
        shown: list[Shown] = []
        for stage in range(len(self._stages_of(number)) - 1):
            found, state = border(self._network, stage), states[stage]
            made: tuple[Statement, ...] = ()
            result = state[found.newest]
            if found.places:
                final = ["_" if n is None else state[n] for n in found.places]
                names = Namespace.forward({"x", *state})
                made, result = self._end(flow, number, final, names, indent=12)
            own = self._single and not made and result == "x"
            shown.append(Shown(made, result, own))
        return shown


def levels(body: tuple[Statement, ...]) -> Function:
    """The method that shows the levels."""
    x = Parameter("x", "Tensor")
    return Function("_levels", (x,), "Iterator[Tensor]", body)


# -------------------------------------------------------------------- what levels there are


def level_shapes(network: NetworkGraph) -> list[Shape]:
    """The shapes of the levels behind the stages."""
    if network.recurrence.formula.scope is Scope.STAGE:
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
