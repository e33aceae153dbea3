"""A diagram as Mermaid, which READMEs show as a picture."""

from __future__ import annotations

from recform.diagnostics import counted
from recform.diagram import text
from recform.diagram.model import Bar, Diagram, Edge, Kind, Node
from recform.diagram.theme import FORMS, Theme, colour
from recform.render.formats.dot import colours_of, edge_line

_BRACKETS = {
    "box": ("[", "]"),
    "bars": ("[[", "]]"),
    "round": ("(", ")"),
    "pill": ("([", "])"),
    "circle": ("((", "))"),
    "hexagon": ("{{", "}}"),
    "none": ("[", "]"),
}


def write(diagram: Diagram, look: Theme) -> str:
    """The diagram as a Mermaid flowchart."""
    short = {node.id: f"n{n}" for n, node in enumerate(diagram.nodes, start=1)}
    lines = [f"flowchart {diagram.direction.value.upper()}"]
    lines.append(f"  accTitle: {_one_line(diagram.title)}")
    lines.append(f"  accDescr: {_one_line(diagram.description)}")
    lines += _frames(diagram, "", short)
    for node in diagram.nodes:
        if not node.cluster:
            lines.append(f"  {_node(node, short)}")
    lines += [f"  {_edge(edge, short)}" for edge in diagram.edges]
    if diagram.bars:
        rows = "<br/>".join(_bar(bar) for bar in diagram.bars)
        lines.append(f'  routes["{_quoted(diagram.heading)}:<br/>{rows}"]')
    if diagram.caption:
        rows = "<br/>".join(_quoted(line) for line in diagram.caption)
        lines.append(f'  caption["{rows}"]')
        lines.append("  style caption fill:none,stroke:none")
    for node in diagram.nodes:
        lines.append(f"  style {short[node.id]} {_node_style(node, look)}")
    for number, edge in enumerate(diagram.edges):
        role, _, width = edge_line(edge)
        if role != "ink":
            style = f"stroke:{colour(role, look)},stroke-width:{width:g}px"
            lines.append(f"  linkStyle {number} {style}")
    return "\n".join(lines) + "\n"


def _frames(diagram: Diagram, parent: str, short: dict[str, str]) -> list[str]:
    lines = []
    for number, cluster in enumerate(diagram.clusters, start=1):
        if cluster.parent == parent:
            lines.append(f'  subgraph c{number}["{_quoted(cluster.label)}"]')
            inside = [n for n in diagram.nodes if n.cluster == cluster.id]
            lines += [f"    {_node(node, short)}" for node in inside]
            lines += [f"  {line}" for line in _frames(diagram, cluster.id, short)]
            lines.append("  end")
    return lines


def _node(node: Node, short: dict[str, str]) -> str:
    before, after = _BRACKETS[FORMS[node.kind].outline]
    rows = [_quoted(row) for row in (*node.label, *node.note)]
    if node.kind is Kind.sum:
        # A plus alone would be read as the sign of a list.
        rows = ["#43;"]
    return f'{short[node.id]}{before}"{"<br/>".join(rows)}"{after}'


def _edge(edge: Edge, short: dict[str, str]) -> str:
    dotted = edge.group and not edge.wrong
    arrow = "==>" if edge.wrong else "-.->" if dotted or edge.module else "-->"
    words = " ".join(part for part in (edge.sign, _quoted(edge.label)) if part)
    label = f'|"{words}"|' if words else ""
    return f"{short[edge.tail]} {arrow}{label} {short[edge.head]}"


def _node_style(node: Node, look: Theme) -> str:
    fill, line, dashed = colours_of(node)
    ink = FORMS[node.kind].ink
    parts = [
        f"fill:{colour(fill, look) if fill else 'none'}",
        f"stroke:{colour(line, look) if line else 'none'}",
    ]
    if fill:
        parts.append(f"color:{colour(ink, look)}")
    if dashed:
        parts.append(f"stroke-dasharray:{' '.join(f'{d:g}' for d in dashed)}")
    if node.count > 1 or node.shared:
        parts.append("stroke-width:3px")
    return ",".join(parts)


def _bar(bar: Bar) -> str:
    return f"{bar.length}: {counted(bar.count, 'route')}, {_quoted(bar.routes)}"


def _quoted(words: text.Text) -> str:
    shown = text.unicode(words)
    for char, code in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        shown = shown.replace(char, code)
    return shown


def _one_line(words: str) -> str:
    return " ".join(words.replace(";", ",").replace("<", "(").replace(">", ")").split())
