"""How large what is drawn is: sizes of type, and of nodes with their labels."""

from __future__ import annotations

from dataclasses import dataclass

from recform.diagram import text
from recform.diagram.model import Node
from recform.diagram.theme import FORMS

#: Sizes of type, in points.
LABEL, NOTE, CLUSTER, SIGN, CAPTION = 13.0, 8.5, 9.5, 12.0, 14.0
_LEADING = 1.18


@dataclass(frozen=True)
class Size:
    """How large a node is, in points."""

    width: float
    height: float


def size_of(node: Node) -> Size:
    """The size of a node with its label and its notes."""
    form = FORMS[node.kind]
    if form.outline == "circle":
        return Size(19, 19)
    widths = [text.width(line, LABEL, "serif") for line in node.label]
    widths += [text.width(line, NOTE, "sans") for line in node.note]
    margin = {"pill": 20, "hexagon": 20, "bars": 24, "none": 6}.get(form.outline, 16)
    height = LABEL * _LEADING * len(node.label) + NOTE * _LEADING * len(node.note)
    height += 4 if form.outline == "none" else 9
    least = max(node.least, 14 if form.outline == "none" else 34)
    return Size(round(max(least, max(widths) + margin), 1), round(height, 1))
