"""Consoles and tables, as all reports have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def console_of(given: Console | None, width: int = 96) -> Console:
    """The console that is given, or that of the terminal.

    What is cut off tells less than what wraps in a narrow window, so that is at least so
    wide.
    """
    if given is not None:
        return given
    console = Console(highlight=False)
    console.width = max(console.width, width)
    return console


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    total: Sequence[str] = (),
    *,
    left: int = 1,
) -> Table:
    """A table of figures.

    Args:
        headings: of its columns.
        rows: as many cells each.
        total: the last row, below a line; none if it is empty.
        left: how many columns are no figures.
    """
    made = Table(box=box.SIMPLE, pad_edge=False)
    for number, heading in enumerate(headings):
        justify = "left" if number < left else "right"
        made.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        made.add_row(*map(Text, row))
    if total:
        made.add_section()
        made.add_row(*map(Text, total))
    return made


def pairs(rows: Iterable[tuple[str, str]]) -> Table:
    """Names, and beside each what is said of it."""
    made = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    made.add_column(style="cyan", no_wrap=True)
    made.add_column()
    for name, said in rows:
        made.add_row(Text(f"  {name}"), Text(said))
    return made


def say_uncounted(names: Sequence[str], console: Console) -> None:
    """Says which operators are in no figure, for nobody says what they cost."""
    for name in names:
        console.print(
            Text(f"Not counted: what {name} costs, for its plugin does not say.")
        )
