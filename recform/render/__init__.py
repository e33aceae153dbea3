"""Diagrams of networks: a view of a network becomes a picture in one of several formats.

A view (``step``, ``network``, ``paths``, ``unrolled``) makes a
:class:`~recform.diagram.model.Diagram` of the recurrence and the graph; Graphviz places
it, and a writer for each format draws it (:mod:`recform.render.draw`, which is imported
when something is drawn: other commands don't wait for it).
"""

from __future__ import annotations

from recform.arguments import BadArgument
from recform.diagram.model import Diagram, Direction, View
from recform.diagram.request import (
    Format,
    Renderer,
    Request,
    Subject,
    form_of,
    request,
)
from recform.diagram.theme import Style, Theme


def render(subject: Subject, request: Request, form: Format) -> bytes:
    """A picture of a network.

    Raises:
        BadArgument: if something is asked for that the format has not.
        CompileError: if it cannot be drawn (RF612 to RF614, RF661 to RF667).
    """
    request.check(form)
    return write(diagram(subject, request), request, form)


def diagram(subject: Subject, request: Request) -> Diagram:
    """What is drawn, before it has a place.

    Raises:
        CompileError: if the request is out of reason (RF612, RF613, RF661, RF665,
            RF666).
    """
    from recform.render import draw

    return draw.diagram(subject, request)


def write(drawn: Diagram, request: Request, form: Format) -> bytes:
    """A diagram in a format.

    Raises:
        CompileError: if it cannot be laid out, or a package is missing.
    """
    from recform.render import draw

    return draw.write(drawn, request, form)


__all__ = [
    "BadArgument",
    "Diagram",
    "Direction",
    "Format",
    "Renderer",
    "Request",
    "Style",
    "Subject",
    "Theme",
    "View",
    "diagram",
    "form_of",
    "render",
    "request",
    "write",
]
