"""Diagrams of networks: a view of a network becomes a picture in one of several formats.

A view (``step``, ``network``, ``paths``, ``unrolled``) makes a
:class:`~recform.render.model.Diagram` of the recurrence and the graph; Graphviz places
it, and a writer for each format draws it.
"""

from recform.render.draw import (
    Format,
    Request,
    Subject,
    diagram,
    render,
    request,
    write,
)
from recform.render.model import Diagram, Direction, View
from recform.render.theme import Theme

__all__ = [
    "Diagram",
    "Direction",
    "Format",
    "Request",
    "Subject",
    "Theme",
    "View",
    "diagram",
    "render",
    "request",
    "write",
]
