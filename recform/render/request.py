"""What may be asked for: a view, a format, colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from recform.render.model import Direction, View
from recform.render.theme import Theme

if TYPE_CHECKING:
    from recform.graph.model import NetworkGraph
    from recform.graph.partial import Partial

#: A network, or one whose shapes do not meet.
Subject: TypeAlias = "NetworkGraph | Partial"

#: Lays a graph out: makes of DOT what Graphviz writes as ``json0``.
Renderer: TypeAlias = Callable[[str], str | bytes]


class Format(StrEnum):
    """What a picture is written as."""

    svg = "svg"
    png = "png"
    pdf = "pdf"
    dot = "dot"
    tikz = "tikz"
    tex = "tex"
    mermaid = "mermaid"
    json = "json"


@dataclass(frozen=True)
class Request:
    """What is to be drawn, and how.

    Attributes:
        view: what of the network.
        direction: None for what suits the view.
        expand: in the network, a node for each block.
        blocks: in ``unrolled`` and ``paths``, how many; None for a few.
        block: in ``step``, the number of a block to draw with its shapes and adapters;
            None for the block as the formula says it.
        legend: whether all forms and colours are explained below.
        theme: ``auto`` is light and dark in one SVG, and light elsewhere.
        dpi: pixels per inch of a PNG.
        renderer: the program that lays out; ``auto`` for the first that is there; or a
            function that does it.
    """

    view: View = View.step
    direction: Direction | None = None
    expand: bool = False
    blocks: int | None = None
    block: int | None = None
    legend: bool = False
    theme: Theme = Theme.auto
    dpi: int = 200
    renderer: str | Renderer = "auto"


def request(
    view: str = View.step,
    direction: str | None = None,
    theme: str = Theme.auto,
    **others: Any,
) -> Request:
    """A request from plain words, as Python code says them.

    Raises:
        ValueError: if there is no such view, direction or theme.
    """
    way = None if direction is None else Direction(direction)
    return Request(view=View(view), direction=way, theme=Theme(theme), **others)
