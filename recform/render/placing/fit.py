"""A picture as wide as a page has room: in rows, smaller, or from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from recform.diagnostics import refuse
from recform.diagram.model import Diagram, Direction, View
from recform.diagram.request import Renderer, Request
from recform.render.picture import Picture, scaled
from recform.render.placing.compose import MARGIN, compose
from recform.render.placing.rows import wrapped
from recform.render.placing.tiles import arranged

#: How long a picture of several blocks is at most, if nobody says how wide it is.
ROW = 900.0
#: How much smaller a picture may be drawn: type of 8.5 points is 5.3 points then.
SCALES = (1.0, 0.9, 0.8, 0.7, 0.62)
_CENTIMETRE = 72 / 2.54


def fitted(diagram: Diagram, request: Request, found: Renderer) -> Picture:
    """The picture of a diagram, in the width that is asked for.

    Raises:
        CompileError: if it cannot be laid out, or not be read in that width (RF614).
    """
    if request.width is None:
        layout = arranged(diagram, found)
        if diagram.view in (View.unrolled, View.paths):
            diagram, layout = wrapped(diagram, layout, ROW)
        return compose(diagram, layout, legend=request.legend)
    needed = []
    for picture, scale in _tries(diagram, request, found):
        if picture.width * scale <= request.width + 0.1:
            return scaled(picture, scale) if scale < 1 else picture
        needed.append(picture.width * scale)
    refuse(
        "RF614",
        f"in {round(request.width / _CENTIMETRE, 2):g} cm nobody could read it: "
        f"it needs {ceil(min(needed) / _CENTIMETRE * 10) / 10:.1f} cm",
        _hint(diagram, request),
    )


def _hint(diagram: Diagram, request: Request) -> str:
    """What of a request makes a picture wide; nothing of some does."""
    ways = {
        "show fewer blocks": diagram.view in (View.unrolled, View.paths),
        "open less": bool(request.open) or request.depth > 1,
        "leave out --legend": request.legend,
        "leave out --direction": request.direction is not None,
        "take --direction lr": diagram.direction is Direction.down,
    }
    return ", or ".join(way for way, helps in ways.items() if helps)


def _tries(
    diagram: Diagram, request: Request, found: Renderer
) -> Iterator[tuple[Picture, float]]:
    """The picture in all ways that can be read, the best first, and how much smaller."""
    ways = [diagram]
    if request.direction is None and diagram.direction is Direction.right:
        ways.append(replace(diagram, direction=Direction.down))
    assert request.width is not None
    for way in ways:
        layout = arranged(way, found)
        for scale in SCALES:
            most = request.width / scale
            rows, places = wrapped(way, layout, most - 2 * MARGIN)
            yield compose(rows, places, legend=request.legend, most=most), scale
