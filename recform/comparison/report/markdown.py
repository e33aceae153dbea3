"""A report as Markdown: words and tables. Pictures are in the HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recform.comparison.report.document import (
    Beside,
    Block,
    Code,
    Document,
    Figure,
    Items,
    Table,
    Text,
)


def render(document: Document) -> str:
    """The whole file."""
    lines = [f"# {_words(document.title)}", ""]
    for section in document.sections:
        inner = [line for block in section.blocks for line in _block(block)]
        if inner:
            lines += [f"## {section.title}", "", *inner]
    return "\n".join(lines).rstrip("\n") + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text():
            yield from (_words(block.text), "")
        case Items():
            yield from (f"- {_words(item)}" for item in block.items)
            yield ""
        case Table():
            yield from (f"{_words(block.caption)}:", "")
            yield _row(block.headings)
            yield _row(
                tuple(
                    "---" if n < block.left else "---:"
                    for n in range(len(block.headings))
                )
            )
            for number, row in enumerate(block.rows):
                cells = tuple(map(_words, row))
                if number in block.strong:
                    cells = tuple(f"**{cell}**" if cell else "" for cell in cells)
                yield _row(cells)
            yield ""
        case Code():
            # A fence is longer than any in the text.
            most = max(map(len, re.findall(r"`+", block.text)), default=0)
            fence = "`" * max(3, most + 1)
            yield from (f"{block.caption}:", "", f"{fence}text", block.text, fence, "")
        case Beside():
            for title, inner in block.columns:
                lines = [line for each in inner for line in _block(each)]
                if lines:
                    yield from (f"### {_words(title)}", "", *lines)
        case Figure():
            return


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _words(text: str) -> str:
    """Text of which Markdown makes nothing else."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
