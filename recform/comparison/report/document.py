"""The parts that a report is made of, whatever its form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes:
        caption: what it shows.
        headings: of the columns.
        rows: as long as the headings.
        left: how many columns in front are words; the others are numbers.
        strong: rows that stand out.
    """

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """A picture; only some forms have one.

    Attributes:
        caption: what it shows.
        alternative: what is in it, for who cannot see it.
        draw: makes the SVG.
    """

    caption: str
    alternative: str
    draw: Callable[[], str]


@dataclass(frozen=True)
class Code:
    """Text that stays as it is.

    Attributes:
        caption: what it is.
        text: its lines.
    """

    caption: str
    text: str


@dataclass(frozen=True)
class Beside:
    """Columns next to each other, each with a heading."""

    columns: tuple[tuple[str, tuple[Block, ...]], ...]


Block = Text | Items | Table | Figure | Code | Beside


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: its heading.
        blocks: what is in it.
        printed: whether the terminal shows it.
    """

    title: str
    blocks: tuple[Block, ...]
    printed: bool = True


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        title: its heading.
        sections: the verdict first.
    """

    title: str
    sections: tuple[Section, ...]
