"""The view of several blocks side by side, so that shortcuts across blocks are seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import I
from recform.algebra.lists import Mirror
from recform.blocks.symbolic import Symbolic
from recform.diagram import text
from recform.diagram.model import (
    Cluster,
    Diagram,
    Direction,
    Edge,
    Kind,
    Node,
    Tile,
    View,
)
from recform.diagram.sizes import size_of
from recform.graph.model import NetworkGraph
from recform.recurrence.model import (
    ModuleSlot,
    Recurrence,
    Slot,
    Step,
    contexts_of,
)
from recform.views import facts
from recform.views.interior import Interior
from recform.views.opened import CLOSED, Opening, unopened
from recform.views.parts import Setting, distinct, slug
from recform.views.spine import straightened
from recform.views.step import (
    caption_of,
    coloured,
    context_node,
    equations_of,
    general_caption,
    not_for,
    remarked,
    state_node,
)
from recform.views.times import AtOneTime, at_one_time

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


def _row(recurrence: Recurrence, at: AtOneTime, blocks: int) -> list[_Shown]:
    """Regular blocks; of a network with long skips those where it turns."""
    flow = recurrence.flows[0]
    if not flow.stacks:
        labels = ["block i", *(f"block i+{number}" for number in range(1, blocks))]
        return [
            _Shown(f"{label}{at.label}", at.step, I + number)
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


def of_pattern(
    network: NetworkGraph,
    blocks: int,
    direction: Direction,
    opening: Opening = CLOSED,
) -> Diagram:
    """Blocks i to i + ``blocks`` - 1 from the middle of the network."""
    recurrence = network.recurrence
    formula = recurrence.formula
    at = at_one_time(formula, recurrence.pattern)
    shown = _row(recurrence, at, blocks)
    row = _Row(network, at, opening)
    for number, block in enumerate(shown):
        row.add(block, last=number == len(shown) - 1)
    applied = (Kind.operator, Kind.function)
    calls = sum(1 for n in row.nodes if n.kind in applied and n.meaning)
    general = not recurrence.flows[0].stacks
    other = not_for(formula) if general else ""
    count = facts.count(len(shown), "block")
    made = Diagram(
        row.prefix,
        View.unrolled,
        direction,
        f"{formula.name}: {count} side by side",
        f"{equations_of(formula)}. {count} in a row, "
        f"with {facts.count(calls, 'operator call')}.{f' {other}.' if other else ''}",
        (
            *(general_caption(formula) if general else caption_of(formula)),
            *([text.words(at.said)] if general and at.said else []),
        ),
        tuple(_levelled(row.nodes, row.tiles)),
        tuple(row.edges),
        tuple(row.clusters),
        tuple(text.formula(item) for item in row.groups.texts()),
        tiles=tuple(row.tiles),
    )
    others = unopened(opening, formula, (block.step for block in shown))
    return remarked(made, [*row.remarks, *others])


class _Row:
    """Draws blocks one after the other.

    Attributes:
        nodes, edges, clusters: of all of them.
        tiles: the blocks, as long as each gets what the one before hands on.
        remarks: what is not drawn in the first of them.
    """

    def __init__(self, network: NetworkGraph, at: AtOneTime, opening: Opening) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.clusters: list[Cluster] = []
        self.tiles: list[Tile] = []
        self.remarks: list[str] = []
        self.groups = facts.Groups(network.recurrence, at)
        self.prefix = f"{slug(network.recurrence.formula.name)}-unrolled"
        self._network, self._at, self._opening = network, at, opening
        self._count = 0
        self._before: list[Node] = []
        # What blocks have made for stacks, by its name.
        self._kept: dict[str, Node] = {}

    def add(self, block: _Shown, *, last: bool) -> None:
        setting = self._setting(block)
        handed = [node.id for node in self._before]
        inputs, sources = self._inputs(setting)
        given = [*self._contexts(setting, sources), *self._earlier(setting, sources)]
        interior = Interior(setting, sources)
        made = self._outputs(setting, last=last)
        states = [*self._before, *self._kept.values(), *given]
        edges = coloured(interior.canvas.edges, states)
        edges += _hands_on(setting, interior, made)
        own = {setting.names.slot(slot) for slot in self._at.kept}
        after = [node for node in made if node.meaning not in own]
        inside = [*given, *interior.canvas.nodes]
        inside += [replace(n, end="") for n in made if n.meaning in own]
        if inputs and after:
            drawn, edges = straightened(
                [*inside, *after], edges, inputs[0].id, after[0].id
            )
            inside, after = drawn[: len(inside)], drawn[len(inside) :]
        frames: list[Cluster] = []
        if interior.canvas.nodes:
            frame = Cluster(setting.cluster, text.words(block.label))
            frames = [frame, *interior.canvas.clusters]
        self.nodes += [*inside, *after]
        self.edges += edges
        self.clusters += frames
        self.remarks = self.remarks or interior.canvas.remarks
        ids = [node.id for node in inputs]
        self._tile(
            ids if not self._count else handed, ids, inside, after, edges, frames
        )
        self._before = after
        self._kept |= {node.meaning: node for node in after}
        self._count += 1

    def _setting(self, block: _Shown) -> Setting:
        recurrence = self._network.recurrence
        same = tuple(
            segment.block
            for _, segment in facts.segments(self._network)
            if recurrence.steps[segment.step]
            == (recurrence.pattern if block.step is self._at.step else block.step)
        )
        own = f"{self.prefix}-{self._count}"
        names = facts.Names(
            block.step,
            block.index,
            self._at.times,
            self._at.positions,
            decimals=recurrence.formula.decimals,
        )
        return Setting(
            recurrence.formula, names, own, f"{own}-block", same, opening=self._opening
        )

    def _inputs(self, setting: Setting) -> tuple[list[Node], dict[Slot, str]]:
        """What a block gets: of the one before, or from further back."""
        # By name: what is known from the start need not be handed on in its place.
        known = {node.meaning: node for node in self._before}
        taken: list[Node] = []
        sources: dict[Slot, str] = {}
        for position, slot in enumerate(setting.names.step.inputs):
            if slot in self._at.earlier:
                continue
            here = self._kept if isinstance(slot, Mirror) else known
            node = here.get(setting.names.slot(slot))
            if node is None:
                node = state_node(setting, self.groups, slot, "in")
                node = replace(
                    node, column=position == 0, end="" if self._count else "source"
                )
                self.nodes.append(node)
                self._before.append(node)
                self._kept.setdefault(node.meaning, node)
            taken.append(node)
            sources[slot] = node.id
        return taken, sources

    def _contexts(self, setting: Setting, sources: dict[Slot, str]) -> list[Node]:
        """Further inputs; each block has them: edges from one place would cross all."""
        given = []
        for tensor in contexts_of(setting.names.step):
            node = replace(context_node(setting, tensor), end="")
            given.append(node)
            sources[tensor] = node.id
        return given

    def _earlier(self, setting: Setting, sources: dict[Slot, str]) -> list[Node]:
        """What each block has made itself, at the time before."""
        given = []
        for slot in self._at.earlier:
            node = replace(state_node(setting, self.groups, slot, "in"), end="")
            given.append(node)
            sources[slot] = node.id
        return given

    def _outputs(self, setting: Setting, *, last: bool) -> list[Node]:
        return distinct(
            [
                replace(
                    state_node(setting, self.groups, slot, "out"),
                    end="sink" if last else "",
                    column=position == 0,
                )
                for position, slot in enumerate(setting.names.step.outputs)
            ]
        )

    def _tile(
        self,
        handed: list[str],
        taken: list[str],
        inside: list[Node],
        after: list[Node],
        edges: list[Edge],
        frames: list[Cluster],
    ) -> None:
        """Keeps a block as one of several equal ones, if they are."""
        tile = Tile(
            tuple(taken),
            tuple(node.id for node in inside),
            tuple(node.id for node in after),
            tuple(edge.id for edge in edges),
            tuple(frame.id for frame in frames),
        )
        alike = taken == handed and len(self.tiles) == self._count
        if self.tiles:
            first = self.tiles[0]
            alike = alike and _sizes(tile) == _sizes(first)
        if alike and len(taken) == len(after) and taken:
            self.tiles.append(tile)
        else:
            self.tiles.clear()


def _sizes(tile: Tile) -> tuple[int, ...]:
    return tuple(map(len, (tile.inputs, tile.nodes, tile.edges, tile.clusters)))


def _hands_on(setting: Setting, interior: Interior, after: list[Node]) -> list[Edge]:
    return [
        Edge(
            f"{setting.prefix}-hands-on-{position}",
            interior.tail(slot),
            node.id,
            tooltip=node.tooltip,
            group=node.group,
            module=isinstance(slot, ModuleSlot),
        )
        for position, (slot, node) in enumerate(
            zip(setting.names.step.outputs, after, strict=True), start=1
        )
    ]


def _levelled(nodes: list[Node], tiles: list[Tile]) -> list[Node]:
    """The nodes, each as wide as the widest of those that are like it in other blocks."""
    wide = {node.id: size_of(node).width for node in nodes}
    least: dict[str, float] = {}
    for like in zip(*((*t.nodes, *t.outputs) for t in tiles), strict=True):
        least |= dict.fromkeys(like, max(wide[name] for name in like))
    return [replace(node, least=least.get(node.id, 0.0)) for node in nodes]
