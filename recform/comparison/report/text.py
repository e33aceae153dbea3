"""A report on the terminal: the tables, and the verdict at the end, where one looks."""

from __future__ import annotations

from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text as Line

from recform.comparison.report.document import Block, Document, Items, Table, Text


def render(document: Document, console: Console | None = None) -> None:
    """Prints a report."""
    if console is None:
        console = Console(highlight=False)
        # A table that is cut off tells less than one that wraps in a narrow window.
        console.width = max(console.width, 120)
    console.print(Line(document.title, style="bold"))
    first, *others = document.sections
    for section in (*others, first):
        shown = [b for b in section.blocks if isinstance(b, Table | Items | Text)]
        if not section.printed or not shown:
            continue
        console.print(Line(f"\n{section.title}", style="bold"))
        for block in shown:
            _block(block, console)


def _block(block: Block, console: Console) -> None:
    if isinstance(block, Text):
        console.print(Line(block.text))
    elif isinstance(block, Items):
        for item in block.items:
            console.print(Line(f"- {item}"))
    elif isinstance(block, Table):
        grid = Grid(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
        for position, heading in enumerate(block.headings):
            side: Literal["left", "right"] = (
                "left" if position < block.left else "right"
            )
            grid.add_column(Line(heading), justify=side, no_wrap=True)
        for number, row in enumerate(block.rows):
            style = "bold" if number in block.strong else ""
            grid.add_row(*(Line(cell) for cell in row), style=style)
        console.print(Line(f"\n{block.caption}"))
        console.print(grid)
