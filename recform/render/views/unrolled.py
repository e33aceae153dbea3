"""The view of several blocks side by side, so that shortcuts across blocks are seen."""

from __future__ import annotations

from dataclasses import replace

from recform.algebra.expr import I
from recform.graph.model import NetworkGraph
from recform.recurrence.model import ModuleSlot
from recform.render import text
from recform.render.model import Cluster, Diagram, Direction, Edge, Kind, Node, View
from recform.render.views import facts
from recform.render.views.interior import Interior
from recform.render.views.parts import Setting, distinct, slug
from recform.render.views.step import (
    coloured,
    equations_of,
    general_caption,
    not_for,
    state_node,
)

#: Most blocks that are drawn side by side.
MAX_BLOCKS = 24


def of_pattern(network: NetworkGraph, blocks: int, direction: Direction) -> Diagram:
    """Blocks i to i + ``blocks`` - 1 from the middle of the network."""
    recurrence = network.recurrence
    formula, step = recurrence.formula, recurrence.pattern
    groups = facts.Groups(recurrence)
    prefix = f"{slug(formula.name)}-unrolled"
    same = tuple(
        segment.block
        for _, segment in facts.segments(network)
        if recurrence.steps[segment.step] == step
    )
    nodes: list[Node] = []
    edges: list[Edge] = []
    clusters: list[Cluster] = []
    before: list[Node] = []
    for number in range(blocks):
        label = "block i" if number == 0 else f"block i+{number}"
        own = f"{prefix}-{number}"
        cluster = f"{own}-block"
        names = facts.Names(step, I + number)
        setting = Setting(formula, names, own, cluster, same)
        # By name: what is known from the start need not be handed on in its place.
        known = {node.meaning: node for node in before}
        sources = {}
        for position, slot in enumerate(step.inputs):
            node = known.get(names.slot(slot))
            if node is None:
                node = state_node(setting, groups, slot, "in")
                node = replace(
                    node, column=position == 0, end="" if number else "source"
                )
                nodes.append(node)
                before.append(node)
            sources[slot] = node.id
        interior = Interior(setting, sources)
        last = number == blocks - 1
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
        edges += coloured(interior.edges, before)
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
            clusters.append(Cluster(cluster, text.words(label)))
        before = after
    calls = sum(1 for node in nodes if node.kind is Kind.operator)
    other = not_for(formula)
    return Diagram(
        prefix,
        View.unrolled,
        direction,
        f"{formula.name}: {facts.count(blocks, 'block')} side by side",
        f"{equations_of(formula)}. {facts.count(blocks, 'block')} in a row, "
        f"with {facts.count(calls, 'operator call')}.{f' {other}.' if other else ''}",
        general_caption(formula),
        tuple(nodes),
        tuple(edges),
        tuple(clusters),
        tuple(text.formula(item) for item in groups.texts()),
    )
