"""What a report prints, as a text for who has no terminal: a notebook, a page."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import TypeVar

from rich.console import Console

_T = TypeVar("_T")
#: Letters in a line of a report; a terminal has at least as many.
_COLUMNS = 96


def printed(
    render: Callable[[_T, Console], None], found: Iterable[_T], *, colours: bool = False
) -> str:
    """What is printed, an empty line between two.

    Args:
        render: prints one of them.
        found: what is printed.
        colours: whether the terminal has some; the text has signs for them then.
    """
    file = io.StringIO()
    console = Console(
        file=file,
        force_terminal=colours,
        force_jupyter=False,
        color_system="standard" if colours else None,
        highlight=False,
        width=_COLUMNS,
        legacy_windows=False,
    )
    for number, item in enumerate(found):
        if number:
            console.print()
        render(item, console)
    return file.getvalue()
