"""What may be asked for: a view, a format, colours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from recform.diagram.model import Direction, View
from recform.diagram.theme import Style, Theme

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
        open: in ``step`` and ``unrolled``, operators and definitions by equations that
            are drawn with what they are made of.
        depth: how deep all of them are opened; 1 for none.
        legend: whether all forms and colours are explained below.
        theme: ``auto`` is light and dark in one SVG, and light elsewhere.
        width: how wide the picture is at most, in points; None for as wide as it is.
        style: the fonts of a venue.
        dpi: pixels per inch of a PNG.
        renderer: the program that lays out; ``auto`` for the first that is there; or a
            function that does it.
    """

    view: View = View.step
    direction: Direction | None = None
    expand: bool = False
    blocks: int | None = None
    block: int | None = None
    open: tuple[str, ...] = ()
    depth: int = 1
    legend: bool = False
    theme: Theme = Theme.auto
    width: float | None = None
    style: Style = Style.default
    dpi: int = 200
    renderer: str | Renderer = "auto"


_UNITS = {"pt": 1.0, "in": 72.0, "cm": 72 / 2.54, "mm": 7.2 / 2.54}


def length(said: str) -> float:
    """A length in points: ``8.5cm``, ``3.25in``, ``82mm``, ``240pt``.

    Raises:
        ValueError: if it is none.
    """
    number, unit = said[:-2], said[-2:]
    if unit not in _UNITS or not re.fullmatch(r"\d{1,5}(\.\d*)?\s*", number):
        raise ValueError(f"{said!r} is no length, as 8.5cm, 3.25in, 82mm or 240pt are")
    return float(number) * _UNITS[unit]


def request(
    view: str = View.step,
    direction: str | None = None,
    theme: str = Theme.auto,
    open: str | Iterable[str] = (),
    width: str | float | None = None,
    style: str = Style.default,
    **others: Any,
) -> Request:
    """A request from plain words, as Python code says them.

    Raises:
        ValueError: if there is no such view, direction, theme or style, or if a width is
            no length.
    """
    way = None if direction is None else Direction(direction)
    names = (open,) if isinstance(open, str) else tuple(open)
    return Request(
        view=View(view),
        direction=way,
        theme=Theme(theme),
        open=names,
        width=length(width) if isinstance(width, str) else width,
        style=Style(style),
        **others,
    )
