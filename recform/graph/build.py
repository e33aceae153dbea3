"""Follows shapes through the whole network, stage by stage, without visiting equal blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recform.algebra.expr import Tensor
from recform.algebra.formula import Formula, Pipeline, Scope
from recform.blocks import Shape
from recform.diagnostics import CompileError, Diagnostics
from recform.graph.coefficients import check
from recform.graph.model import (
    Block,
    Bridge,
    Module,
    NetworkGraph,
    Piece,
    Place,
    Segment,
    SharedModule,
    Site,
    StageGraph,
    Totals,
)
from recform.graph.numbered import numbered, unnumbered, without_number
from recform.graph.partial import Partial, ShapeError, Stuck
from recform.graph.pipelines import PipelineRunner
from recform.graph.shapes import BlockShapes
from recform.graph.stages import Strides
from recform.graph.widths import warn_of_widths
from recform.recurrence.model import Flow, ModuleSlot, Recurrence, Step
from recform.recurrence.unroll import leading
from recform.source import Span

#: Most blocks of a stage that may all differ.
MAX_DIFFERENT = 1_000


def build(recurrence: Recurrence, report: Diagnostics) -> NetworkGraph:
    """The network of a recurrence.

    Args:
        recurrence: from the stage before.
        report: gets RF106 and RF4xx, of which RF408 is a warning.

    Raises:
        ShapeError: if shapes do not meet; it holds what could be followed.
    """
    follower = _Follower(recurrence, report)
    try:
        network = follower.network()
    except Stuck as stuck:
        try:
            report.check()
        except CompileError as error:
            partial = follower.partial(stuck)
            raise ShapeError(error.diagnostics, partial) from None
        raise
    report.check()
    return network


@dataclass(frozen=True)
class _Carried:
    """What a block hands on: shapes and modules.

    Attributes:
        items: in the order of the slots.
        kept: which tensors autograd keeps already.
        stages: the stage of the block that each tensor comes from.
    """

    items: tuple[Shape | Module, ...]
    kept: tuple[bool, ...]
    stages: tuple[int, ...]

    @property
    def shapes(self) -> tuple[Shape | None, ...]:
        return tuple(i if isinstance(i, Shape) else None for i in self.items)


class _Follower:
    def __init__(self, recurrence: Recurrence, report: Diagnostics) -> None:
        self._recurrence = recurrence
        self._formula: Formula = recurrence.formula
        self._report = report
        self._runner = PipelineRunner(self._formula, report)
        self._numbered = numbered(self._formula)
        self._strides = Strides.of(self._formula)
        self._modules: dict[tuple[str, int | None], Module] = {}
        self._scalars: dict[str, int] = {}
        # How far it came, for a picture of a network whose shapes do not meet.
        self._stem: Piece | None = None
        self._followed: list[list[Segment]] = []
        self._block: BlockShapes | None = None

    def partial(self, stuck: Stuck) -> Partial:
        """The network up to the place where it could not be followed."""
        block = self._block
        return Partial(
            recurrence=self._recurrence,
            stem=self._stem,
            segments=tuple(s for segments in self._followed for s in segments),
            step=None if block is None else block.step,
            index=0 if block is None else block.place.index,
            stage=max(0, len(self._followed) - 1),
            shapes={} if block is None else dict(block.known),
            at=stuck.at,
            ends=stuck.ends,
        )

    # -- the whole

    def network(self) -> NetworkGraph:
        formula, recurrence = self._formula, self._recurrence
        first = formula.stages[0]
        stem, kept = self._piece(
            formula.stem, formula.input, Place(first.width, 1), False
        )
        self._stem = stem
        stages: list[StageGraph] = []
        transitions: list[Piece] = []
        shared: list[tuple[SharedModule, ...]] = []
        starts: list[Block] = []
        ends: list[Block] = []
        shape = stem.output
        for number, flow in enumerate(recurrence.flows):
            by_stage = formula.scope is Scope.STAGE
            if number and formula.transition is not None:
                stage = formula.stages[number]
                table = self._table(number, 1)
                place = Place(stage.width, stage.stride, table=table)
                piece, kept = self._piece(formula.transition, shape, place, kept)
                transitions.append(piece)
                shape = piece.output
            which = [number] if by_stage else list(range(len(formula.stages)))
            start, graphs, end, kept = self._flow(flow, which, shape, kept)
            starts.append(start)
            ends.append(end)
            stages.extend(graphs)
            shared.append(self._shared(flow.start))
            shape = end.outputs[0] or shape
        stages = self._adapters_apart(stages)
        check(recurrence, tuple(stages), self._report)
        warn_of_widths(formula, tuple(stages), self._report)
        last = formula.stages[-1]
        head, _ = self._piece(formula.head, shape, Place(last.width, 1), kept)
        parts = [
            stem.totals,
            head.totals,
            *(piece.totals for piece in transitions),
            *(stage.totals for stage in stages),
            *(block.totals for block in [*starts, *ends]),
            *(module.totals for group in shared for module in group),
            Totals(parameters=self._shared_scalars()),
        ]
        return NetworkGraph(
            recurrence=recurrence,
            stem=stem,
            head=head,
            transitions=tuple(transitions),
            stages=tuple(stages),
            shared=tuple(shared),
            starts=tuple(starts),
            ends=tuple(ends),
            final=shape,
            output=head.output,
            totals=sum(parts, Totals()),
        )

    def _adapters_apart(self, stages: list[StageGraph]) -> list[StageGraph]:
        """Counts adapters that one block could share, but another block of the step not.

        A step is one class: two terms of one value have one adapter if all its blocks
        bring both to the same shape, and two otherwise.
        """
        targets: dict[tuple[int, Site], list[Shape]] = {}
        sites = self._sites(stages)
        for stage in stages:
            for segment in stage.segments:
                for site in sites[segment.step]:
                    bridge = segment.block.sites.get(site)
                    shape = (
                        bridge.target if bridge else segment.block.shapes[site.parent]
                    )
                    targets.setdefault((segment.step, site), []).append(shape)
        result = []
        for stage in stages:
            segments = []
            for segment in stage.segments:
                more = self._more_adapters(segment, targets)
                block = replace(segment.block, totals=segment.block.totals + more)
                segments.append(replace(segment, block=block))
            totals = sum((s.block.totals.times(s.count) for s in segments), Totals())
            result.append(replace(stage, segments=tuple(segments), totals=totals))
        return result

    def _sites(self, stages: list[StageGraph]) -> dict[int, dict[Site, None]]:
        """For each step, the places where some of its blocks have adapters."""
        found: dict[int, dict[Site, None]] = {}
        for stage in stages:
            for segment in stage.segments:
                here = found.setdefault(segment.step, {})
                here.update(dict.fromkeys(segment.block.sites))
        return found

    def _more_adapters(
        self, segment: Segment, targets: dict[tuple[int, Site], list[Shape]]
    ) -> Totals:
        groups: dict[tuple[Tensor, Shape], set[tuple[Shape, ...]]] = {}
        bridges: dict[tuple[Tensor, Shape], Bridge] = {}
        for site, bridge in segment.block.sites.items():
            key = (site.value, bridge.target)
            groups.setdefault(key, set()).add(tuple(targets[segment.step, site]))
            bridges[key] = bridge
        more = Totals()
        adapter = self._formula.adapter
        for key, group in groups.items():
            if len(group) > 1 and adapter is not None:
                bridge = bridges[key]
                place = Place(int(bridge.target.features), bridge.stride)
                trace = self._runner.run(adapter, bridge.source, place, None)
                one = Totals(trace.parameters, trace.multiply_adds, trace.saved)
                more += one.times(len(group) - 1)
        return more

    def _piece(
        self, pipeline: Pipeline, x: Shape, place: Place, kept: bool
    ) -> tuple[Piece, bool]:
        """A pipeline outside the blocks, and whether autograd keeps its output."""
        trace = self._runner.run(pipeline, x, place, None)
        saved = trace.saved
        if trace.saves_input and not kept:
            saved += x.elements
        if trace.saves_output:
            saved += trace.output.elements
        totals = Totals(trace.parameters, trace.multiply_adds, saved)
        after = trace.saves_output or (kept and not pipeline.steps)
        sizes = (place.width, place.stride, totals, place.table)
        return Piece(pipeline, x, trace.output, *sizes), after

    def _shared(self, start: Step) -> tuple[SharedModule, ...]:
        """The modules of the network itself, for the flow that was followed last."""
        modules = []
        for (name, index), module in self._modules.items():
            if module.input is None or (index is not None and index != 0):
                continue
            pipeline = self._formula.operators[name]
            trace = self._runner.run(pipeline, module.input, module.place, None)
            modules.append(
                SharedModule(
                    name,
                    index,
                    module.input,
                    module.place.width,
                    module.place.stride,
                    Totals(parameters=trace.parameters if index is None else 0),
                )
            )
        return tuple(modules)

    def _shared_scalars(self) -> int:
        return sum(
            self._scalars.get(name, 1) for name in self._recurrence.shared_scalars
        )

    # -- one flow

    def _flow(
        self, flow: Flow, which: list[int], shape: Shape, kept: bool
    ) -> tuple[Block, list[StageGraph], Block, bool]:
        formula = self._formula
        self._modules = {}
        width = formula.stages[which[0]].width
        nothing = _Carried((), (), ())
        place = Place(width, 1, 0, flow.length)
        before = which[0] - 1
        start, carried = self._follow(flow.start, nothing, place, before, shape, kept)
        stages = []
        first = 1
        for number in which:
            stage = formula.stages[number]
            segments: list[Segment] = []
            self._followed.append(segments)
            for run in flow.runs:
                begin = max(run.first, first)
                end = min(run.last, first + stage.blocks - 1)
                if begin <= end:
                    carried = self._run(
                        run.step,
                        begin,
                        end,
                        first,
                        number,
                        stage.width,
                        flow.length,
                        carried,
                        segments,
                    )
            first += stage.blocks
            outputs = self._recurrence.steps[segments[-1].step].outputs
            totals = sum((s.block.totals.times(s.count) for s in segments), Totals())
            newest = carried.items[leading(outputs) or 0]
            assert isinstance(newest, Shape)
            stages.append(StageGraph(tuple(segments), newest, totals))
        place = Place(formula.stages[which[-1]].width, 1, flow.length, flow.length)
        end_block, after = self._follow(
            flow.end, carried, place, which[-1], None, False
        )
        self._no_adapters(start, formula.equations[0].span, "in front of the first")
        self._no_adapters(end_block, formula.output_span, "behind the last")
        return start, stages, end_block, after.kept[0]

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
        begin: int,
        end: int,
        first: int,
        stage: int,
        width: int,
        length: int,
        carried: _Carried,
        segments: list[Segment],
    ) -> _Carried:
        """Blocks ``begin`` to ``end``, which take one step and lie in one stage."""
        index = begin
        while index <= end:
            starts = index == first
            table = self._table(stage, index)
            stride = self._strides.of_stage[stage] if starts else 1
            place = Place(width, stride, index, length, table)
            block, after = self._follow(
                self._recurrence.steps[step], carried, place, stage, None, False
            )
            count = 1
            if not starts and self._alike(after) == self._alike(carried):
                count = self._numbered.alike(index, end, length)
            last = segments[-1] if segments else None
            if (
                last is not None
                and last.step == step
                and self._plain(last.block) == self._plain(block)
                and last.inputs == carried.shapes
                and last.stride == place.stride
            ):
                segments[-1] = replace(last, count=last.count + count)
            else:
                if len(segments) >= MAX_DIFFERENT:
                    self._all_differ(self._formula.stages[stage].span)
                segments.append(
                    Segment(
                        step,
                        index,
                        count,
                        stage,
                        width,
                        place.stride,
                        carried.shapes,
                        block,
                    )
                )
            carried = after
            index += count
        return carried

    def _alike(self, carried: _Carried) -> _Carried:
        """What a block hands on, without numbers of blocks that change rates alone."""
        if not self._numbered.alone:
            return carried
        items = tuple(
            unnumbered(i) if isinstance(i, Module) else i for i in carried.items
        )
        return replace(carried, items=items)

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
        if not self._numbered.alone:
            what = "have a size of their own"
            hint = "only rates may depend on i in more blocks, as in droppath(0.2*i/L)"
        self._report.error(
            "RF106",
            f"more than {MAX_DIFFERENT:,} blocks of a stage all {what}",
            span,
            hint=hint,
        )
        raise Stuck

    def _table(self, stage: int, index: int) -> tuple[int | float, ...]:
        """The numbers of a block in the constants per stage or block."""
        before = 0
        if self._formula.scope is Scope.STAGE:
            before = sum(spec.blocks for spec in self._formula.stages[:stage])
        return tuple(
            table.values[before + index - 1 if table.by_block else stage]
            for table in self._formula.tables
        )

    def _follow(
        self,
        step: Step,
        carried: _Carried,
        place: Place,
        stage: int,
        shape: Shape | None,
        kept: bool,
    ) -> tuple[Block, _Carried]:
        """One block: what it looks like and what it hands on."""
        known: dict[Tensor, Shape] = {}
        stages: dict[Tensor, int] = {}
        saved: set[Tensor] = set()
        modules = {key: m for key, m in self._modules.items() if key[1] in (None, 0)}
        for slot, item, is_kept, born in zip(
            step.inputs, carried.items, carried.kept, carried.stages, strict=True
        ):
            if isinstance(slot, ModuleSlot):
                assert isinstance(item, Module)
                modules[slot.name, slot.index] = item
            else:
                assert isinstance(item, Shape)
                known[slot] = item
                stages[slot] = born
                if is_kept:
                    saved.add(slot)
        if shape is not None and kept:
            saved.update(t for t in step.body if t.func.__name__ == "Input")
        shapes = BlockShapes(
            self._formula,
            step,
            place,
            known,
            modules,
            stage,
            self._strides,
            stages,
            self._runner,
            self._report,
            shape,
            frozenset(saved),
        )
        shapes.shared_scalars = self._scalars
        self._block = shapes
        block = shapes.block()
        self._block = None
        for key, module in shapes.modules.items():
            if key[1] is None:
                self._modules[key] = module
        items: list[Shape | Module] = []
        after: list[bool] = []
        born_in: list[int] = []
        for slot, output in zip(step.outputs, block.outputs, strict=True):
            if isinstance(slot, ModuleSlot):
                own = slot.index == step.at
                items.append(
                    block.calls.get(slot.name, Module(place, None))
                    if own
                    else shapes.modules.get(
                        (slot.name, slot.index), Module(place, None)
                    )
                )
                after.append(False)
                born_in.append(stage)
            else:
                assert output is not None
                items.append(output)
                after.append(shapes.is_kept(slot))
                born_in.append(shapes.stage_of(slot))
        return block, _Carried(tuple(items), tuple(after), tuple(born_in))
