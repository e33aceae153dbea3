"""Another name for a name, in all its places."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recform.editor.document import Document, Refused
from recform.editor.names import NAME, Name, Sort, names_of
from recform.editor.words import FREE, KEYWORDS, WORDS
from recform.source import Source, Span


@dataclass(frozen=True)
class Edit:
    """A text in the place of a part of another."""

    place: Span
    text: str


def renameable(document: Document, offset: int) -> Name:
    """The name at a place, if it may have another one.

    Raises:
        Refused: if there is none, or it is not of this file.
    """
    name = document.name_at(offset)
    if name is None or name.sort is Sort.NOTHING:
        raise Refused("there is no name here that could be changed")
    if name.sort.ours:
        raise Refused(f"{name.text} is no name of this file")
    for item in document.names:
        if item.is_same(name) and item.span.source is not document.source:
            raise Refused(f"{name.text} stands in {item.span.source.name}, too")
    return name


def rename(document: Document, offset: int, new: str) -> tuple[Edit, ...]:
    """The edits that give a name another one, wherever it stands in its file.

    Raises:
        Refused: if the file would say something else then.
    """
    name = renameable(document, offset)
    new = new.strip()
    if NAME.fullmatch(new) is None:
        raise Refused(f"{new!r} is no name")
    plain = new.removeprefix("\\")
    if plain in KEYWORDS or (plain in WORDS and plain not in FREE):
        raise Refused(f"{plain} means something else in a formula")
    if (operator := document.reading.library.lookup(plain)) is not None:
        whose = "a plugin" if operator.foreign else "recform"
        raise Refused(f"{plain} is an operator of {whose}")
    if name.sort is Sort.INDEX and len(plain) > 1:
        raise Refused("an index is one letter")
    changed = [k for k, item in enumerate(document.names) if item.is_same(name)]
    edits = tuple(Edit(document.names[k].span, new) for k in changed)
    _same_meaning(document, set(changed), edits, plain)
    return edits


def edited(source: Source, edits: tuple[Edit, ...]) -> str:
    """A text with all its edits, none of which overlap."""
    text = source.text
    for edit in sorted(edits, key=lambda item: -item.place.start):
        text = text[: edit.place.start] + edit.text + text[edit.place.end :]
    return text


def _same_meaning(
    document: Document, changed: set[int], edits: tuple[Edit, ...], new: str
) -> None:
    """Looks whether each name still is what it was.

    Raises:
        Refused: if one is not.
    """
    source = Source(document.source.name, edited(document.source, edits))
    before, after = document.names, names_of(replace(document.reading, source=source))
    if len(before) != len(after):
        raise Refused(f"with the name {new} the file could not be read as it is now")
    if _groups(before) != _groups(after):
        raise Refused(f"there is another {new} already")
    for k, (was, now) in enumerate(zip(before, after, strict=True)):
        text = new if k in changed else was.text
        if (now.text, now.sort, now.declares) != (text, was.sort, was.declares):
            raise Refused(f"{new} would be something else than {was.text} is now")


def _groups(names: tuple[Name, ...]) -> list[int]:
    """Of each name, which is the first that is the same one."""
    first: dict[object, int] = {}
    return [
        first.setdefault((n.text, n.scope, n.sort is Sort.NETWORK), k)
        for k, n in enumerate(names)
    ]
