"""A table of comma-separated values as cells that know their place in the text.

Python's ``csv`` tells no places, and a diagnostic underlines the cell that is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from recform.source import Source, Span

#: Characters that may separate cells; the one that the first line has most of does.
SEPARATORS = ",;\t"

_QUOTED = r'"((?:[^"]|"")*)"([^\n{0}]*)'
_PLAIN = r"[^\n{0}]*"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what stands in it, without quotes, on one line; characters that show
            nothing are replaced, so that names can be printed anywhere.
        span: where.
    """

    text: str
    span: Span


def rows(source: Source) -> tuple[str, list[list[Cell]]]:
    """The separator, and the rows that are not empty.

    Lines that start with ``#`` are comments.
    """
    text = source.text
    separator = _separator(text)
    pattern = re.compile(f"{_QUOTED}|{_PLAIN}".replace("{0}", re.escape(separator)))
    found: list[list[Cell]] = []
    place = 0
    while place <= len(text):
        if text.startswith("#", place):
            end = text.find("\n", place)
            place = len(text) + 1 if end < 0 else end + 1
            continue
        row: list[Cell] = []
        while True:
            match = pattern.match(text, place)
            assert match is not None  # the second form matches anything
            row.append(_cell(source, match))
            place = match.end() + 1
            if not text.startswith(separator, place - 1):
                break
        if any(cell.text for cell in row):
            found.append(row)
    return separator, found


def _separator(text: str) -> str:
    lines = (line for line in text.split("\n") if line.strip() and line[0] != "#")
    first = re.sub(r'"[^"]*"', "", next(lines, ""))
    return max(SEPARATORS, key=first.count)


def _cell(source: Source, match: re.Match[str]) -> Cell:
    start, end = match.span()
    if match.group(1) is not None:
        text = match.group(1).replace('""', '"') + match.group(2)
        return Cell(_one_line(text), Span(source, start, end))
    raw = match.group()
    if bare := raw.strip():
        start += len(raw) - len(raw.lstrip())
        end = start + len(bare)
    return Cell(_one_line(raw), Span(source, start, end))


def _one_line(text: str) -> str:
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for char in " ".join(text.split())
    )
