"""A picture as wide as a page has room: in rows, smaller, or from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recform.diagnostics import CompileError, Diagnostics
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
    report = Diagnostics()
    report.error(
        "RF614",
        f"in {request.width / _CENTIMETRE:.1f} cm nobody could read it: "
        f"it needs {min(needed) / _CENTIMETRE:.1f} cm",
        hint="show fewer blocks, open less, or turn it: --direction tb or lr",
    )
    raise CompileError(report)


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
