"""A picture with everything in its place: what the writers of all formats read.

Lengths are in points; x runs to the right and y down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from recform.diagram.text import Text

Point: TypeAlias = tuple[float, float]
#: Where a point goes.
Move: TypeAlias = Callable[[Point], Point]
#: ``M`` moves to a point, ``L`` draws a line, ``C`` a Bezier curve, ``Z`` closes.
Segment: TypeAlias = tuple[str, tuple[Point, ...]]


@dataclass(frozen=True)
class Shape:
    """A line or an area.

    Attributes:
        path: segments.
        fill, line: roles of the theme; empty for none.
        width: of the line.
        dashes: lengths of strokes and gaps; empty for a solid line.
    """

    path: tuple[Segment, ...]
    fill: str = ""
    line: str = ""
    width: float = 1.0
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True)
class Words:
    """A line of text.

    Attributes:
        text: runs.
        at: on the base line; the left end, the middle or the right end.
        size: in points.
        ink: a role of the theme.
        anchor: ``start``, ``middle`` or ``end``.
        family: ``serif`` or ``sans``.
    """

    text: Text
    at: Point
    size: float
    ink: str = "ink"
    anchor: str = "middle"
    family: str = "serif"


@dataclass(frozen=True)
class Item:
    """Something with an id that a reader can point at: a node, an edge, a cluster.

    Attributes:
        kind: ``node``, ``edge``, ``cluster``, ``legend``, ``caption`` or ``bar``.
        detail: the kind of a node.
    """

    id: str
    kind: str
    detail: str
    tooltip: str
    parts: tuple[Shape | Words, ...]


@dataclass(frozen=True)
class Picture:
    """All items, from the back to the front."""

    id: str
    title: str
    description: str
    width: float
    height: float
    items: tuple[Item, ...]


def moved(part: Shape | Words, change: Move) -> Shape | Words:
    """A part of an item with its points elsewhere."""
    if isinstance(part, Words):
        return replace(part, at=change(part.at))
    path = tuple((kind, tuple(map(change, points))) for kind, points in part.path)
    return replace(part, path=path)


def _mapped(
    picture: Picture, change: Callable[[Shape | Words], Shape | Words]
) -> Picture:
    items = (replace(i, parts=tuple(map(change, i.parts))) for i in picture.items)
    return replace(picture, items=tuple(items))


def scaled(picture: Picture, factor: float) -> Picture:
    """The picture with all lengths multiplied, those of type too."""

    def part(one: Shape | Words) -> Shape | Words:
        one = moved(one, lambda at: (at[0] * factor, at[1] * factor))
        if isinstance(one, Words):
            return replace(one, size=one.size * factor)
        dashes = tuple(length * factor for length in one.dashes)
        return replace(one, width=one.width * factor, dashes=dashes)

    width, height = picture.width * factor, picture.height * factor
    larger = replace(picture, width=round(width, 1), height=round(height, 1))
    return _mapped(larger, part)


def in_serifs(picture: Picture) -> Picture:
    """The picture with all its words in the font of formulas, which takes less room."""
    return _mapped(
        picture,
        lambda one: replace(one, family="serif") if isinstance(one, Words) else one,
    )


def box(x: float, y: float, w: float, h: float) -> tuple[Segment, ...]:
    """A rectangle around a point."""
    left, top, right, bottom = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    return polygon((left, top), (right, top), (right, bottom), (left, bottom))


def rounded(
    x: float, y: float, w: float, h: float, radius: float
) -> tuple[Segment, ...]:
    """A rectangle with round corners around a point."""
    a = min(radius, w / 2, h / 2)
    # Where the control points of a Bezier curve make a quarter of a circle.
    k = a * 0.4477
    left, top, right, bottom = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    return (
        ("M", ((left + a, top),)),
        ("L", ((right - a, top),)),
        ("C", ((right - k, top), (right, top + k), (right, top + a))),
        ("L", ((right, bottom - a),)),
        ("C", ((right, bottom - k), (right - k, bottom), (right - a, bottom))),
        ("L", ((left + a, bottom),)),
        ("C", ((left + k, bottom), (left, bottom - k), (left, bottom - a))),
        ("L", ((left, top + a),)),
        ("C", ((left, top + k), (left + k, top), (left + a, top))),
        ("Z", ()),
    )


def hexagon(x: float, y: float, w: float, h: float) -> tuple[Segment, ...]:
    """A box with a point at its left and right end."""
    a = min(6.0, w / 4)
    left, top, right, bottom = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    return polygon(
        (left, y),
        (left + a, top),
        (right - a, top),
        (right, y),
        (right - a, bottom),
        (left + a, bottom),
    )


def line(*points: Point) -> tuple[Segment, ...]:
    """Straight lines from point to point."""
    return (("M", (points[0],)), *(("L", (point,)) for point in points[1:]))


def polygon(*corners: Point) -> tuple[Segment, ...]:
    """Straight lines from corner to corner, and back."""
    return (*line(*corners), ("Z", ()))
