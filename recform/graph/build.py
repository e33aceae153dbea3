"""Follows shapes through the whole network: stem, flows of blocks, transitions, head."""

from __future__ import annotations

from recform.algebra.expr import Context
from recform.algebra.formula import Formula, Scope
from recform.algebra.pipeline import Pipeline
from recform.algebra.tracing import Weight
from recform.blocks import Amount, Layout, Shape
from recform.diagnostics import CompileError, Diagnostics, Label
from recform.graph.adapters import count_apart
from recform.graph.checks.coefficients import check, check_starts
from recform.graph.checks.positions import warn_of_positions
from recform.graph.checks.starting import warn_of_starts
from recform.graph.checks.unmade import warn_of_strides, warn_of_widths
from recform.graph.flow import FlowFollower
from recform.graph.model import (
    Block,
    NetworkGraph,
    Piece,
    Place,
    SharedModule,
    StageGraph,
    Totals,
)
from recform.graph.partial import Partial, ShapeError, Stuck
from recform.graph.pipelines import PipelineRunner
from recform.recurrence.model import Recurrence


def build(recurrence: Recurrence, report: Diagnostics) -> NetworkGraph:
    """The network of a recurrence.

    Args:
        recurrence: from the stage before.
        report: gets RF106 and RF4xx, of which RF408 and RF411 are warnings.

    Raises:
        ShapeError: if shapes do not meet; it holds what could be followed.
    """
    follower = _NetworkFollower(recurrence, report)
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


