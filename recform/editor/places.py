"""Where a name is declared, and where it is read."""

from __future__ import annotations

import re
from pathlib import Path

from recform.editor.document import Document
from recform.source import Span

_USE = re.compile(r'use\s+"([^"\n]*)"')


def declarations(document: Document, offset: int) -> tuple[Span, ...]:
    """Where the name at a place is declared, or made; of a `use`, the file.

    A name that nothing declares, such as an operator that is the default block, is where it
    stands first.
    """
    used = _used(document, offset)
    if used is not None:
        return (used,)
    same = references(document, offset)
    declared = references(document, offset, only_declared=True)
    return declared or same[:1]


def references(
    document: Document, offset: int, *, only_declared: bool = False
) -> tuple[Span, ...]:
    """Where the name at a place stands, there included; nothing for names of recform."""
    name = document.name_at(offset)
    if name is None or name.sort.ours:
        return ()
    return tuple(
        item.span
        for item in document.names
        if item.is_same(name) and (item.declares or not only_declared)
    )


def using(document: Document, file: str) -> Span:
    """The statement by which another file is used; the first one, if it is used by others."""
    uses = [span for span in document.reading.spans if _USE.match(span.text)]
    for span in uses:
        if _target(document, span) == file:
            return span
    return uses[0] if uses else Span(document.source, 0, 0)


def _used(document: Document, offset: int) -> Span | None:
    statement = document.reading.statement_at(offset)
    if statement is None:
        return None
    target = _target(document, statement)
    for source in document.reading.file.used:
        if source.name == target:
            return Span(source, 0, 0)
    return None


def _target(document: Document, statement: Span) -> str | None:
    """The name of the file that a statement uses, as diagnostics call it."""
    found, folder = _USE.match(statement.text), document.reading.folder
    if found is None or not isinstance(folder, Path):
        return None
    return (folder / found[1]).as_posix()
