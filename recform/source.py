"""Formula files as text: positions, hashes, and reading them safely.

Every later stage keeps :class:`Span` objects, so that an error found late (a shape
that does not fit, say) can still underline the place in the formula.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

#: The largest formula file that is read, in bytes. A formula of this size is a mistake.
MAX_FILE_BYTES = 32 * 1024

_COMMENT = re.compile(r'"[^"\n]*"|#[^\n]*')


def _blank(text: str) -> str:
    return text if text.startswith('"') else " " * len(text)


@dataclass(frozen=True)
class Source:
    """The text of one formula file.

    Attributes:
        name: the name under which the file is shown in diagnostics and headers.
        text: the whole text, with line feeds as newlines.
    """

    name: str
    text: str = field(repr=False)

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        starts.extend(n + 1 for n, char in enumerate(self.text) if char == "\n")
        return starts

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    @property
    def line_count(self) -> int:
        """How many lines there are; an empty text has one."""
        return len(self._line_starts)

    def start_of(self, number: int) -> int:
        """The offset at which a line starts, counted from 1."""
        return self._line_starts[number - 1]

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its newline."""
        start = self.start_of(number)
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]


@dataclass(frozen=True)
class Span:
    """A half-open range of characters of a source: ``text[start:end]``."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters that the span covers."""
        return self.source.text[self.start : self.end]

    @property
    def text_without_comments(self) -> str:
        """The characters of the span, comments made blank (offsets stay true)."""
        return _COMMENT.sub(lambda found: _blank(found.group()), self.text)

    @property
    def words(self) -> str:
        """The same on one line, with single spaces."""
        return " ".join(self.text_without_comments.split())

    @property
    def line(self) -> int:
        """The line on which the span starts, counted from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column at which the span starts, counted from 1."""
        return self.source.position(self.start)[1]

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of another."""
        return Span(self.source, self.start, max(self.end, other.end))
