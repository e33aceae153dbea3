"""A diagram as DOT: for Graphviz to lay out, and for readers who have a Graphviz."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

import graphviz

from recform.diagnostics import counted
from recform.diagram import text, theme
from recform.diagram.model import Diagram, Direction, Edge, Kind, Node
from recform.diagram.sizes import CLUSTER, NOTE, size_of
from recform.diagram.theme import FORMS, Theme

_SHAPES = {
    "box": ("box", ""),
    "bars": ("box", ""),
    "round": ("box", "rounded"),
    "pill": ("box", "rounded"),
    "circle": ("circle", ""),
    "hexagon": ("hexagon", ""),
    "none": ("plaintext", ""),
}


def for_layout(diagram: Diagram) -> str:
    """DOT in which all sizes are fixed and nothing is written."""
    graph = _graph(diagram)
    _fill(
        graph,
        diagram,
        lambda node: {
            "label": "",
            "fixedsize": "true",
            "width": _inches(size_of(node).width),
            "height": _inches(size_of(node).height),
            "shape": "circle" if FORMS[node.kind].outline == "circle" else "box",
            **({"group": "column"} if node.column else {}),
        },
        lambda edge: {
            "id": edge.id,
            **({"label": _blank(edge.label, NOTE)} if edge.label else {}),
        },
        lambda label: {"label": _blank(label, CLUSTER, 30, 2)},
    )
    for tail, head, weight in _order(diagram):
        graph.edge(tail, head, style="invis", weight=weight)
    return str(graph.source)


def _order(diagram: Diagram) -> Iterator[tuple[str, str, str]]:
    """What stands before what, beside that which edges say, and how near."""
    for end in ("source", "sink"):
        # What comes in stands in the order in which the block hands it on.
        row = [node.id for node in diagram.nodes if node.end == end]
        yield from ((one, other, "1") for one, other in pairwise(row))
    made = {edge.head for edge in diagram.edges}
    first = [node.id for node in diagram.nodes if node.end == "source"][:1]
    for node in diagram.nodes:
        # A number of the block stands in its frame, behind what comes in.
        if node.kind in (Kind.constant, Kind.name) and node.id not in made:
            starts = first or _entrance(diagram, node)
            yield from ((start, node.id, "0") for start in starts)


def _entrance(diagram: Diagram, node: Node) -> list[str]:
    """What comes into the block of a node, from outside; not more than one of it."""
    frames = diagram.frames_around(node.cluster)
    if len(frames) < 2:
        return []
    block = frames[-2]
    inside = {n.id for n in diagram.nodes if block in diagram.frames_around(n.cluster)}
    enters = (
        e.tail for e in diagram.edges if e.head in inside and e.tail not in inside
    )
    return [*islice(enters, 1)]


def write(diagram: Diagram, look: Theme) -> str:
    """DOT that any Graphviz can draw, with labels, colours and tooltips."""
    graph = _graph(diagram)
    ink = theme.colour("ink", look)
    graph.attr(bgcolor=theme.colour("paper", look), fontname="Times", fontcolor=ink)
    graph.attr(
        "node", fontname="Times", fontsize="13", fontcolor=ink, margin="0.1,0.05"
    )
    graph.attr("edge", fontname="Helvetica", fontsize="8.5", fontcolor=ink, color=ink)
    lines = [text.html(line) for line in diagram.caption]
    lines += [
        f"{b.length}: {counted(b.count, 'path')} &#160; {text.html(b.routes)}"
        for b in diagram.bars
    ]
    if lines:
        graph.attr(labelloc="b", fontsize="14", label=f"<{'<BR/>'.join(lines)}>")
    graph.attr(tooltip=diagram.title)

    def node_look(node: Node) -> dict[str, str]:
        form = FORMS[node.kind]
        shape, style = _SHAPES[form.outline]
        fill, line, dashed = colours_of(node)
        styles = [style, "dashed" if dashed else "", "filled" if fill else ""]
        rows = [text.html(row) for row in node.label]
        rows += [
            f'<FONT FACE="Helvetica" POINT-SIZE="8.5">{text.html(row)}</FONT>'
            for row in node.note
        ]
        double = node.shared or form.outline == "bars" or node.count > 1
        return {
            "label": f"<{'<BR/>'.join(rows)}>",
            "shape": shape,
            "style": ",".join(s for s in styles if s),
            "fillcolor": theme.colour(fill, look) if fill else "none",
            "color": theme.colour(line, look) if line else "none",
            "fontcolor": theme.colour(form.ink, look),
            "peripheries": "2" if double else "1",
            "tooltip": node.tooltip,
            "id": node.id,
            "class": node.kind.value,
            **({"group": "column"} if node.column else {}),
        }

    def edge_look(edge: Edge) -> dict[str, str]:
        role, dashed, width = edge_line(edge)
        result = {
            "color": theme.colour(role, look),
            "style": "dashed" if dashed else "solid",
            "penwidth": f"{width:g}",
            "id": edge.id,
            "tooltip": edge.tooltip or edge.id,
        }
        if edge.label:
            result["label"] = f"<{text.html(edge.label)}>"
        if edge.sign:
            result.update(
                headlabel=edge.sign,
                labelfontsize="14",
                labeldistance="1.7",
                labelangle="35",
            )
        return result

    def cluster_look(label: text.Text) -> dict[str, str]:
        return {
            "label": f"<{text.html(label)}>",
            "labelloc": "t",
            "style": "rounded,filled",
            "fillcolor": theme.colour("cluster-fill", look),
            "color": theme.colour("cluster-line", look),
            "fontname": "Helvetica",
            "fontsize": "9.5",
        }

    _fill(graph, diagram, node_look, edge_look, cluster_look)
    return str(graph.source)


def colours_of(node: Node) -> tuple[str, str, tuple[float, ...]]:
    """The roles of fill and line of a node, and its dashes."""
    form = FORMS[node.kind]
    fill, line = form.fill, form.line
    dashed: tuple[float, ...] = ()
    if node.kind in (Kind.state, Kind.unknown):
        role = theme.group_role(node.group) if node.group else "combine"
        fill = f"{role}-fill"
        line = role if node.group else "combine-line"
        dashed = theme.dashes(max(node.group, 1)) if node.kind is Kind.state else ()
    elif node.kind is Kind.module:
        dashed = theme.MODULE_DASHES
    if node.wrong:
        fill, line = "wrong-fill" if fill else "", "wrong" if line else ""
    return fill, line, dashed


def edge_line(edge: Edge) -> tuple[str, tuple[float, ...], float]:
    """The role, the dashes and the width of the line of an edge."""
    if edge.wrong:
        return "wrong", (), 2.2
    if edge.module:
        return "muted", theme.MODULE_DASHES, 1.0
    if edge.optional:
        return "optional", (), 1.2
    if edge.group:
        return theme.group_role(edge.group), theme.dashes(edge.group), 1.3
    return "ink", (), 1.0


def _graph(diagram: Diagram) -> graphviz.Digraph:
    graph = graphviz.Digraph(diagram.id)
    graph.attr(
        rankdir=diagram.direction.value.upper(),
        nodesep="0.36" if diagram.direction is Direction.down else "0.26",
        ranksep="0.32" if diagram.direction is Direction.down else "0.38",
        splines="true",
        pad="0.1",
        newrank="true",
    )
    graph.attr("edge", arrowsize="0.6")
    return graph


def _fill(graph, diagram, node_look, edge_look, cluster_look) -> None:  # type: ignore[no-untyped-def]

    def frames(around: graphviz.Digraph, parent: str) -> None:
        for cluster in diagram.clusters:
            if cluster.parent == parent:
                with around.subgraph(name=f"cluster_{cluster.id}") as inside:
                    inside.attr(id=cluster.id, **cluster_look(cluster.label))
                    for node in diagram.nodes:
                        if node.cluster == cluster.id:
                            inside.node(node.id, **node_look(node))
                    frames(inside, cluster.id)

    frames(graph, "")
    inner = {cluster.id for cluster in diagram.clusters}
    for end in ("source", "sink", ""):
        some = [n for n in diagram.nodes if n.end == end and n.cluster not in inner]
        if end and some:
            with graph.subgraph() as rank:
                rank.attr(rank=end)
                for node in some:
                    rank.node(node.id, **node_look(node))
        else:
            for node in some:
                graph.node(node.id, **node_look(node))
    for edge in diagram.edges:
        graph.edge(
            edge.tail,
            edge.head,
            weight="12" if edge.spine else "1",
            **edge_look(edge),
        )


def _blank(label: text.Text, size: float, more: float = 6, factor: float = 1) -> str:
    """A label that takes ``factor`` times the room of a text, and ``more`` beside it."""
    width = round(text.width(label, size, "sans") * factor + more)
    return (
        f'<<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{size + 4:.0f}">'
        "<TR><TD></TD></TR></TABLE>>"
    )


def _inches(points: float) -> str:
    return f"{points / 72:.4f}"
