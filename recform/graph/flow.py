"""Follows shapes through the blocks of one flow, without visiting equal ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from recform.algebra.expr import Context, Input, Tensor
from recform.algebra.formula import Scope
from recform.algebra.indices import is_of_context
from recform.blocks import Amount, Shape
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.graph.checks.coefficients import of_places
from recform.graph.followed import Followed
from recform.graph.model import Block, Module, Place, Segment, StageGraph, Totals
from recform.graph.numbered import numbered, unnumbered, without_number
from recform.graph.partial import Stuck
from recform.graph.pipelines import PipelineRunner
from recform.graph.scalars import Sizes, scaled_by
from recform.graph.shapes import BlockShapes
from recform.graph.stages import Strides
from recform.recurrence.model import (
    START,
    Flow,
    ModuleSlot,
    Recurrence,
    Step,
    contexts_of,
)
from recform.recurrence.numbered import leading
from recform.recurrence.stacks import Lists
from recform.source import Span

#: Most blocks of a stage that may all differ.
MAX_DIFFERENT = 1_000


@dataclass(frozen=True)
class _Carried:
    """Something that a block hands on.

    Attributes:
        what: the shape of a tensor, or a module.
        stage: that of the block which it comes from.
        same: the place of the first one that is the same tensor.
        kept: whether autograd keeps it already.
        apart: whether the features of its positions lie apart in memory.
    """

    what: Shape | Module
    stage: int
    same: int
    kept: bool = False
    apart: bool = False


def _shapes(carried: Sequence[_Carried]) -> tuple[Shape | None, ...]:
    items = (item.what for item in carried)
    return tuple(what if isinstance(what, Shape) else None for what in items)


@dataclass
class _Stage:
    """A stage while it is followed.

    Attributes:
        number: of the stage.
        first: the number of its first block.
        segments: its blocks up to where it was followed.
    """

    number: int
    first: int
    segments: list[Segment] = field(default_factory=list)


class FlowFollower:
    """Follows the flows of one network, one after the other.

    Args:
        recurrence: the network.
        runner: runs pipelines.
        report: gets RF106 and RF4xx.

    Attributes:
        modules: operators that are not a block's own, of the last flow.
        scalars: sizes of the learned scalars that all blocks share.
        contexts: the further inputs that autograd keeps, and how much that is.
        followed: the blocks of each stage, as far as it came.
        block: the block that it is in; None between blocks.
    """

    def __init__(
        self, recurrence: Recurrence, runner: PipelineRunner, report: Diagnostics
    ) -> None:
        self._recurrence = recurrence
        self._formula = recurrence.formula
        self._runner = runner
        self._report = report
        self._numbered = numbered(self._formula)
        self._strides = Strides.of(self._formula)
        self.modules: dict[tuple[str, int | None], Module] = {}
        self.scalars: dict[str, Sizes] = {}
        self.contexts: dict[Tensor, Amount] = {}
        self._constants: dict[Tensor, Shape] = {}
        self._kept: dict[Tensor, Amount] = {}
        self.followed: list[list[Segment]] = []
        self._waiting: Lists[_Carried]
        self._blocks: Followed[tuple[_Carried, ...]]
        self._lies: dict[Tensor, bool] = {}
        self.block: BlockShapes | None = None

    def flow(
        self, flow: Flow, which: list[int], shape: Shape, kept: bool, apart: bool
    ) -> tuple[Block, list[StageGraph], Block, bool]:
        """The blocks of a flow.

        Args:
            flow: the steps.
            which: the numbers of its stages.
            shape: what comes in.
            kept: whether autograd keeps that already.
            apart: whether its features lie apart in memory.

        Returns:
            What is computed before the first block; the stages; what is computed behind
            the last block, and whether autograd keeps it.

        Raises:
            Stuck: after a diagnostic.
        """
        formula = self._formula
        self.modules = {}
        self._blocks = Followed(self._runner, formula.operators)
        width = formula.stages[which[0]].width
        place = Place(width, 1, 0, flow.length)
        before = which[0] - 1
        self._lies = {Input(): apart}
        start, carried = self._block(flow.start, (), place, before, shape, kept)
        self._waiting = Lists[_Carried](flow)
        self._waiting.keep(0, carried)
        stages = []
        first = 1
        for number in which:
            stage = _Stage(number, first)
            self.followed.append(stage.segments)
            end = first + formula.stages[number].blocks
            for run in flow.runs:
                here = range(max(run.first, first), min(run.last + 1, end))
                carried = self._run(run.step, here, stage, flow.length, carried)
            first = end
            stages.append(self._stage(stage, carried))
        place = Place(formula.stages[which[-1]].width, 1, flow.length, flow.length)
        carried = carried[: flow.end.carried]
        behind, after = self._block(flow.end, carried, place, which[-1], None, False)
        self._no_adapters(start, formula.equations[0].span, "in front of the first")
        self._no_adapters(behind, formula.output_span, "behind the last")
        more = Totals(kept=sum(self._kept.values(), Amount()))
        start = replace(start, totals=start.totals + more)
        return start, stages, behind, after[0].kept

    def _stage(self, stage: _Stage, carried: tuple[_Carried, ...]) -> StageGraph:
        outputs = self._recurrence.steps[stage.segments[-1].step].outputs
        totals = sum((s.block.totals.times(s.count) for s in stage.segments), Totals())
        newest = carried[leading(outputs) or 0].what
        assert isinstance(newest, Shape)
        return StageGraph(tuple(stage.segments), newest, totals)

    def _no_adapters(self, block: Block, span: Span, where: str) -> None:
        """Reports terms of different shapes outside of the blocks.

        Raises:
            Stuck: then.
        """
        for bridge in block.sites.values():
            self._report.error(
                "RF401",
                f"this puts {bridge.source} and {bridge.target} together, "
                f"and there are no adapters {where} block",
                span,
                hint="adapters stand in blocks: give both one shape, or let a block "
                "add them",
            )
            raise Stuck

    def _run(
        self,
        step: int,
        blocks: range,
        stage: _Stage,
        length: int,
        carried: tuple[_Carried, ...],
    ) -> tuple[_Carried, ...]:
        """Blocks that take one step and lie in one stage."""
        width = self._formula.stages[stage.number].width
        index = blocks.start
        while index < blocks.stop:
            starts = index == stage.first
            table = self.table(stage.number, index)
            stride = self._strides.of_stage[stage.number] if starts else 1
            place = Place(width, stride, index, length, table)
            taken, waiting = self._recurrence.steps[step], self._waiting
            more = waiting.alike(taken, index)
            given = carried[: taken.carried]
            for item in waiting.given(taken, index, ()):
                given = (*given, replace(item, same=len(given)))
            block, after = self._followed(taken, given, place, stage.number)
            block = replace(block, numbers=of_places(taken, index))
            count = 1
            if not starts and self._alike(after) == self._alike(carried):
                count = self._numbered.alike(index, blocks.stop - 1, length)
                count = count if more is None else min(count, more)
                others = range(index + 1, index + count)
                count = 1 + _alike(others, taken, block.numbers)
            waiting.keep(index, after)
            for other in range(index + 1, index + count):
                waiting.given(taken, other, ())
                waiting.keep(other, after)
            inputs = _shapes(given)
            self._add(
                stage.segments,
                Segment(step, index, count, stage.number, width, stride, inputs, block),
            )
            carried = after
            index += count
        return carried

    def _add(self, segments: list[Segment], new: Segment) -> None:
        """Puts blocks to those before them; equal ones become one segment."""
        last = segments[-1] if segments else None
        if (
            last is not None
            and last.step == new.step
            and self._plain(last.block) == self._plain(new.block)
            and last.inputs == new.inputs
            and last.stride == new.stride
        ):
            segments[-1] = replace(last, count=last.count + new.count)
            return
        if len(segments) >= MAX_DIFFERENT:
            self._all_differ(self._formula.stages[new.stage].span)
        segments.append(new)

    def _alike(self, carried: tuple[_Carried, ...]) -> tuple[_Carried, ...]:
        """What a block hands on, without numbers of blocks that change rates alone."""
        if not self._numbered.alone:
            return carried
        return tuple(
            replace(item, what=unnumbered(item.what))
            if isinstance(item.what, Module)
            else item
            for item in carried
        )

    def _plain(self, block: Block) -> Block:
        return without_number(block) if self._numbered.alone else block

    def _all_differ(self, span: Span | None) -> None:
        """Reports too many blocks that are no copies of each other.

        Raises:
            Stuck: always.
        """
        what, hint = (
            "differ in shape",
            "a history that grows with every block makes each wider",
        )
        if self._numbered.lists:
            what = "weigh another number of earlier blocks"
            hint = "a network so deep needs `scope stage`, with a list for each stage"
        elif self._numbered.other:
            what = "have a number of their own that shapes them"
            hint = (
                "only rates may depend on i in more blocks, as in droppath(0.2*i/L), and "
                f"{self._numbered.other} is none"
            )
        self._report.error(
            "RF106",
            f"more than {MAX_DIFFERENT:,} blocks of a stage all {what}",
            span,
            hint=hint,
        )
        raise Stuck

    def table(self, stage: int, index: int) -> tuple[int | float, ...]:
        """The numbers of a block in the constants per stage or block."""
        before = 0
        if self._formula.scope is Scope.STAGE:
            before = sum(spec.blocks for spec in self._formula.stages[:stage])
        return tuple(
            table.values[before + index - 1 if table.by_block else stage]
            for table in self._formula.tables
        )

    def _followed(
        self, step: Step, given: tuple[_Carried, ...], place: Place, stage: int
    ) -> tuple[Block, tuple[_Carried, ...]]:
        """As of :meth:`_block`, which is asked once for blocks that come to the same."""
        slots = (*step.inputs, *step.outputs)
        if self._numbered.lists or any(isinstance(x, ModuleSlot) for x in slots):
            return self._block(step, given, place, stage, None, False)
        gets = id(step), given, replace(place, index=0), stage
        known = self._blocks.like(gets, place.index)
        if known is None:
            known = self._block(step, given, place, stage, None, False)
            self._blocks.keep(gets, place.index, *known)
        return known

    def _block(
        self,
        step: Step,
        carried: tuple[_Carried, ...],
        place: Place,
        stage: int,
        shape: Shape | None,
        kept: bool,
    ) -> tuple[Block, tuple[_Carried, ...]]:
        """One block: what it looks like and what it hands on."""
        known: dict[Tensor, Shape] = {}
        born: dict[Tensor, int] = {}
        saved: set[Tensor] = set()
        same: dict[Tensor, Tensor] = {}
        modules = {key: m for key, m in self.modules.items() if key[1] in (None, 0)}
        lies = dict(self._lies) if shape is not None else {}
        for slot, item in zip(step.inputs, carried, strict=True):
            if isinstance(slot, ModuleSlot):
                assert isinstance(item.what, Module)
                modules[slot.name, slot.index] = item.what
            else:
                assert isinstance(item.what, Shape)
                known[slot] = item.what
                born[slot] = item.stage
                lies[slot] = item.apart
                other = step.inputs[item.same]
                if isinstance(other, Tensor) and other != slot:
                    same[slot] = other
                if item.kept:
                    saved.add(slot)
        for tensor in contexts_of(step):
            if tensor in self._constants:
                known[tensor] = self._constants[tensor]
        if shape is not None and kept:
            saved.update(t for t in step.body if isinstance(t, Input))
        shapes = BlockShapes(
            self._formula,
            step,
            place,
            known,
            modules,
            stage,
            self._strides,
            born,
            self.scalars,
            self._runner,
            self._report,
            shape,
            frozenset(saved),
            same,
            lies,
        )
        self.block = shapes
        block = shapes.block()
        self.block = None
        for tensor, size in shapes.saved.contexts().items():
            table = self.contexts if isinstance(tensor, Context) else self._kept
            table.setdefault(tensor, size)
        if step.role == START:
            made = filter(is_of_context, step.body)
            self._constants = {tensor: shapes.known[tensor] for tensor in made}
            # What the start keeps itself is counted there.
            self._kept = {t: Amount() for t in self._constants if t in shapes.saved}
        for key, module in shapes.modules.items():
            if key[1] is None:
                self.modules[key] = module
        return block, _handed_on(shapes, block)


def _alike(blocks: range, step: Step, numbers: tuple[Symbolic, ...]) -> int:
    """How many blocks in a row have the numbers of the one before by their place."""
    if not numbers:
        return len(blocks)
    others = (n for n, b in enumerate(blocks) if of_places(step, b) != numbers)
    return next(others, len(blocks))


def _handed_on(shapes: BlockShapes, block: Block) -> tuple[_Carried, ...]:
    """What a block hands on to the next one."""
    made: list[_Carried] = []
    roots: dict[object, int] = {}
    for number, slot in enumerate(shapes.step.outputs):
        output = block.outputs[number]
        if isinstance(slot, ModuleSlot):
            sizes = block.scalars.get(slot.name)
            scaled = None if sizes is None else (scaled_by(sizes),)
            module = Module(shapes.place, scaled)
            what = (
                block.calls.get(slot.name, module)
                if slot.index == shapes.step.at
                else shapes.modules.get((slot.name, slot.index), module)
            )
            made.append(_Carried(what, shapes.stage, number))
        else:
            assert output is not None
            # A part of a tensor is no other name of it.
            same = roots.setdefault((shapes.saved.root(slot), output), number)
            stage, apart = shapes.stages.of(slot), shapes.calls.is_apart(slot)
            made.append(_Carried(output, stage, same, slot in shapes.saved, apart))
    return tuple(made)
