"""What is drawn: nodes, edges and clusters, before anything has a place on the page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recform.diagram.text import Text


class View(StrEnum):
    """What of a network is shown."""

    step = "step"
    network = "network"
    paths = "paths"
    unrolled = "unrolled"


class Direction(StrEnum):
    """Which way the data flows on the page."""

    down = "tb"
    right = "lr"


class Kind(StrEnum):
    """What a node stands for; the visual grammar has one form for each."""

    operator = "operator"
    adapter = "adapter"
    sum = "sum"
    product = "product"
    activation = "activation"
    scale = "scale"
    combine = "combine"
    function = "function"
    constant = "constant"
    name = "name"
    state = "state"
    module = "module"
    input = "input"
    output = "output"
    piece = "piece"
    block = "block"
    unknown = "unknown"


@dataclass(frozen=True)
class Node:
    """Something that computes, holds or is a tensor.

    Attributes:
        id: stable: the same formula gives the same ids.
        kind: what it stands for.
        label: lines of typeset text.
        tooltip: what a reader is told who points at it.
        meaning: the tensor that it makes, in the language of the files.
        cluster: the id of the cluster that it lies in, or an empty string.
        group: which of the colours of unknowns it has; 0 for none.
        wrong: whether it is one of two ends that do not meet.
        shared: whether its module is called in another place too.
        note: smaller lines under the label.
        count: how many equal things it stands for.
        end: ``"source"`` or ``"sink"`` for what stands on the edge of the picture.
        parameters: learned numbers of all of them.
        column: whether it stands in the line that runs through the picture.
        least: how wide it is at least, in points, so that what is alike looks alike.
    """

    id: str
    kind: Kind
    label: tuple[Text, ...]
    tooltip: str = ""
    meaning: str = ""
    cluster: str = ""
    group: int = 0
    wrong: bool = False
    shared: bool = False
    note: tuple[Text, ...] = ()
    count: int = 1
    end: str = ""
    parameters: int = 0
    column: bool = False
    least: float = 0.0


@dataclass(frozen=True)
class Edge:
    """A tensor (or a module) on its way.

    Attributes:
        id: stable.
        tail, head: ids of nodes.
        label: a few words beside it, such as a shape.
        sign: ``"−"`` where a sum subtracts what arrives.
        group: which of the colours of unknowns it has; 0 for what stays in the block.
        module: whether it is a module that is handed on.
        wrong: whether what it carries does not fit.
        optional: whether it is a way that a path may take or not.
        spine: whether the picture should keep it straight.
    """

    id: str
    tail: str
    head: str
    label: Text = ()
    tooltip: str = ""
    sign: str = ""
    group: int = 0
    module: bool = False
    wrong: bool = False
    optional: bool = False
    spine: bool = False


@dataclass(frozen=True)
class Cluster:
    """Nodes that belong together: a block, a stage, an operator that is opened.

    Attributes:
        parent: the id of the cluster that it lies in, or an empty string; that one stands
            before it.
    """

    id: str
    label: Text
    tooltip: str = ""
    wrong: bool = False
    parent: str = ""


@dataclass(frozen=True)
class Tile:
    """One of several equal blocks, by the ids of its parts.

    In all of them parts that are like each other have the same place in these lists; what
    one hands on is what the next one gets.
    """

    inputs: tuple[str, ...]
    nodes: tuple[str, ...]
    outputs: tuple[str, ...]
    edges: tuple[str, ...]
    clusters: tuple[str, ...]


@dataclass(frozen=True)
class Bar:
    """One row of the histogram of paths.

    Attributes:
        length: the number of operators that the paths pass.
        count: how many paths there are.
        routes: some of them, written as products.
    """

    length: int
    count: int
    routes: Text


@dataclass(frozen=True)
class Diagram:
    """A picture, before it is laid out.

    Attributes:
        id: in front of all ids, so that several pictures can stand on one page.
        title, description: for readers who cannot see it.
        caption: the formula, typeset.
        groups: what the colours of unknowns stand for, from 1 on.
        bars, heading: the histogram of routes, and what stands above it.
        tiles: equal blocks that are all there is; none in other pictures.
        remarks: sentences about what is not drawn, for who asked for it; the caption has
            them too.
    """

    id: str
    view: View
    direction: Direction
    title: str
    description: str
    caption: tuple[Text, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...] = ()
    groups: tuple[Text, ...] = ()
    bars: tuple[Bar, ...] = ()
    heading: Text = ()
    tiles: tuple[Tile, ...] = ()
    remarks: tuple[str, ...] = ()

    def frames_around(self, cluster: str) -> list[str]:
        """A cluster and those around it, the innermost first; none for an empty name."""
        parents = {c.id: c.parent for c in self.clusters}
        found = []
        while cluster:
            found.append(cluster)
            cluster = parents[cluster]
        return found
