"""What a compiled network says of its parts: shapes and parameters, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recform.algebra.expr import State
from recform.algebra.pipeline import Pipeline
from recform.algebra.typeset import plain_scalar
from recform.blocks import Shape
from recform.compiler import Compiled
from recform.diagnostics import Diagnostics, counted
from recform.graph.model import Module, NetworkGraph, Piece, Place, Segment
from recform.graph.pipelines import PipelineRunner
from recform.report import summarise


@dataclass(frozen=True)
class Call:
    """A pipeline where it is called first.

    Attributes:
        where: ``stage 2``; empty for what there is once.
        pipeline: what is called.
        inputs: the shapes that come in.
        place: what its symbols stand for.
    """

    where: str
    pipeline: Pipeline
    inputs: tuple[Shape, ...]
    place: Place

    def along(self, graph: NetworkGraph) -> tuple[Shape, ...]:
        """The shape behind each of its operators."""
        return self._runner(graph).along(self.pipeline, self.inputs, self.place)

    def text(self, graph: NetworkGraph) -> str:
        """``stage 2: 64 x 8 x 8 -> 128 x 4 x 4, 73,984 parameters``."""
        made = self._runner(graph).run(self.pipeline, self.inputs, self.place)
        given = ", ".join(map(str, self.inputs))
        where = f"{self.where}: " if self.where else ""
        return (
            f"{where}{given} → {made.output}, {counted(made.parameters, 'parameter')}"
        )

    def _runner(self, graph: NetworkGraph) -> PipelineRunner:
        return PipelineRunner(graph.recurrence.formula, Diagnostics())


def calls(graph: NetworkGraph) -> Iterator[Call]:
    """The pipelines of a network: of the frame, and those of each stage."""
    yield _piece("", graph.stem)
    for number, piece in enumerate(graph.transitions, 2):
        yield _piece(f"in front of stage {number}", piece)
    yield _piece("", graph.head)
    for number, segments in _stages(graph):
        seen: set[str] = set()
        for segment in segments:
            for name, module in segment.block.calls.items():
                if name not in seen and module.inputs is not None:
                    seen.add(name)
                    yield _module(graph, f"stage {number}", name, module)
            yield from _adapters(graph, number, segment, seen)
    for block in (*graph.starts, *graph.ends):
        for name, module in block.calls.items():
            if module.inputs is not None:
                yield _module(graph, "outside the blocks", name, module)
    for group in graph.shared:
        for shared in group:
            if shared.index is None:
                place = Place(shared.width, shared.stride)
                yield Call(
                    "one for all blocks",
                    graph.recurrence.formula.operators[shared.name],
                    shared.inputs,
                    place,
                )


def _piece(where: str, piece: Piece) -> Call:
    place = Place(piece.width, piece.stride, table=piece.table)
    return Call(where, piece.pipeline, (piece.input,), place)


def _module(graph: NetworkGraph, where: str, name: str, module: Module) -> Call:
    assert module.inputs is not None
    pipeline = graph.recurrence.formula.operators[name]
    return Call(where, pipeline, module.inputs, module.place)


def _adapters(
    graph: NetworkGraph, number: int, segment: Segment, seen: set[str]
) -> Iterator[Call]:
    """The first adapter of each kind that a stage has."""
    formula = graph.recurrence.formula
    for bridge in segment.block.sites.values():
        pipeline = formula.adapter_of(bridge.stride)
        if pipeline is not None and pipeline.name not in seen:
            seen.add(pipeline.name)
            place = Place(int(bridge.target.features), bridge.stride)
            yield Call(f"stage {number}", pipeline, (bridge.source,), place)


def _stages(graph: NetworkGraph) -> Iterator[tuple[int, tuple[Segment, ...]]]:
    for number, stage in enumerate(graph.stages, 1):
        yield number, stage.segments


def operator_lines(graph: NetworkGraph, name: str) -> Iterator[str]:
    """What an operator, or a piece of the frame, makes and costs, stage by stage."""
    for call in calls(graph):
        if call.pipeline.name == name and call.inputs:
            yield call.text(graph)


def unknown_lines(graph: NetworkGraph, name: str) -> Iterator[str]:
    """The shape of an unknown in each stage."""
    for number, segments in _stages(graph):
        found = dict.fromkeys(
            shape for segment in segments for shape in _shapes(graph, segment, name)
        )
        if found:
            yield f"stage {number}: {', then '.join(map(str, found))}"


def _shapes(graph: NetworkGraph, segment: Segment, name: str) -> Iterator[Shape]:
    step = graph.recurrence.steps[segment.step]
    for tensor, shape in segment.block.shapes.items():
        if (
            isinstance(tensor, State)
            and tensor.name == name
            and tensor.index == step.at
        ):
            yield shape


def scalar_line(graph: NetworkGraph, name: str) -> str:
    """How many numbers a learned scalar has, and where it starts."""
    scalar = graph.recurrence.formula.scalars.get(name)
    if scalar is None:
        return ""
    whose = "each block has its own" if scalar.indexed else "one for all blocks"
    per = ", a number for each feature" if scalar.per_feature else ""
    start = scalar.start
    said = f"{start:g}" if isinstance(start, float) else plain_scalar(start)
    return f"{whose}{per}; starts at {said}"


def lens(network: Compiled) -> str:
    """``order 2 · state: 2 tensors · 11,173,962 parameters · proved``."""
    summary = summarise(network.graph, str(network.proof))
    state = sum(row.tensors for row in summary.state)
    modules = sum(row.kind == "module" for row in summary.state)
    handed = [counted(state, "tensor")]
    if modules:
        handed.append(counted(modules, "module"))
    return " · ".join(
        (
            f"order {summary.order}",
            f"state: {' and '.join(handed)}",
            counted(summary.parameters, "parameter"),
            f"proved ({summary.proof})",
        )
    )