class _NetworkFollower:
    """Follows the whole network; each flow of blocks in turn."""

    def __init__(self, recurrence: Recurrence, report: Diagnostics) -> None:
        self._recurrence = recurrence
        self._formula: Formula = recurrence.formula
        self._report = report
        self._runner = PipelineRunner(self._formula, report)
        self._flows = FlowFollower(recurrence, self._runner, report)
        # How far it came, for a picture of a network whose shapes do not meet.
        self._stem: Piece | None = None
        self._weights: dict[str, Weight] = {}

    def partial(self, stuck: Stuck) -> Partial:
        """The network up to the place where it could not be followed."""
        block = self._flows.block
        return Partial(
            recurrence=self._recurrence,
            stem=self._stem,
            segments=tuple(s for segments in self._flows.followed for s in segments),
            step=None if block is None else block.step,
            index=0 if block is None else block.place.index,
            stage=max(0, len(self._flows.followed) - 1),
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
        self._numbers(stem)
        stages: list[StageGraph] = []
        transitions: list[Piece] = []
        shared: list[tuple[SharedModule, ...]] = []
        starts: list[Block] = []
        ends: list[Block] = []
        shape, apart = stem.output, stem.trace.apart
        for number, flow in enumerate(recurrence.flows):
            by_stage = formula.scope is Scope.STAGE
            stage = formula.stages[number]
            between = formula.transition_of(stage) if number and by_stage else None
            if between is not None:
                table = self._flows.table(number, 1)
                place = Place(stage.width, stage.stride, table=table)
                piece, kept = self._piece(between, shape, place, kept)
                transitions.append(piece)
                shape, apart = piece.output, piece.trace.apart
            which = [number] if by_stage else list(range(len(formula.stages)))
            start, graphs, end, kept = self._flows.flow(flow, which, shape, kept, apart)
            starts.append(start)
            ends.append(end)
            stages.extend(graphs)
            shared.append(self._shared())
            shape = end.outputs[0] or shape
            apart = shape.layout is Layout.IMAGE
        stages = count_apart(stages, formula, self._runner)
        check(recurrence, tuple(stages), self._report)
        check_starts(recurrence, self._report)
        warn_of_starts(recurrence, tuple(stages), self._report)
        of_flows = [[x] for x in stages] if len(starts) > 1 else [stages]
        warn_of_positions(recurrence, starts, of_flows, ends, self._report)
        warn_of_widths(formula, tuple(stages), self._report)
        warn_of_strides(formula, tuple(stages), self._report)
        last = formula.stages[-1]
        head, _ = self._piece(formula.head, shape, Place(last.width, 1), kept)
        parts = [
            stem.totals,
            head.totals,
            *(piece.totals for piece in transitions),
            *(stage.totals for stage in stages),
            *(block.totals for block in [*starts, *ends]),
            *(module.totals for group in shared for module in group),
            *(contexts := self._contexts()).values(),
            Totals(parameters=self._shared_scalars()),
        ]
        return NetworkGraph(
            recurrence=recurrence,
            stem=stem,
            head=head,
            transitions=tuple(transitions),
            stages=tuple(stages),
            scalars=dict(self._flows.scalars),
            shared=tuple(shared),
            starts=tuple(starts),
            ends=tuple(ends),
            final=shape,
            output=head.output,
            contexts=contexts,
            totals=sum(parts, Totals()),
        )

    def _piece(
        self, pipeline: Pipeline, x: Shape, place: Place, kept: bool
    ) -> tuple[Piece, bool]:
        """A pipeline outside the blocks, and whether autograd keeps its output."""
        trace = self._runner.run(pipeline, (x,), place, None)
        for weight in trace.weights:
            self._share(weight)
        saved = trace.kept
        if trace.saves_input and not kept:
            saved += Amount(x.elements)
        if trace.saves_output:
            saved += Amount(trace.output.elements)
        totals = Totals(trace.parameters, trace.multiply_adds, saved)
        after = trace.saves_output or (kept and not pipeline.steps)
        sizes = (place.width, place.stride, totals, place.table)
        return Piece(pipeline, x, trace, *sizes), after

    def _numbers(self, stem: Piece) -> None:
        """Raises Stuck, after a diagnostic, where ids go into the blocks."""
        if stem.output.layout is Layout.IDS:
            self._report.error(
                "RF410",
                f"the stem leaves ids ({stem.output}) as they are, and blocks reckon "
                "with numbers",
                stem.pipeline.span or self._formula.equations[0].span,
                hint="`embed` makes tokens of them: stem embed(c) > positions",
            )
            raise Stuck

    def _share(self, weight: Weight) -> None:
        """Raises Stuck, after a diagnostic, where a shared weight has two sizes."""
        first = self._weights.setdefault(weight.name, weight)
        if first.sizes != weight.sizes:
            mine, theirs = (" x ".join(map(str, w.sizes)) for w in (weight, first))
            self._report.error(
                "RF409",
                f"{weight.operator} shares the matrix of {first.operator}, which is "
                f"{theirs}, and would need one of {mine}",
                weight.place,
                others=[Label(first.place, f"this is {theirs}")],
                hint="linear(width) in front of it makes the width of the embedding, or "
                "a linear in its place is a matrix of its own",
            )
            raise Stuck

    def _shared(self) -> tuple[SharedModule, ...]:
        """The modules of the network itself, for the flow that was followed last."""
        modules = []
        for (name, index), module in self._flows.modules.items():
            if module.inputs is None or (index is not None and index != 0):
                continue
            pipeline = self._formula.operators[name]
            trace = self._runner.run(pipeline, module.inputs, module.place, None)
            modules.append(
                SharedModule(
                    name,
                    index,
                    module.inputs,
                    module.place.width,
                    module.place.stride,
                    Totals(parameters=trace.parameters if index is None else 0),
                )
            )
        return tuple(modules)

    def _contexts(self) -> dict[str, Totals]:
        """What the further inputs cost: those that autograd keeps, once."""
        kept = self._flows.contexts
        names = self._formula.contexts
        return {name: Totals(kept=kept.get(Context(name), Amount())) for name in names}

    def _shared_scalars(self) -> int:
        return sum(
            self._flows.scalars.get(name, (1,))[0]
            for name in self._recurrence.shared_scalars
        )
