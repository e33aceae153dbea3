"""The parts of a network, one after the other: pipelines, stages, blocks, adapters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy

from recform.algebra.expr import Apply, Context, I, Input, L, Scaled, State, Tensor
from recform.algebra.formula import Scope
from recform.algebra.indices import is_of_context
from recform.algebra.pipeline import Pipeline
from recform.algebra.typeset import plain
from recform.blocks import Shape
from recform.diagram import text
from recform.diagram.model import Cluster, Kind
from recform.graph.model import Piece, Segment, SharedModule, Site
from recform.graph.partial import Partial
from recform.recurrence.model import (
    END,
    START,
    Flow,
    ModuleSlot,
    Slot,
    Step,
    contexts_of,
)
from recform.recurrence.stacks import Lists
from recform.views import facts, unfolded
from recform.views.bundles import Bundle
from recform.views.sketch import Carried, Sketch, called

#: What an author calls the parameters of an operator, in front of it.
_LABEL = re.compile(r"(?:\"[^\"]*\"|[A-Za-z_]\w*):\s*")


class Overview(Sketch):
    """Draws from the input on; keeps what is on its way to the next node."""

    # -- around the blocks

    def input(self) -> None:
        shape = self.formula.input
        node = self.node(Kind.input, "input", "input", tooltip=f"input: {shape}")
        self.carried = [Carried(node, None, shape)]
        for name, shape in self.formula.contexts.items():
            said = f"input {name}: {shape}"
            node = self.node(
                Kind.input, f"input-{name}", name, tooltip=said, aside=True
            )
            self.contexts[Context(name)] = node, shape

    def output(self, shape: Shape) -> None:
        node = self.node(Kind.output, "output", "output", tooltip=f"output: {shape}")
        self.arrive(node)

    def piece(self, piece: Piece, name: str) -> None:
        """A pipeline outside the blocks; one without operators is no node."""
        if piece.pipeline.steps:
            node = self._pipeline(piece.pipeline, name, piece.totals.parameters)
            self.arrive(node)
            self.carried = [Carried(node, None, piece.output)]

    def plain_piece(self, pipeline: Pipeline, name: str) -> None:
        node = self._pipeline(pipeline, name, 0)
        self.arrive(node)
        self.carried = [Carried(node, None, None)]

    def stuck_piece(self, pipeline: Pipeline, name: str) -> None:
        """A pipeline that does not fit what comes in."""
        node = self._pipeline(pipeline, name, 0)
        self.arrive(node, wrong=True)
        self.mark(node)

    def stuck_step(self, step: Step) -> None:
        """What is computed before or after the blocks, where it cannot be."""
        node = self.node(Kind.piece, str(step.role), str(step.role))
        self.arrive(node, wrong=True)
        self.mark(node)

    def begin(self, flow: Flow) -> None:
        """A flow of blocks, behind what there is."""
        self.lists = Lists[Carried](flow)
        self.lists.keep(0, self.carried)

    def between(
        self,
        step: Step,
        shapes: list[Shape | None],
        parameters: int,
        name: str,
        known: Mapping[Tensor, Shape] | None = None,
    ) -> None:
        """What is computed before the first block, or after the last one."""
        # Behind block L nothing has a number of its own: X_<i-1> is X_L there.
        names = facts.Names(
            step, L + 1 if step.role == END else I, decimals=self.formula.decimals
        )
        made = [t for t in step.body if not isinstance(t, Input | State)]
        if made or parameters:
            inside = {part for tensor in made for part in step.parts(tensor)}
            constants = [t for t in made if is_of_context(t) and t not in inside]
            lines = [names.slot(slot) for slot in (*step.outputs, *constants)]
            label = "before block 1" if step.role == START else "output of the blocks"
            notes = [row for n in lines for row in text.wrapped(text.formula(n), 34)]
            node = self.node(
                Kind.piece, name, label, notes=notes, parameters=parameters
            )
            self.arrive(node)
            self._calls(step, node)
            kept = filter(is_of_context, made)
            self.contexts |= {t: (node, (known or {}).get(t)) for t in kept}
            tails = [node] * len(step.outputs)
        elif step.role == START:
            tails = [self.carried[0].tail] * len(step.outputs)
        else:
            slots = [carried.slot for carried in self.carried]
            tails = [
                self.carried[slots.index(slot) if slot in slots else 0].tail
                for slot in step.outputs
            ]
        self.carried = self.made(tails, step, shapes, step.at)

    def shared(self, modules: Iterable[SharedModule], number: int) -> None:
        """Modules that the network has once, for all blocks, and that learn something."""
        for module in modules:
            if not module.totals.parameters:
                continue
            index = sympy.nan if module.index is None else module.index
            name = plain(State(module.name, index))
            pipeline = self.formula.operators[module.name]
            node = self.node(
                Kind.operator,
                f"shared-{name}" if not number else f"shared-{name}-{number + 1}",
                name,
                tooltip=f"{name}, one module for all: {pipeline.text}",
                parameters=module.totals.parameters,
                shared=True,
            )
            self.modules[module.name] = node

    # -- the blocks

    def stage(
        self, number: int, bundles: list[Bundle], stuck: Partial | None = None
    ) -> None:
        """A stage as a cluster."""
        spec = self.formula.stages[number]
        blocks = facts.count(spec.blocks, "block")
        stride = f", stride {spec.stride}" if spec.stride != 1 else ""
        label = f"stage {number + 1}"
        said = f"{label}: {blocks}, {spec.width} wide{stride}"
        cluster = f"{self.prefix}-stage-{number + 1}"
        self.clusters.append(Cluster(cluster, text.words(label + stride), said))
        for bundle in bundles:
            self._bundle(bundle, cluster)
        if stuck is not None:
            self._stuck_block(stuck, cluster)

    def _bundle(self, bundle: Bundle, cluster: str) -> None:
        step = self.recurrence.steps[bundle.lead.step]
        last = bundle.first + bundle.count - 1
        label = self._name(bundle, bundle.first)
        if bundle.count > 1:
            label += f"–{self._name(bundle, last).removeprefix('block ')}"
            label = label.replace("block ", "blocks ", 1)
        if bundle.count > 1:
            label += f"  ×{bundle.count:,}"
        total = sum(n * s.block.totals.parameters for s, n in bundle.segments)
        each = " each" if bundle.count > 1 else ""
        if self._is_opened(step):
            whole = [s.block.totals.parameters for s, _ in bundle.segments]
            label += f", {facts.spread(whole)} parameters{each}" if total else ""
            unfolded.unfold(self, bundle, step, label, cluster)
            return
        inner, outer = 0, 0
        for adapter in self._adapters(bundle.lead):
            if adapter.value in step.inputs:
                outer += self.sizes.adapter(adapter)
            else:
                inner += self.sizes.adapter(adapter)
        own = [s.block.totals.parameters - outer for s, _ in bundle.segments]
        note = f"{facts.spread(own)} parameters" if any(own) else "no own parameters"
        notes = [text.words(note + each)]
        if inner:
            notes.append(text.words(f"adapters inside: {inner:,}"))
        hands_on = ", ".join(
            map(facts.Names(step, decimals=self.formula.decimals).slot, step.outputs)
        )
        node = self.node(
            Kind.block,
            f"{cluster.rpartition('-network-')[2]}-block-{bundle.first}",
            label,
            notes=notes,
            tooltip=f"{label}; {step.role} step; hands on {hands_on}; {note}",
            cluster=cluster,
            count=bundle.count,
            parameters=total - outer * bundle.count,
        )
        made = self.out_of(bundle, step, [node] * len(step.outputs))
        self._adapt(bundle, step, node, self.into(bundle, step, made), cluster)
        self._calls(step, node)
        self.carried = made

    def _is_opened(self, step: Step) -> bool:
        calls = (tensor for tensor in step.body if isinstance(tensor, Apply))
        pipelines = self.formula.operators
        return any(
            self.opening.opens(call.operator, pipelines[call.operator])
            for call in calls
        )

    def _name(self, bundle: Bundle, number: int) -> str:
        """What a block is called: by the file, where that names each."""
        step = self.formula.names.get("step")
        if step is None or not step.each:
            return f"block {number}"
        by_stage = self.formula.scope is Scope.STAGE
        before = self.formula.lengths[: bundle.stage] if by_stage else ()
        return step.each[number - 1 + sum(before)]

    def _adapters(self, segment: Segment) -> tuple[facts.Adapter, ...]:
        same = self.alike.get(segment.step, [segment.block])
        return facts.adapters(same, segment.block)

    def _adapt(
        self,
        bundle: Bundle,
        step: Step,
        node: str,
        by_slot: Mapping[Slot, list[Carried]],
        cluster: str,
    ) -> None:
        """Edges to a block, through its adapters where terms need them."""
        sites = bundle.lead.block.sites
        base = node.removeprefix(f"{self.prefix}-")
        outer = [a for a in self._adapters(bundle.lead) if a.value in step.inputs]
        for number, adapter in enumerate(outer, start=1):
            pipeline = self.formula.adapter_of(adapter.bridge.stride)
            size = self.sizes.adapter(adapter)
            assert pipeline is not None
            name = self.node(
                Kind.adapter,
                f"{base}-adapter-{number}",
                "adapter",
                notes=[text.words(f"{size:,} parameters")],
                tooltip=f"adapter: {pipeline.text}; {adapter.bridge.source} → "
                f"{adapter.bridge.target}; {facts.count(size, 'parameter')}",
                cluster=cluster,
                count=bundle.count,
                parameters=size * bundle.count,
            )
            for carried in by_slot[adapter.value]:
                self.connect(carried, name, called(adapter.value, carried))
            made = Carried(name, adapter.value, adapter.bridge.target)
            self.connect(made, node, adapter.value)
        for slot, several in by_slot.items():
            if isinstance(slot, ModuleSlot) or _read_directly(step, slot, sites):
                for carried in several:
                    self.connect(carried, node, called(slot, carried))

    def into(
        self, bundle: Bundle, step: Step, made: list[Carried]
    ) -> dict[Slot, list[Carried]]:
        """What blocks get: of those before, and off stacks, where they put what they make."""
        slots = [step.inputs[number] for number in step.popped]
        found: dict[Slot, dict[Carried, None]] = {
            slot: {carried: None}
            for slot, carried in zip(step.inputs, self.carried, strict=False)
        }
        found |= {slot: {} for slot in slots}
        for block in range(bundle.first, bundle.first + bundle.count):
            for slot, carried in zip(
                slots, self.lists.given(step, block, ()), strict=True
            ):
                found[slot][carried] = None
            self.lists.keep(block, made)
        return {slot: list(several) for slot, several in found.items()}

    def out_of(self, bundle: Bundle, step: Step, tails: Iterable[str]) -> list[Carried]:
        """What blocks hand on, each from the node that ends it."""
        last = bundle.first + bundle.count - 1
        return self.made(tails, step, bundle.last.block.outputs, last)

    def _stuck_block(self, partial: Partial, cluster: str) -> None:
        step = partial.step
        assert step is not None
        node = self.node(
            Kind.block,
            f"{cluster.rpartition('-network-')[2]}-block-{partial.index}",
            f"block {partial.index}",
            notes=[text.words("shapes do not meet")],
            cluster=cluster,
        )
        given = self.lists.given(step, partial.index, self.carried)
        for slot, carried in zip(step.inputs, given, strict=True):
            shape = partial.shapes.get(slot) if isinstance(slot, Tensor) else None
            wrong = slot in partial.ends
            self.connect(replace(carried, shape=shape), node, slot, wrong=wrong)
        self.mark(node)

    def _calls(self, step: Step, node: str) -> None:
        """Edges from the network's own modules, and further inputs, to what has them."""
        for tensor in contexts_of(step):
            tail, shape = self.contexts[tensor]
            self.connect(Carried(tail, None, shape), node, None, said=plain(tensor))
        called = dict.fromkeys(
            t.operator
            for t in step.body
            if isinstance(t, Apply) and not (t.index.is_Integer and t.index >= 1)
        )
        for name in called:
            if name in self.modules:
                self.edge(self.modules[name], node, (), name, 0, module=True)

    def _pipeline(self, pipeline: Pipeline, name: str, parameters: int) -> str:
        notes = list(text.wrapped(_arrows(pipeline.text), 34))
        return self.node(
            Kind.piece,
            name,
            name,
            notes=notes,
            tooltip=f"{name}: {pipeline.text}",
            parameters=parameters,
        )


def _read_directly(step: Step, slot: Tensor, sites: Iterable[Site]) -> bool:
    """Whether a block reads an input as it is, without an adapter in front."""
    adapted = set(sites)
    if slot in step.outputs:
        return True
    return any(
        step.bare(part) == slot and Site(slot, tensor) not in adapted
        for tensor in step.body
        if not isinstance(tensor, Scaled)
        for part in step.parts(tensor)
    )


def _arrows(pipeline: str) -> text.Text:
    """A pipeline without the names of its parameters."""
    return text.words(_LABEL.sub("", pipeline).replace(" > ", " → "))
