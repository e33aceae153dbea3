"""What may be asked for: a view, a format, colours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from recform.arguments import FLAG, BadArgument, real, shown, whole, word
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


#: Formats that are laid out, and so have a width and fonts.
LAID_OUT = (Format.svg, Format.png, Format.pdf, Format.tikz, Format.tex)
#: Which views take an argument; the others are for all.
_VIEWS = {
    "expand": (View.network,),
    "blocks": (View.unrolled, View.paths),
    "block": (View.step,),
    "open": (View.step, View.unrolled, View.network),
    "depth": (View.step, View.unrolled, View.network),
}
#: What arguments take. How many blocks there are, the network says.
_TAKES = {
    "expand": FLAG,
    "blocks": whole(),
    "block": whole(),
    "depth": whole(1),
    "legend": FLAG,
    "dpi": whole(20, 2400),
}
_WIDTH = replace(real(0), what="no width in points", such="240")


@dataclass(frozen=True)
class Request:
    """What is to be drawn, and how.

    Raises:
        BadArgument: if an argument is no such thing, out of reason, or of another view.

    Attributes:
        view: what of the network.
        direction: None for what suits the view.
        expand: in the network, a node for each block.
        blocks: in ``unrolled`` and ``paths``, how many; None for a few.
        block: in ``step``, the number of a block to draw with its shapes and adapters;
            None for the block as the formula says it.
        open: in all views but ``paths``, operators and definitions that are drawn with
            what they are made of.
        depth: how deep all of them are opened; 1 for none.
        legend: whether all forms and colours are explained below.
        theme: ``auto`` is light and dark in one SVG, and light elsewhere.
        width: how wide the picture is at most, in points; None for as wide as it is.
        style: the fonts of a venue.
        dpi: pixels per inch of a PNG; None for 200.
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
    dpi: int | None = None
    renderer: str | Renderer = "auto"

    def __post_init__(self) -> None:
        for name, takes in _TAKES.items():
            if name == "depth" or getattr(self, name) is not None:
                takes.check(name, getattr(self, name))
        for name in self.open:
            if not isinstance(name, str):
                raise BadArgument("open", f"{shown(name)} is no name of an operator")
        if not isinstance(self.renderer, str) and not callable(self.renderer):
            raise BadArgument(
                "renderer", f"{shown(self.renderer)} is no name of a program"
            )
        usual = {item.name: item.default for item in fields(self)}
        for name, views in _VIEWS.items():
            if getattr(self, name) != usual[name] and self.view not in views:
                *others, last = (view.value for view in views)
                named = (
                    f"views {', '.join(others)} and {last}"
                    if others
                    else f"view {last}"
                )
                raise BadArgument(name, f"it belongs to the {named}")

    def check(self, form: Format) -> None:
        """Refuses what a format has not.

        Raises:
            BadArgument: if something of it is asked for.
        """
        if self.dpi is not None and form is not Format.png:
            raise BadArgument("dpi", f"it belongs to a png, and this is a {form.value}")
        if form in LAID_OUT:
            return
        if self.style is not Style.default:
            raise BadArgument("style", f"a {form.value} takes no fonts of a venue")
        if self.width is not None:
            raise BadArgument("width", f"a {form.value} has no width of its own")


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
    """A request from plain words, as Python code and the command line say them.

    Raises:
        BadArgument: if there is no such argument, or if it does not take what is given.
    """
    known = [item.name for item in fields(Request)]
    for name in others:
        if name not in known:
            raise BadArgument(
                name, f"there is none; a picture takes {', '.join(known)}"
            )
    return Request(
        view=_one_of(View, "view", view),
        direction=None
        if direction is None
        else _one_of(Direction, "direction", direction),
        theme=_one_of(Theme, "theme", theme),
        open=(open,) if isinstance(open, str) else _several(open),
        width=_points(width),
        style=_one_of(Style, "style", style),
        **others,
    )


_Word = TypeVar("_Word", bound=StrEnum)


def _one_of(words: type[_Word], name: str, said: str) -> _Word:
    word(words).check(name, said)
    return words(said)


def form_of(said: str) -> Format:
    """The format of this name.

    Raises:
        BadArgument: if there is none.
    """
    return _one_of(Format, "form", said)


def _several(said: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(said)
    except TypeError:
        raise BadArgument("open", f"{shown(said)} is no name of an operator") from None


def _points(width: str | float | None) -> float | None:
    if isinstance(width, str):
        try:
            return length(width)
        except ValueError as error:
            raise BadArgument("width", str(error)) from None
    points: float | None = width if width is None else _WIDTH.check("width", width)
    return points
