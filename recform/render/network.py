"""The view of the whole network: stem, stages, blocks, adapters, head."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from recform.algebra.expr import Apply, Input, Scaled, State, Tensor
from recform.algebra.formula import Pipeline
from recform.blocks import Shape
from recform.graph.model import (
    Block,
    NetworkGraph,
    Piece,
    Segment,
    SharedModule,
    Site,
)
from recform.graph.partial import Partial
from recform.graph.shapes import bare
from recform.recurrence.model import ModuleSlot, Recurrence, Slot, Step
from recform.render import facts, text
from recform.render.bundles import Bundle, bundled
from recform.render.interior import slug
from recform.render.model import Cluster, Diagram, Direction, Edge, Kind, Node, View
from recform.render.step import caption_of


@dataclass(frozen=True)
class _Carried:
    """A tensor (or a module) between two nodes: where it comes from, and its shape."""

    tail: str
    slot: Slot | None
    shape: Shape | None


def of_network(graph: NetworkGraph, direction: Direction, *, expand: bool) -> Diagram:
    """The picture of a network."""
    formula = graph.recurrence.formula
    segments = [segment for _, segment in facts.segments(graph)]
    writer = _Writer(graph.recurrence, direction, segments)
    by_stage = formula.scope == "stage"
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
        writer.between(flow.start, shapes, own, f"start {number + 1}")
        which = [number] if by_stage else range(len(formula.stages))
        for stage in which:
            writer.stage(stage, [b for b in all_bundles if b.stage == stage])
        end = graph.ends[number]
        name = f"output {number + 1}"
        writer.between(flow.end, list(end.outputs), end.totals.parameters, name)
    writer.piece(graph.head, "head")
    writer.output(graph.output)
    total = graph.totals.parameters
    blocks = sum(bundle.count for bundle in all_bundles)
    said = (
        f"{facts.count(len(formula.stages), 'stage')} of "
        f"{facts.count(blocks, 'block')} in all; {facts.count(total, 'parameter')}"
    )
    return writer.diagram(said)


def of_partial(partial: Partial, direction: Direction) -> Diagram:
    """The picture of a network up to the place where its shapes do not meet."""
    recurrence = partial.recurrence
    formula = recurrence.formula
    writer = _Writer(recurrence, direction, partial.segments)
    writer.input()
    if partial.stem is None:
        writer.stuck_piece(formula.stem, "stem")
        return writer.diagram("The stem does not fit")
    writer.piece(partial.stem, "stem")
    bundles = bundled(list(partial.segments), expand=False)
    by_stage = formula.scope == "stage"
    step = partial.step
    in_block = step is not None and step.role not in ("start", "end")
    for number, flow in enumerate(recurrence.flows):
        which = [number] if by_stage else list(range(len(formula.stages)))
        if which[0] > partial.stage + (not in_block):
            break
        if number:
            _follow_transition(writer, formula.transition, number)
        writer.between(flow.start, [None] * len(flow.start.outputs), 0, "start")
        for stage in which:
            own = [b for b in bundles if b.stage == stage]
            stuck = partial if in_block and stage == partial.stage else None
            if own or stuck:
                writer.stage(stage, own, stuck)
    if step is None:
        whole = partial.stage == len(formula.stages) - 1
        name = "head" if whole else f"transition {partial.stage + 2}"
        pipeline = formula.head if whole else formula.transition
        assert pipeline is not None
        writer.stuck_piece(pipeline, name)
    elif not in_block:
        writer.stuck_step(step)
    return writer.diagram("Shapes do not meet where it is marked")


def _follow_transition(writer: _Writer, pipeline: Pipeline | None, number: int) -> None:
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


class _Writer:
    """Draws from the input on; keeps what is on its way to the next node."""

    def __init__(
        self,
        recurrence: Recurrence,
        direction: Direction,
        segments: Iterable[Segment] = (),
    ) -> None:
        self._recurrence = recurrence
        self._formula = recurrence.formula
        self._direction = direction
        self._prefix = f"{slug(self._formula.name)}-network"
        self._groups = facts.Groups(recurrence)
        self._sizes = facts.Sizes(self._formula)
        self._nodes: list[Node] = []
        self._edges: list[Edge] = []
        self._clusters: list[Cluster] = []
        self._carried: list[_Carried] = []
        self._modules: dict[str, str] = {}
        self._alike: dict[int, list[Block]] = {}
        for segment in segments:
            self._alike.setdefault(segment.step, []).append(segment.block)

    def diagram(self, said: str) -> Diagram:
        formula = self._formula
        equations = "; ".join(equation.text for equation in formula.equations)
        return Diagram(
            self._prefix,
            View.network,
            self._direction,
            f"{formula.name}: the network",
            f"{equations}. {said}.",
            caption_of(formula),
            tuple(self._nodes),
            tuple(self._edges),
            tuple(self._clusters),
            tuple(text.formula(item) for item in self._groups.texts()),
        )

    # -- around the blocks

    def input(self) -> None:
        shape = self._formula.input
        node = self._node(Kind.input, "input", "input", tooltip=f"input: {shape}")
        self._carried = [_Carried(node, None, shape)]

    def output(self, shape: Shape) -> None:
        node = self._node(Kind.output, "output", "output", tooltip=f"output: {shape}")
        self._arrive(node)

    def piece(self, piece: Piece, name: str) -> None:
        """A pipeline outside the blocks; one without operators is no node."""
        if piece.pipeline.steps:
            node = self._pipeline(piece.pipeline, name, piece.totals.parameters)
            self._arrive(node)
            self._carried = [_Carried(node, None, piece.output)]

    def plain_piece(self, pipeline: Pipeline, name: str) -> None:
        node = self._pipeline(pipeline, name, 0)
        self._arrive(node)
        self._carried = [_Carried(node, None, None)]

    def stuck_piece(self, pipeline: Pipeline, name: str) -> None:
        """A pipeline that does not fit what comes in."""
        node = self._pipeline(pipeline, name, 0)
        self._arrive(node, wrong=True)
        self._mark(node)

    def stuck_step(self, step: Step) -> None:
        """What is computed before or after the blocks, where it cannot be."""
        node = self._node(Kind.piece, step.role, step.role)
        self._arrive(node, wrong=True)
        self._mark(node)

    def between(
        self, step: Step, shapes: list[Shape | None], parameters: int, name: str
    ) -> None:
        """What is computed before the first block, or after the last one."""
        names = facts.Names(step)
        made = [t for t in step.body if not isinstance(t, Input | State)]
        if made or parameters:
            lines = [names.slot(slot) for slot in step.outputs]
            label = "before block 1" if step.role == "start" else "output of the blocks"
            notes = [row for n in lines for row in text.wrapped(text.formula(n), 34)]
            node = self._node(
                Kind.piece, name, label, notes=notes, parameters=parameters
            )
            self._arrive(node)
            self._calls(step, node)
            tails = [node] * len(step.outputs)
        elif step.role == "start":
            tails = [self._carried[0].tail] * len(step.outputs)
        else:
            slots = [carried.slot for carried in self._carried]
            tails = [
                self._carried[slots.index(slot) if slot in slots else 0].tail
                for slot in step.outputs
            ]
        self._carried = [
            _Carried(tail, slot, shape)
            for tail, slot, shape in zip(tails, step.outputs, shapes, strict=True)
        ]

    def shared(self, modules: Iterable[SharedModule], number: int) -> None:
        """Modules that the network has once, for all blocks."""
        for module in modules:
            name = module.name if module.index is None else f"{module.name}_0"
            pipeline = self._formula.operators[module.name]
            node = self._node(
                Kind.operator,
                f"shared-{name}" if not number else f"shared-{name}-{number + 1}",
                name,
                tooltip=f"{name}, one module for all: {pipeline.text}",
                parameters=module.totals.parameters,
                shared=True,
            )
            self._modules[module.name] = node

    # -- the blocks

    def stage(
        self, number: int, bundles: list[Bundle], stuck: Partial | None = None
    ) -> None:
        """A stage as a cluster."""
        spec = self._formula.stages[number]
        blocks = facts.count(spec.blocks, "block")
        stride = f", stride {spec.stride}" if spec.stride != 1 else ""
        label = f"stage {number + 1}"
        said = f"{label}: {blocks}, {spec.width} wide{stride}"
        cluster = f"{self._prefix}-stage-{number + 1}"
        self._clusters.append(Cluster(cluster, text.words(label + stride), said))
        for bundle in bundles:
            self._bundle(bundle, cluster)
        if stuck is not None:
            self._stuck_block(stuck, cluster)

    def _bundle(self, bundle: Bundle, cluster: str) -> None:
        step = self._recurrence.steps[bundle.lead.step]
        last = bundle.first + bundle.count - 1
        name = f"block {bundle.first}"
        label = name if bundle.count == 1 else f"blocks {bundle.first}–{last}"
        if bundle.count > 1:
            label += f"  ×{bundle.count:,}"
        inner, outer = 0, 0
        for adapter in self._adapters(bundle.lead):
            if adapter.value in step.inputs:
                outer += self._sizes.adapter(adapter)
            else:
                inner += self._sizes.adapter(adapter)
        own = [s.block.totals.parameters - outer for s, _ in bundle.segments]
        total = sum(n * s.block.totals.parameters for s, n in bundle.segments)
        note = f"{facts.spread(own)} parameters" if any(own) else "no own parameters"
        notes = [text.words(note + (" each" if bundle.count > 1 else ""))]
        if inner:
            notes.append(text.words(f"adapters inside: {inner:,}"))
        hands_on = ", ".join(facts.Names(step).slot(slot) for slot in step.outputs)
        node = self._node(
            Kind.block,
            f"{cluster.rpartition('-network-')[2]}-block-{bundle.first}",
            label,
            notes=notes,
            tooltip=f"{label}; {step.role} step; hands on {hands_on}; {note}",
            cluster=cluster,
            count=bundle.count,
            parameters=total - outer * bundle.count,
        )
        self._adapt(bundle, step, node, cluster)
        self._calls(step, node)
        outputs = bundle.last.block.outputs
        self._carried = [
            _Carried(node, slot, shape)
            for slot, shape in zip(step.outputs, outputs, strict=True)
        ]

    def _adapters(self, segment: Segment) -> tuple[facts.Adapter, ...]:
        same = self._alike.get(segment.step, [segment.block])
        return facts.adapters(same, segment.block)

    def _adapt(self, bundle: Bundle, step: Step, node: str, cluster: str) -> None:
        """Edges to a block, through its adapters where terms need them."""
        sites = bundle.lead.block.sites
        by_slot = dict(zip(step.inputs, self._carried, strict=True))
        base = node.removeprefix(f"{self._prefix}-")
        outer = [a for a in self._adapters(bundle.lead) if a.value in step.inputs]
        for number, adapter in enumerate(outer, start=1):
            pipeline, size = self._formula.adapter, self._sizes.adapter(adapter)
            assert pipeline is not None
            name = self._node(
                Kind.adapter,
                f"{base}-adapter-{number}",
                "adapter",
                notes=[text.words(f"{size:,} parameters")],
                tooltip=f"adapter: {pipeline.text}; {adapter.source} → "
                f"{adapter.target}; {facts.count(size, 'parameter')}",
                cluster=cluster,
                count=bundle.count,
                parameters=size * bundle.count,
            )
            self._connect(by_slot[adapter.value], name, adapter.value)
            made = _Carried(name, adapter.value, adapter.target)
            self._connect(made, node, adapter.value)
        for slot, carried in by_slot.items():
            if isinstance(slot, ModuleSlot) or _read_directly(step, slot, sites):
                self._connect(carried, node, slot)

    def _stuck_block(self, partial: Partial, cluster: str) -> None:
        step = partial.step
        assert step is not None
        node = self._node(
            Kind.block,
            f"{cluster.rpartition('-network-')[2]}-block-{partial.index}",
            f"block {partial.index}",
            notes=[text.words("shapes do not meet")],
            cluster=cluster,
        )
        for slot, carried in zip(step.inputs, self._carried, strict=True):
            shape = partial.shapes.get(slot) if isinstance(slot, Tensor) else None
            wrong = slot in partial.ends
            self._connect(replace(carried, shape=shape), node, slot, wrong=wrong)
        self._mark(node)

    def _calls(self, step: Step, node: str) -> None:
        """Edges from the network's own modules to what calls them."""
        called = dict.fromkeys(
            t.operator
            for t in step.body
            if isinstance(t, Apply) and not (t.index.is_Integer and t.index >= 1)
        )
        for name in called:
            if name in self._modules:
                self._edge(self._modules[name], node, "", name, 0, module=True)

    # -- nodes and edges

    def _pipeline(self, pipeline: Pipeline, name: str, parameters: int) -> str:
        notes = list(text.wrapped(_arrows(pipeline.text), 34))
        return self._node(
            Kind.piece,
            name,
            name,
            notes=notes,
            tooltip=f"{name}: {pipeline.text}",
            parameters=parameters,
        )

    def _node(
        self,
        kind: Kind,
        name: str,
        label: str,
        *,
        notes: list[text.Text] | None = None,
        tooltip: str = "",
        cluster: str = "",
        count: int = 1,
        parameters: int = 0,
        shared: bool = False,
    ) -> str:
        identifier = f"{self._prefix}-{slug(name)}"
        rows = list(notes or [])
        if parameters and kind not in (Kind.block, Kind.adapter):
            rows.append(text.words(facts.count(parameters, "parameter")))
        shown = text.formula(label) if kind is Kind.operator else text.words(label)
        self._nodes.append(
            Node(
                identifier,
                kind,
                (shown,),
                tooltip or label,
                cluster=cluster,
                note=tuple(rows),
                count=count,
                parameters=parameters,
                shared=shared,
                column=kind not in (Kind.adapter, Kind.operator),
            )
        )
        return identifier

    def _mark(self, node: str) -> None:
        self._nodes = [
            replace(n, wrong=True) if n.id == node else n for n in self._nodes
        ]

    def _arrive(self, node: str, *, wrong: bool = False) -> None:
        """Edges from all that is on its way."""
        for carried in self._carried:
            self._connect(carried, node, carried.slot, wrong=wrong)

    def _connect(
        self, carried: _Carried, node: str, slot: Slot | None, *, wrong: bool = False
    ) -> None:
        shape = "" if carried.shape is None else str(carried.shape)
        group = 0 if slot is None else self._groups.of(slot)
        name = "" if slot is None else self._groups.texts()[group - 1] if group else ""
        self._edge(
            carried.tail,
            node,
            shape,
            f"{name}: {shape}" if name else shape,
            group,
            module=isinstance(slot, ModuleSlot),
            wrong=wrong,
        )

    def _edge(
        self,
        tail: str,
        head: str,
        shape: str,
        tooltip: str,
        group: int,
        *,
        module: bool = False,
        wrong: bool = False,
    ) -> None:
        self._edges.append(
            Edge(
                f"{self._prefix}-edge-{len(self._edges) + 1}",
                tail,
                head,
                text.words(shape.replace(" x ", "×")),
                tooltip,
                group=group,
                module=module,
                wrong=wrong,
                # Blocks stand in a column; adapters beside it.
                spine=not module and "-adapter-" not in tail + head,
            )
        )


def _read_directly(step: Step, slot: Tensor, sites: Iterable[Site]) -> bool:
    """Whether a block reads an input as it is, without an adapter in front."""
    adapted = set(sites)
    if slot in step.outputs:
        return True
    return any(
        bare(part) == slot and Site(slot, tensor) not in adapted
        for tensor in step.body
        if not isinstance(tensor, Scaled)
        for part in step.parts(tensor)
    )


def _arrows(pipeline: str) -> text.Text:
    return text.words(pipeline.replace(" > ", " → "))
