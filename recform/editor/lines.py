"""Places as a client counts them: lines, and columns in units of an encoding."""

from __future__ import annotations

from dataclasses import dataclass

from recform.source import Source


@dataclass(frozen=True)
class Lines:
    """The lines of a text.

    Attributes:
        source: the text.
        encoding: in whose units columns are counted: ``utf-8``, ``utf-16`` or ``utf-32``.
    """

    source: Source
    encoding: str = "utf-16"

    def offset(self, line: int, column: int) -> int:
        """The offset of a place; one that is outside is the nearest one inside."""
        if line < 0:
            return 0
        if line >= self.source.line_count:
            return len(self.source.text)
        text = self.source.line(line + 1)
        start = self.source.start_of(line + 1)
        if text.isascii():
            return start + max(0, min(column, len(text)))
        for n, char in enumerate(text):
            if column <= 0:
                return start + n
            column -= self._units(char)
        return start + len(text)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 0."""
        line, column = self.source.position(offset)
        return line - 1, self._units(self.source.line(line)[: column - 1])

    def length(self, start: int, end: int) -> int:
        """How long a part of one line is."""
        return self._units(self.source.text[start:end])

    def _units(self, text: str) -> int:
        if text.isascii() or self.encoding == "utf-32":
            return len(text)
        if self.encoding == "utf-8":
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
