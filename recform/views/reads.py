"""The view of routes where each block weighs all earlier ones anew: which blocks it reads."""

from __future__ import annotations

from recform.analysis.reads import FIXED, Reads, exact, reads
from recform.diagram import text
from recform.diagram.model import Diagram, Direction, Edge, Kind, Node, View
from recform.graph.model import NetworkGraph
from recform.recurrence.regimes import at_depth
from recform.views import facts
from recform.views.parts import slug
from recform.views.step import caption_of, equations_of


def of_formula(
    network: NetworkGraph, blocks: int, direction: Direction
) -> Diagram | None:
    """What the first ``blocks`` blocks read; None if no network has so many alone."""
    whole = network.recurrence.formula
    length = min(blocks, max(whole.lengths))
    formula = at_depth(whole, length)
    if formula is None:
        return None
    prefix = f"{slug(formula.name)}-paths"
    found, said = exact(formula, length), reads(formula, length)
    edges = [
        _edge(prefix, other, number, _weights(said, other, number, length))
        for number, others in enumerate(found, start=1)
        for other in others
    ]
    reached = {edge.tail for edge in edges} | {edge.head for edge in edges}
    nodes = [_node(prefix, number, length) for number in range(length + 2)]
    rows = [
        f"{_name(number, length)} reads {', '.join(_name(k, length) for k in others)}"
        for number, others in enumerate(found, start=1)
        if others
    ]
    count = facts.count(length, "block")
    return Diagram(
        prefix,
        View.paths,
        direction,
        f"{formula.name}: what each of {count} reads",
        f"{equations_of(formula)}. {'; '.join(rows)}.",
        caption_of(formula),
        tuple(node for node in nodes if node.id in reached),
        tuple(edges),
    )


def _name(number: int, length: int) -> str:
    if number == 0:
        return "the input"
    return "the output" if number > length else f"block {number}"


def _weights(said: tuple[Reads, ...], other: int, number: int, length: int) -> str:
    """By what a block weighs what it reads of another one; empty for fixed numbers."""
    for row in said:
        if number in row.blocks or (number > length and not row.blocks):
            for read in row.reads:
                last = min(number, length)
                if other in read.blocks(last, length) and read.weights != (FIXED,):
                    return f"{' and '.join(read.weights)} weights"
    return ""


def _node(prefix: str, number: int, length: int) -> Node:
    ends = {0: ("source", Kind.input), length + 1: ("sink", Kind.output)}
    end, kind = ends.get(number, ("", Kind.block))
    name = _name(number, length)
    label = (text.words(name.removeprefix("the ")),)
    return Node(f"{prefix}-{number}", kind, label, name, name, column=True, end=end)


def _edge(prefix: str, tail: int, head: int, weights: str) -> Edge:
    """A read; the way from a block to the next one is the straight one."""
    return Edge(
        f"{prefix}-edge-{tail}-{head}",
        f"{prefix}-{tail}",
        f"{prefix}-{head}",
        tooltip=weights,
        spine=head - tail == 1,
    )
