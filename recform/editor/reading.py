"""The statements of a text that is being written: those that can be read, and the others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from recform.blocks import Library
from recform.diagnostics import CompileError, Diagnostics
from recform.outline.sections import Section, sections
from recform.source import MAX_FILE_BYTES, Source, Span
from recform.syntax import nodes as n
from recform.syntax.parse import parse
from recform.syntax.statements import statements
from recform.syntax.uses import Folder

_BLANK = re.compile(r'"[^"\n]*"?|#[^\n]*')


@dataclass(frozen=True)
class Reading:
    """What is read of a text, whatever mistakes it has.

    Attributes:
        source: the text.
        folder: where ``use`` looks.
        library: the operators that may be named.
    """

    source: Source
    folder: Folder
    library: Library

    @cached_property
    def is_small(self) -> bool:
        """Whether it is within the limits of a file; nothing is read of one that is not."""
        return len(self.source.text.encode("utf-8", "surrogatepass")) <= MAX_FILE_BYTES

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """The statements, read or not; none with a bracket that does not match."""
        if not self.is_small:
            return ()
        return tuple(statements(self.source, Diagnostics()))

    @cached_property
    def file(self) -> n.File:
        """The statements that can be read, with those of the files that are used."""
        if not self.spans:
            return n.File(self.source.name, (), (), self.library)
        return parse(self.source, Diagnostics(), self.folder, self.library)

    @cached_property
    def own(self) -> tuple[n.Statement, ...]:
        """The statements of this file that can be read; `use` is none of them."""
        return tuple(s for s in self.file.statements if s.span.source is self.source)

    @cached_property
    def networks(self) -> tuple[n.Network, ...]:
        """The statements that start a network of this file."""
        return tuple(item for item in self.own if isinstance(item, n.Network))

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """What each network of the file says; a file without ``network`` has one."""
        try:
            return tuple(sections(self.file, self.source, Diagnostics()))
        except CompileError:
            return ()

    def network_at(self, offset: int) -> str | None:
        """The network that a place belongs to; None where it belongs to all."""
        names = [item.name for item in self.networks if item.span.start <= offset]
        return names[-1] if names else None

    def statement_at(self, offset: int) -> Span | None:
        """The statement that a place is in, or directly behind."""
        return next((s for s in self.spans if s.start <= offset <= s.end), None)

    @cached_property
    def bare(self) -> str:
        """The text with blanks in the place of comments and strings."""
        if not self.is_small:
            return ""
        return _BLANK.sub(lambda found: " " * len(found[0]), self.source.text)

    @cached_property
    def unread(self) -> str:
        """The text with blanks in the place of all that was read."""
        text = list(self.bare)
        for item in self.own:
            text[item.span.start : item.span.end] = " " * (
                item.span.end - item.span.start
            )
        return "".join(text)
