"""The view of the whole network: stem, stages, blocks, adapters, head."""

from __future__ import annotations

from recform.algebra.formula import Scope
from recform.algebra.pipeline import Pipeline
from recform.diagram.model import Diagram, Direction
from recform.graph.model import NetworkGraph
from recform.graph.partial import Partial
from recform.recurrence.model import END, START
from recform.views import facts
from recform.views.bundles import MAX_NODES, bundled
from recform.views.opened import CLOSED, Opening
from recform.views.overview import Overview


def of_network(
    graph: NetworkGraph,
    direction: Direction,
    opening: Opening = CLOSED,
    *,
    expand: bool,
) -> Diagram:
    """The picture of a network."""
    formula = graph.recurrence.formula
    segments = [segment for _, segment in facts.segments(graph)]
    writer = Overview(graph.recurrence, direction, segments, opening)
    by_stage = formula.scope is Scope.STAGE
    blocks = sum(flow.length for flow in graph.recurrence.flows)
    # Of long skips one sees where each of them leads.
    skips = any(flow.stacks for flow in graph.recurrence.flows)
    expand = expand or (skips and blocks <= MAX_NODES)
    all_bundles = bundled(segments, expand=expand)
    writer.input()
    writer.piece(graph.stem, "stem")
    for number, flow in enumerate(graph.recurrence.flows):
        if number and graph.transitions:
            writer.piece(graph.transitions[number - 1], f"transition {number + 1}")
        writer.shared(graph.shared[number], number)
        scalars = _shared_scalars(graph) if number == 0 else 0
        start = graph.starts[number]
        shapes = [None if s is None else s for s in start.outputs]
        own = start.totals.parameters + scalars
        name = f"start {number + 1}"
        writer.between(flow.start, shapes, own, name, start.shapes)
        writer.begin(flow)
        which = [number] if by_stage else range(len(formula.stages))
        for stage in which:
            writer.stage(stage, [b for b in all_bundles if b.stage == stage])
        end = graph.ends[number]
        name = f"output {number + 1}"
        writer.between(flow.end, list(end.outputs), end.totals.parameters, name)
    writer.piece(graph.head, "head")
    writer.output(graph.output)
    total = graph.totals.parameters
    said = (
        f"{facts.count(len(formula.stages), 'stage')} of "
        f"{facts.count(blocks, 'block')} in all; {facts.count(total, 'parameter')}"
    )
    return writer.diagram(said)


def of_partial(
    partial: Partial, direction: Direction, opening: Opening = CLOSED
) -> Diagram:
    """The picture of a network up to the place where its shapes do not meet."""
    recurrence = partial.recurrence
    formula = recurrence.formula
    writer = Overview(recurrence, direction, partial.segments, opening)
    writer.input()
    if partial.stem is None:
        writer.stuck_piece(formula.stem, "stem")
        return writer.diagram("The stem does not fit")
    writer.piece(partial.stem, "stem")
    bundles = bundled(list(partial.segments), expand=False)
    by_stage = formula.scope is Scope.STAGE
    step = partial.step
    in_block = step is not None and step.role not in (START, END)
    for number, flow in enumerate(recurrence.flows):
        which = [number] if by_stage else list(range(len(formula.stages)))
        if which[0] > partial.stage + (not in_block):
            break
        if number:
            between = formula.transition_of(formula.stages[number])
            _follow_transition(writer, between, number)
        writer.between(flow.start, [None] * len(flow.start.outputs), 0, "start")
        writer.begin(flow)
        for stage in which:
            own = [b for b in bundles if b.stage == stage]
            stuck = partial if in_block and stage == partial.stage else None
            if own or stuck:
                writer.stage(stage, own, stuck)
    if step is None:
        whole = partial.stage == len(formula.stages) - 1
        name = "head" if whole else f"transition {partial.stage + 2}"
        pipeline = (
            formula.head
            if whole
            else formula.transition_of(formula.stages[partial.stage + 1])
        )
        assert pipeline is not None
        writer.stuck_piece(pipeline, name)
    elif not in_block:
        writer.stuck_step(step)
    return writer.diagram("Shapes do not meet where it is marked")


def _follow_transition(
    writer: Overview, pipeline: Pipeline | None, number: int
) -> None:
    """A transition in front of a stage that was reached."""
    if pipeline is not None:
        writer.plain_piece(pipeline, f"transition {number + 1}")


def _shared_scalars(graph: NetworkGraph) -> int:
    """Parameters of the network itself that are in no block, module or pipeline."""
    known = [
        graph.stem.totals,
        graph.head.totals,
        *(piece.totals for piece in graph.transitions),
        *(stage.totals for stage in graph.stages),
        *(block.totals for block in [*graph.starts, *graph.ends]),
        *(module.totals for group in graph.shared for module in group),
    ]
    return graph.totals.parameters - sum(part.parameters for part in known)
