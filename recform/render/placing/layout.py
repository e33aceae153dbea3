"""Where the nodes, edges and clusters of a diagram stand, as Graphviz places them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from recform.diagnostics import refuse
from recform.diagram.model import Diagram
from recform.diagram.request import Renderer
from recform.render.formats import dot
from recform.render.picture import Move, Point


@dataclass(frozen=True)
class Curve:
    """The way of an edge.

    Attributes:
        points: of a Bezier spline: a start, and three for each piece.
        tip: the point of the arrow.
        label: the middle of the label, if it has one.
    """

    points: tuple[Point, ...]
    tip: Point
    label: Point | None

    def moved(self, change: Move) -> Curve:
        """The curve through other points."""
        label = None if self.label is None else change(self.label)
        return Curve(tuple(map(change, self.points)), change(self.tip), label)


@dataclass(frozen=True)
class Frame:
    """The outline of a cluster, or what a node or a label takes."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, at: Point, width: float, height: float) -> Frame:
        """A frame with its middle at a point."""
        (x, y), w, h = at, width / 2, height / 2
        return cls(x - w, y - h, x + w, y + h)

    def moved(self, change: Move) -> Frame:
        """The frame with its corners elsewhere."""
        return Frame(*change((self.left, self.top)), *change((self.right, self.bottom)))

    def holds(self, other: Frame) -> bool:
        """Whether all of another one lies inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )

    def meets(self, other: Frame) -> bool:
        """Whether both have room in common."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


@dataclass(frozen=True)
class Layout:
    """Places, in points; y runs down.

    Attributes:
        nodes: middles.
        edges: by the position of the edge in the diagram.
    """

    width: float
    height: float
    nodes: dict[str, Point]
    edges: tuple[Curve, ...]
    clusters: dict[str, Frame]

    def moved(self, change: Move) -> Layout:
        """The layout with all places changed."""
        return replace(
            self,
            nodes={name: change(at) for name, at in self.nodes.items()},
            edges=tuple(curve.moved(change) for curve in self.edges),
            clusters={n: frame.moved(change) for n, frame in self.clusters.items()},
        )


def place(diagram: Diagram, renderer: Renderer) -> Layout:
    """The layout that a renderer makes.

    Raises:
        CompileError: if it fails, or writes something else (RF663).
    """
    written = renderer(dot.for_layout(diagram))
    try:
        return _read(diagram, json.loads(written))
    except (ValueError, TypeError, LookupError, AttributeError):
        refuse(
            "RF663",
            "the picture could not be laid out: the program writes no layout as json0",
            "a renderer makes of DOT what `dot -Tjson0` does",
        )


def _read(diagram: Diagram, data: Any) -> Layout:
    left, bottom, right, top = _numbers(data["bb"])

    def flipped(text: str) -> Point:
        x, y = _numbers(text)
        return (round(x - left, 2), round(top - y, 2))

    nodes: dict[str, Point] = {}
    clusters: dict[str, Frame] = {}
    names: dict[int, str] = {}
    for item in data.get("objects", []):
        names[item["_gvid"]] = item["name"]
        if "pos" in item:
            nodes[item["name"]] = flipped(item["pos"])
        elif item["name"].startswith("cluster_") and "bb" in item:
            clusters[item["name"].removeprefix("cluster_")] = _frame(item, flipped)
    by_id = {str(edge.get("id", "")): edge for edge in data.get("edges", [])}
    curves = tuple(_curve(by_id[edge.id], flipped) for edge in diagram.edges)
    return Layout(right - left, top - bottom, nodes, curves, clusters)


def _frame(item: Mapping[str, str], flipped: Callable[[str], Point]) -> Frame:
    x, y, right, top = _numbers(item["bb"])
    return Frame(*flipped(f"{x},{top}"), *flipped(f"{right},{y}"))


def _curve(item: Mapping[str, str], flipped: Callable[[str], Point]) -> Curve:
    words = item["pos"].split()
    tip = None
    points: list[Point] = []
    for word in words:
        if word.startswith("e,"):
            tip = flipped(word[2:])
        elif not word.startswith("s,"):
            points.append(flipped(word))
    label = flipped(item["lp"]) if "lp" in item else None
    return Curve(tuple(points), tip or points[-1], label)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]
