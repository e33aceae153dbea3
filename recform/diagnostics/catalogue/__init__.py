"""Every code: what it means, a formula that earns it, and the same one mended.

A file a hundred of codes, which are where the answer comes from. docs/diagnostics.md is made
from this table by ``make goldens``; a test runs every example.
"""

from __future__ import annotations

import textwrap

from recform.diagnostics.catalogue import (
    analysis,
    blocks,
    code,
    faults,
    files,
    names,
    shapes,
    syntax,
    training,
    weights,
)
from recform.diagnostics.catalogue.entry import Entry

CATALOGUE: dict[str, Entry] = {
    code: entry
    for part in (
        files,
        syntax,
        names,
        blocks,
        shapes,
        code,
        analysis,
        weights,
        training,
        faults,
    )
    for code, entry in part.ENTRIES.items()
}


def section(code: str, answer: str) -> str:
    """The part of the page that is about one code, as Markdown.

    Args:
        code: one of the catalogue's.
        answer: what recform says of the wrong file, or of the command.
    """
    entry = CATALOGUE[code]
    cause = textwrap.fill(entry.cause, 99, break_on_hyphens=False)
    parts = [f"## {code}: {entry.title}\n\n{cause}\n"]
    if entry.command:
        shown = f"\n{answer.rstrip()}" if answer else ""
        parts.append(f"```text\n$ {entry.command}{shown}\n```\n")
    if entry.wrong:
        if len(entry.wrong) < 400:
            parts.append(f"```\n{entry.wrong.rstrip()}\n```\n")
        parts.append(f"```text\n{answer.rstrip()}\n```\n")
        parts.append(f"Mended:\n\n```rf\n{entry.mended.rstrip()}\n```\n")
    return "\n".join(parts)
