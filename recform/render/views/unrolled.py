"""The view of several blocks side by side, so that shortcuts across blocks are seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import I
from recform.algebra.lists import Mirror
from recform.blocks.symbolic import Symbolic
from recform.graph.model import NetworkGraph
from recform.recurrence.model import (
    ModuleSlot,
    Recurrence,
    Slot,
    Step,
    contexts_of,
)
from recform.render import text
from recform.render.model import Cluster, Diagram, Direction, Edge, Kind, Node, View
from recform.render.views import facts
from recform.render.views.interior import Interior
from recform.render.views.parts import Setting, distinct, slug
from recform.render.views.step import (
    caption_of,
    coloured,
    context_node,
    equations_of,
    general_caption,
    not_for,
    state_node,
)

#: Most blocks that are drawn side by side.
MAX_BLOCKS = 24


@dataclass(frozen=True)
class _Shown:
    """A block that is drawn: its label, its step, and what its number is called."""

    label: str
    step: Step
    index: Symbolic


def usual(network: NetworkGraph) -> int:
    """How many blocks are drawn, if nobody says a number."""
    return 6 if network.recurrence.flows[0].stacks else 3


def _row(recurrence: Recurrence, blocks: int) -> list[_Shown]:
    """Regular blocks; of a network with long skips those where it turns."""
    flow = recurrence.flows[0]
    if not flow.stacks:
        labels = ["block i", *(f"block i+{number}" for number in range(1, blocks))]
        return [
            _Shown(label, recurrence.pattern, I + number)
            for number, label in enumerate(labels)
        ]
    steps = [
        recurrence.steps[run.step]
        for run in flow.runs
        for _ in range(run.first, run.last + 1)
    ]
    turn = min(block for stack in flow.stacks for block in stack.popped)
    first = max(1, min(turn - blocks // 2, flow.length - blocks + 1))
    row = range(first, min(first + blocks, flow.length + 1))
    return [_Shown(f"block {n}", steps[n - 1], sympy.Integer(n)) for n in row]


def of_pattern(network: NetworkGraph, blocks: int, direction: Direction) -> Diagram:
    """Blocks i to i + ``blocks`` - 1 from the middle of the network."""
    recurrence = network.recurrence
    formula = recurrence.formula
    groups = facts.Groups(recurrence)
    prefix = f"{slug(formula.name)}-unrolled"
    nodes: list[Node] = []
    edges: list[Edge] = []
    clusters: list[Cluster] = []
    before: list[Node] = []
    # What blocks have made for stacks, by its name.
    kept: dict[str, Node] = {}
    shown = _row(recurrence, blocks)
    for number, block in enumerate(shown):
        step = block.step
        same = tuple(
            segment.block
            for _, segment in facts.segments(network)
            if recurrence.steps[segment.step] == step
        )
        own = f"{prefix}-{number}"
        cluster = f"{own}-block"
        names = facts.Names(step, block.index)
        setting = Setting(formula, names, own, cluster, same)
        # By name: what is known from the start need not be handed on in its place.
        known = {node.meaning: node for node in before}
        sources: dict[Slot, str] = {}
        for position, slot in enumerate(step.inputs):
            here = kept if isinstance(slot, Mirror) else known
            node = here.get(names.slot(slot))
            if node is None:
                node = state_node(setting, groups, slot, "in")
                node = replace(
                    node, column=position == 0, end="" if number else "source"
                )
                nodes.append(node)
                before.append(node)
                kept.setdefault(node.meaning, node)
            sources[slot] = node.id
        for tensor in contexts_of(step):
            # Each block has it beside itself: from one place edges would cross all blocks.
            given = replace(context_node(setting, tensor), end="", cluster=cluster)
            nodes.append(given)
            sources[tensor] = given.id
        interior = Interior(setting, sources)
        last = number == len(shown) - 1
        after = distinct(
            [
                replace(
                    state_node(setting, groups, slot, "out"),
                    end="sink" if last else "",
                    column=position == 0,
                )
                for position, slot in enumerate(step.outputs)
            ]
        )
        edges += coloured(interior.edges, [*before, *kept.values()])
        for position, slot in enumerate(step.outputs, start=1):
            node = after[position - 1]
            edges.append(
                Edge(
                    f"{own}-hands-on-{position}",
                    interior.tail(slot),
                    node.id,
                    tooltip=node.tooltip,
                    group=node.group,
                    module=isinstance(slot, ModuleSlot),
                    spine=position == 1,
                )
            )
        nodes += [*interior.nodes, *after]
        if interior.nodes:
            clusters.append(Cluster(cluster, text.words(block.label)))
        before = after
        kept |= {node.meaning: node for node in after}
    calls = sum(1 for node in nodes if node.kind is Kind.operator)
    general = not recurrence.flows[0].stacks
    other = not_for(formula) if general else ""
    count = facts.count(len(shown), "block")
    return Diagram(
        prefix,
        View.unrolled,
        direction,
        f"{formula.name}: {count} side by side",
        f"{equations_of(formula)}. {count} in a row, "
        f"with {facts.count(calls, 'operator call')}.{f' {other}.' if other else ''}",
        general_caption(formula) if general else caption_of(formula),
        tuple(nodes),
        tuple(edges),
        tuple(clusters),
        tuple(text.formula(item) for item in groups.texts()),
    )
