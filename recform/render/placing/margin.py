"""What stands below the drawing: bars of path lengths, the caption, the legend."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from recform.diagnostics import counted
from recform.diagram import text, theme
from recform.diagram.model import Bar, Diagram, Edge, Kind
from recform.diagram.sizes import CAPTION, NOTE
from recform.diagram.theme import FORMS
from recform.render.formats.dot import edge_line
from recform.render.picture import (
    Item,
    Shape,
    Words,
    box,
    hexagon,
    line,
    moved,
    rounded,
)

_GAP = 12.0
_ROW = 15.0
_BAR_WIDTH = 90.0
_LEGEND_LEAST = 330.0
#: How much room routes have that are written out.
_ROUTES = 330.0
#: How many letters a line of the caption has at least.
_SHORTEST = 8


@dataclass
class Foot:
    """Items around x = 0 and below y = 0, to be moved to their place.

    Attributes:
        width, height: of all of it.
    """

    width: float = 0.0
    height: float = 0.0
    items: list[Item] = field(default_factory=list)

    def add(self, item: Item, width: float, height: float) -> None:
        """Adds a row that has been drawn at the current height."""
        self.items.append(item)
        self.width = max(self.width, width)
        self.height += height

    def placed(self, x: float, y: float) -> list[Item]:
        """The items in their places."""
        return [
            replace(item, parts=tuple(_moved(p, x, y) for p in item.parts))
            for item in self.items
        ]


def below(
    diagram: Diagram, *, legend: bool, least: float, most: float | None = None
) -> Foot:
    """Everything below the drawing.

    A legend is as wide as ``least``; nothing is wider than ``most``, as far as words can
    be parted.
    """
    foot = Foot()
    if diagram.bars:
        foot.height += _GAP
        _bars(diagram, foot, most)
    if diagram.caption:
        foot.height += _GAP
        rows = [
            part
            for row in diagram.caption
            for part in _fitted(row, most, CAPTION, "serif")
        ]
        for number, row in enumerate(rows, start=1):
            words = Words(row, (0, foot.height + CAPTION * 0.9), CAPTION)
            item = Item(f"{diagram.id}-caption-{number}", "caption", "", "", (words,))
            width = text.width(row, CAPTION, "serif")
            foot.add(item, width, CAPTION * 1.45)
    if legend:
        foot.height += _GAP
        wide = max(least, foot.width, _LEGEND_LEAST)
        _legend(diagram, foot, min(wide, most or wide))
    return foot


def _fitted(
    row: text.Text, most: float | None, size: float, family: str
) -> tuple[text.Text, ...]:
    """A line of words in as many as it takes, if it can be parted there."""

    def wide(words: text.Text) -> float:
        return text.width(words, size, family)

    if most is None or wide(row) <= most:
        return (row,)
    letters = int(sum(len(run.text) for run in row) * most / wide(row))
    rows = text.wrapped(row, max(_SHORTEST, letters))
    # Letters are not equally wide: fewer, until the widest line has room.
    while letters > _SHORTEST and max(map(wide, rows)) > most:
        letters -= 1
        rows = text.wrapped(row, letters)
    return rows


def _moved(part: Shape | Words, x: float, y: float) -> Shape | Words:
    return moved(part, lambda at: (at[0] + x, at[1] + y))


# ---------------------------------------------------------------------------------- bars


def _bars(diagram: Diagram, foot: Foot, most: float | None) -> None:
    """A row a length: how many operators, how many paths, and which."""
    bars = diagram.bars
    counts = [text.words(f"{bar.count:,}") for bar in bars]
    number_width = max(text.width(row, NOTE, "sans") for row in counts)
    before = 20 + _BAR_WIDTH + 8 + number_width + 10
    room = max(80.0, (most or _ROUTES + before) - before)
    routes = [text.shortened(bar.routes, 11, "serif", room) for bar in bars]
    route_width = max(text.width(row, 11, "serif") for row in routes)
    total = before + route_width
    left = -total / 2
    largest = max(bar.count for bar in bars)
    headings = _fitted(diagram.heading, most, NOTE + 0.5, "sans")
    for number, row in enumerate(headings, start=1):
        at = (left, foot.height + 9)
        heading = Words(row, at, NOTE + 0.5, "muted", "start", "sans")
        name = f"{diagram.id}-heading" + (f"-{number}" if number > 1 else "")
        heading_width = text.width(row, NOTE + 0.5, "sans")
        wide = 2 * max(total / 2, heading_width + left)
        foot.add(Item(name, "caption", "", "", (heading,)), wide, 12)
    foot.height += 5
    for bar, count, shown in zip(bars, counts, routes, strict=True):
        y = foot.height + _ROW / 2
        # A single path among millions is still seen.
        size = max(2.0, _BAR_WIDTH * bar.count / largest) if bar.count else 0.0
        x = left + 20
        beside = x + _BAR_WIDTH + 8
        parts: list[Shape | Words] = [
            Words(text.words(str(bar.length)), (x - 6, y + 4), 11, "ink", "end"),
            Words(count, (beside + number_width, y + 3), NOTE, "muted", "end", "sans"),
        ]
        if size:
            shape = box(x + size / 2, y, size, 9)
            parts.insert(0, Shape(shape, "group1", ""))
        if shown:
            at = (beside + number_width + 10, y + 4)
            parts.append(Words(shown, at, 11, "ink", "start"))
        name = f"{diagram.id}-length-{bar.length}"
        foot.add(Item(name, "bar", "", _tooltip(bar), tuple(parts)), total, _ROW)


def _tooltip(bar: Bar) -> str:
    paths, passed = counted(bar.count, "path"), counted(bar.length, "operator")
    return f"{paths} through {passed}: {text.plain(bar.routes)}"


# -------------------------------------------------------------------------------- legend


def _legend(diagram: Diagram, foot: Foot, width: float) -> None:
    """Every form and every colour of the picture, once, with its name."""
    entries = _entries(diagram)
    size = NOTE
    x, y = -width / 2, foot.height + _ROW / 2
    for number, (label, parts) in enumerate(entries, start=1):
        room = 26 + text.width(label, size, "sans") + 14
        if x > -width / 2 and x + room > width / 2:
            x, y = -width / 2, y + _ROW
        sample = (_moved(part, x, y) for part in parts)
        words = Words(label, (x + 26, y + 3), size, "ink", "start", "sans")
        name = f"{diagram.id}-legend-{number}"
        foot.items.append(Item(name, "legend", "", "", (*sample, words)))
        x += room
    foot.width = max(foot.width, width)
    foot.height = y + _ROW / 2


def _entries(
    diagram: Diagram,
) -> list[tuple[text.Text, tuple[Shape | Words, ...]]]:
    kinds = dict.fromkeys(node.kind for node in diagram.nodes)
    entries: list[tuple[text.Text, tuple[Shape | Words, ...]]] = []
    looks: dict[object, list[Kind]] = {}
    for kind in Kind:
        form = FORMS[kind]
        coloured = kind in (Kind.state, Kind.unknown)
        if kind in kinds and form.outline != "none" and not coloured:
            # What is drawn alike stands there once; the circles have signs of their own.
            circle = kind if form.outline == "circle" else None
            look = (form.outline, form.fill, form.line, circle)
            looks.setdefault(look, []).append(kind)
    for alike in looks.values():
        names = ", ".join(FORMS[kind].name for kind in alike)
        entries.append((text.words(names), _swatch(alike[0])))
    shown = {edge.group for edge in diagram.edges} | {n.group for n in diagram.nodes}
    for number, name in enumerate(diagram.groups, start=1):
        role, dashed, width = edge_line(Edge("", "", "", group=number))
        if number in shown and Kind.unknown in kinds:
            sample = Shape(rounded(10, 0, 20, 10, 3), f"{role}-fill", role, 0.9)
            entries.append((name, (sample,)))
        elif number in shown:
            sample = Shape(line((0, 0), (20, 0)), "", role, width, dashed)
            entries.append(((*text.words("state "), *name), (sample,)))
    if any(edge.sign for edge in diagram.edges):
        minus = Shape(line((6, 0), (14, 0)), "", "ink", 1.5)
        entries.append((text.words("is subtracted"), (minus,)))
    if any(edge.optional for edge in diagram.edges):
        sample = Shape(line((0, 0), (20, 0)), "", "optional", 1.2)
        entries.append((text.words("optional: passes by an operator"), (sample,)))
    wrong = [node.wrong for node in diagram.nodes]
    if any([*wrong, *(edge.wrong for edge in diagram.edges)]):
        sample = Shape(line((0, 0), (20, 0)), "", "wrong", 2.2)
        entries.append((text.words("shapes do not meet"), (sample,)))
    return entries


def _swatch(kind: Kind) -> tuple[Shape | Words, ...]:
    form = FORMS[kind]
    dashed = theme.MODULE_DASHES if kind is Kind.module else ()
    if form.outline == "circle":
        a, b = (3.0, 0.0) if kind is Kind.sum else (2.2, 2.2)
        return (
            Shape(rounded(10, 0, 11, 11, 5.5), form.fill, form.line, 0.9),
            Shape(line((10 - a, -b), (10 + a, b)), "", "ink", 1.0),
            Shape(line((10 - b, a), (10 + b, -a)), "", "ink", 1.0),
        )
    if form.outline in ("pill", "round"):
        path = rounded(10, 0, 20, 10, 5 if form.outline == "pill" else 3)
    else:
        path = box(10, 0, 20, 10)
    if form.outline == "hexagon":
        path = hexagon(10, 0, 20, 10)
    parts = [Shape(path, form.fill, form.line, 0.9, dashed)]
    if form.outline == "bars":
        parts += [Shape(line((x, -5), (x, 5)), "", form.line, 0.7) for x in (3.5, 16.5)]
    return tuple(parts)
