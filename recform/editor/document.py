"""An open file: its text, and what was found of it and of earlier texts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from recform.blocks import Library
from recform.compiler import Compiled
from recform.editor.checked import Checked
from recform.editor.hints import Note, lenses, moved, shape_hints
from recform.editor.names import Name, at, names_of
from recform.editor.reading import Reading
from recform.source import Source
from recform.syntax.uses import Folder


class Refused(Exception):
    """What was asked for cannot be had; the text says why."""


@dataclass(frozen=True)
class Good:
    """The last text that compiled, and its networks."""

    reading: Reading
    networks: tuple[Compiled, ...]

    @cached_property
    def hints(self) -> tuple[Note, ...]:
        """Shapes behind the parts of flows."""
        return shape_hints(self.reading, self.networks)

    @cached_property
    def lenses(self) -> tuple[Note, ...]:
        """Lines over equations."""
        return lenses(self.reading, self.networks)


@dataclass(frozen=True)
class Document:
    """An open file.

    Attributes:
        reading: what is read of its text.
        version: of the text, as the client counts.
        checked: what the compiler said of it; None as long as it has not.
        good: the last text that compiled, perhaps this one; None if none did.
    """

    reading: Reading
    version: int = 0
    checked: Checked | None = None
    good: Good | None = field(default=None, repr=False)

    @property
    def source(self) -> Source:
        """The text."""
        return self.reading.source

    @cached_property
    def names(self) -> tuple[Name, ...]:
        """All names, in their order."""
        return names_of(self.reading)

    def name_at(self, offset: int) -> Name | None:
        """The name at a place."""
        return at(self.names, self.source, offset)

    def network_of(self, offset: int) -> Compiled | None:
        """The network that a place belongs to, as it was when it last compiled."""
        name = self.reading.network_at(offset)
        networks = self.good.networks if self.good is not None else ()
        found = (item for item in networks if name in (None, item.name))
        return next(found, None)

    @property
    def hints(self) -> tuple[Note, ...]:
        """Shapes behind the parts of flows that are as they were."""
        good = self.good
        return () if good is None else moved(good.hints, good.reading, self.reading)

    @property
    def lenses(self) -> tuple[Note, ...]:
        """Lines over equations that are as they were."""
        good = self.good
        return () if good is None else moved(good.lenses, good.reading, self.reading)

    def written(self, text: str, version: int) -> Document:
        """The same file with another text."""
        source = Source(self.source.name, _plain(text))
        reading = replace(self.reading, source=source)
        return Document(reading, version, None, self.good)

    def with_checked(self, checked: Checked) -> Document:
        """With what the compiler says, of this text or of an earlier one."""
        good = self.good
        if checked.networks:
            reading = replace(self.reading, source=checked.source)
            good = Good(reading, checked.networks)
        current = checked.source is self.source
        return replace(self, checked=checked if current else self.checked, good=good)


def opened(
    name: str, text: str, folder: Folder, library: Library, version: int = 0
) -> Document:
    """A file that has just been opened.

    Args:
        name: by which diagnostics call it.
        text: as the client has it.
        folder: where ``use`` looks; None for a text that is no file yet.
        library: the operators that may be named.
        version: of the text.
    """
    reading = Reading(Source(name, _plain(text)), folder, library)
    return Document(reading, version)


def _plain(text: str) -> str:
    """As the compiler has a file, without a mark of byte order: lines and columns stay."""
    if text.startswith("\ufeff"):
        text = f" {text[1:]}"
    return text.replace("\r\n", "\n").replace("\r", "\n")
