"""Nodes and edges of a network as they are added, and what is on its way to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from recform.algebra.expr import History, Tensor
from recform.algebra.lists import Mirror, is_list
from recform.blocks import Shape
from recform.diagram import text
from recform.diagram.model import Cluster, Diagram, Direction, Edge, Kind, Node, View
from recform.graph.model import Block, Segment
from recform.recurrence.lists import members
from recform.recurrence.model import ModuleSlot, Recurrence, Slot, Step
from recform.recurrence.moves import moved
from recform.views import facts
from recform.views.opened import CLOSED, Opening, unopened
from recform.views.parts import slug
from recform.views.step import caption_of, equations_of, remarked

#: The longest name of a tensor that stands beside an arrow.
_SHORT = 24


@dataclass(frozen=True)
class Carried:
    """A tensor, a list of them or a module between two nodes.

    Attributes:
        tail: where it comes from.
        slot: what it is.
        shape: its shape, or that of each tensor of a list.
        tensors: how many they are.
    """

    tail: str
    slot: Slot | None
    shape: Shape | None
    tensors: int = 1


def called(slot: Slot, carried: Carried) -> Slot | None:
    """What an input is called beside its edge: off a stack, as it was made."""
    return carried.slot if isinstance(slot, Mirror) else slot


class Sketch:
    """A network that is drawn from the input on.

    Attributes:
        opening: which operators are drawn with what they are made of, in a frame in the
            place of each block that has them.
    """

    def __init__(
        self,
        recurrence: Recurrence,
        direction: Direction,
        segments: Iterable[Segment] = (),
        opening: Opening = CLOSED,
    ) -> None:
        self.opening = opening
        self.recurrence = recurrence
        self.formula = recurrence.formula
        self.direction = direction
        self.prefix = f"{slug(self.formula.name)}-network"
        self.groups = facts.Groups(recurrence)
        self.sizes = facts.Sizes(self.formula)
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.clusters: list[Cluster] = []
        self.carried: list[Carried] = []
        self.remarks: list[str] = []
        self._named: set[int] = set()
        self.modules: dict[str, str] = {}
        self.contexts: dict[Tensor, tuple[str, Shape | None]] = {}
        self.alike: dict[int, list[Block]] = {}
        for segment in segments:
            self.alike.setdefault(segment.step, []).append(segment.block)

    def diagram(self, said: str) -> Diagram:
        formula = self.formula
        made = Diagram(
            self.prefix,
            View.network,
            self.direction,
            f"{formula.name}: the network",
            f"{equations_of(formula)}. {said}.",
            caption_of(formula),
            tuple(self.nodes),
            tuple(self.edges),
            tuple(self.clusters),
            tuple(text.formula(item) for item in self.groups.texts()),
        )
        others = unopened(self.opening, formula, self.recurrence.steps)
        return remarked(made, [*self.remarks, *others])

    def node(
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
        aside: bool = False,
    ) -> str:
        identifier = f"{self.prefix}-{slug(name)}"
        rows = list(notes or [])
        if parameters and kind not in (Kind.block, Kind.adapter):
            rows.append(text.words(facts.count(parameters, "parameter")))
        shown = text.formula(label) if kind is Kind.operator else text.words(label)
        self.nodes.append(
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
                column=not aside and kind not in (Kind.adapter, Kind.operator),
            )
        )
        return identifier

    def mark(self, node: str) -> None:
        self.nodes = [replace(n, wrong=True) if n.id == node else n for n in self.nodes]

    def arrive(self, node: str, *, wrong: bool = False) -> None:
        """Edges from all that is on its way."""
        for carried in self.carried:
            self.connect(carried, node, carried.slot, wrong=wrong)

    def connect(
        self,
        carried: Carried,
        node: str,
        slot: Slot | None,
        *,
        wrong: bool = False,
        said: str = "",
    ) -> None:
        label, tooltip, group = self.said(carried, slot, said)
        self.edge(
            carried.tail,
            node,
            label,
            tooltip,
            group,
            module=isinstance(slot, ModuleSlot),
            wrong=wrong,
        )

    def said(
        self, carried: Carried, slot: Slot | None, said: str = ""
    ) -> tuple[text.Text, str, int]:
        """The label of an edge, what a reader is told who points at it, and its group."""
        shape = "" if carried.shape is None else str(carried.shape)
        if shape and carried.tensors > 1:
            shape = f"{carried.tensors} × ({shape})"
        group = 0 if slot is None else self.groups.of(slot)
        name = said if slot is None else self.groups.texts()[group - 1] if group else ""
        return (
            (*self._introduced(group), *text.words(shape.replace(" x ", "×"))),
            f"{name}: {shape}" if name else shape,
            group,
        )

    def _introduced(self, group: int) -> text.Text:
        """What a tensor is called, beside the first edge that has it; not if it is alone."""
        texts = self.groups.texts()
        if group in self._named or len(texts) < 2 or not group:
            return ()
        self._named.add(group)
        name = text.formula(texts[group - 1])
        # A long sum is in the legend and under the pointer.
        short = len(text.plain(name)) <= _SHORT
        return (*name, *text.words(": ")) if short else ()

    def made(
        self,
        tails: Iterable[str],
        step: Step,
        shapes: Iterable[Shape | None],
        block: int,
    ) -> list[Carried]:
        """What a step hands on where it is that of a block."""
        return [
            Carried(tail, slot, shape, self._tensors(slot, step, block))
            for tail, slot, shape in zip(tails, step.outputs, shapes, strict=True)
        ]

    def _tensors(self, slot: Slot, step: Step, block: int) -> int:
        here = moved(slot, block - step.at, step.absolute)
        if isinstance(here, History) and is_list(here):
            return members(here, self.formula.ends)
        return 1

    def edge(
        self,
        tail: str,
        head: str,
        label: text.Text,
        tooltip: str,
        group: int,
        *,
        module: bool = False,
        wrong: bool = False,
    ) -> None:
        # Blocks stand in a column, adapters beside it: one edge to each keeps it straight.
        aside = module or "-adapter-" in tail + head
        spine = not aside and not any(e.spine and e.head == head for e in self.edges)
        self.edges.append(
            Edge(
                f"{self.prefix}-edge-{len(self.edges) + 1}",
                tail,
                head,
                label,
                tooltip,
                group=group,
                module=module,
                wrong=wrong,
                spine=spine,
            )
        )
