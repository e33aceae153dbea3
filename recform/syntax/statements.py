"""Cuts a file into statements, each a span, before anything is parsed.

The parser then sees one statement at a time: a mistake in one does not hide those in the
next, and brackets can be checked with words of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from recform.contents import KEYWORDS
from recform.diagnostics import Diagnostics, Label
from recform.source import Source, Span

#: Brackets nested deeper than this are a mistake, not a formula.
MAX_NESTING = 50
#: Longest statement, in characters.
MAX_STATEMENT = 16 * 1024

#: Names that have a meaning of their own.
RESERVED = ("i", "L", "c", "s", "cin", "input", "in_channels")

_CLOSERS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_START = re.compile(
    rf"(?:(?:{'|'.join(KEYWORDS)})\b(?!\s*[=_])|[\w\\<>{{}}+-]+\s*(?:,\s*[\w\\<>{{}}+-]+\s*)*=(?!=))"
)
# A line that ends so goes on in the next one; one that starts so belongs to the last.
_GOES_ON = re.compile(r"(?:[-+*/,=:\u2212]|(?<![\w>)\]}])>|\s>|\\cdot|\\times)\s*$")
_CONTINUES = re.compile(r"\s*(?:[-+*/>,)\]\u2212]|\\cdot|\\times|where\b)")


@dataclass(frozen=True)
class _Line:
    start: int
    end: int  # without the comment and trailing space
    text: str


def statements(source: Source, report: Diagnostics) -> list[Span]:
    """The spans of the statements of a file, without comments at their ends."""
    spans: list[Span] = []
    pending: Span | None = None
    brackets = _Brackets(source, report)
    for line in _lines(source):
        if not line.text.strip():
            continue
        span = Span(source, line.start + _indent(line.text), line.end)
        if pending is not None:
            if brackets.open and _starts_statement(line.text):
                brackets.unclosed()
            elif brackets.open or _goes_on(pending, line):
                brackets.read(span)
                pending = pending.to(span)
                continue
            spans.append(pending)
        brackets.unclosed()
        pending = span
        brackets.read(span)
    brackets.unclosed()
    if pending is not None:
        spans.append(pending)
    sound = [span for span in spans if not brackets.broken(span)]
    return [span for span in sound if not _too_long(span, report)]


def _lines(source: Source) -> list[_Line]:
    lines = []
    start = 0
    for raw in source.text.split("\n"):
        text = _without_comment(raw).rstrip()
        lines.append(_Line(start, start + len(text), text))
        start += len(raw) + 1
    return lines


def _without_comment(text: str) -> str:
    quoted = False
    for n, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == "#" and not quoted:
            return text[:n]
    return text


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _starts_statement(text: str) -> bool:
    return not text[0].isspace() and _START.match(text) is not None


def _goes_on(pending: Span, line: _Line) -> bool:
    last = pending.text.rsplit("\n", 1)[-1]
    if _starts_statement(line.text):
        return False
    return bool(
        _GOES_ON.search(_without_comment(last).rstrip()) or _CONTINUES.match(line.text)
    )


def _too_long(span: Span, report: Diagnostics) -> bool:
    if span.end - span.start <= MAX_STATEMENT:
        return False
    report.error(
        "RF108",
        f"this statement has {span.end - span.start:,} characters; "
        f"the limit is {MAX_STATEMENT:,}",
        Span(span.source, span.start, span.start + 1),
        hint="write repeated terms with sum(k, 1, n, ...)",
    )
    return True


class _Brackets:
    """Follows the brackets from line to line and reports those that don't match."""

    def __init__(self, source: Source, report: Diagnostics) -> None:
        self._source = source
        self._report = report
        self._stack: list[tuple[str, int]] = []
        self._places: list[int] = []  # offsets of reported brackets
        self._too_deep = False

    @property
    def open(self) -> bool:
        return bool(self._stack)

    def broken(self, span: Span) -> bool:
        return any(span.start <= place < span.end for place in self._places)

    def read(self, span: Span) -> None:
        text = _without_comment(span.text)
        quoted = False
        for n, char in enumerate(text):
            if char == '"':
                quoted = not quoted
            if quoted:
                continue
            before = text[n - 1] if n else ""
            if char in "([{" or (char == "<" and before == "_"):
                self._push(char, span.start + n)
            elif char in ")]}" or (char == ">" and self._top() == "<"):
                self._pop(char, span.start + n)

    def _top(self) -> str:
        return self._stack[-1][0] if self._stack else ""

    def _push(self, char: str, offset: int) -> None:
        self._stack.append((char, offset))
        if len(self._stack) > MAX_NESTING and not self._too_deep:
            self._too_deep = True
            self._error(
                "RF103",
                f"brackets are nested more than {MAX_NESTING} deep here",
                offset,
                hint="give parts of the formula names of their own: a system of equations",
            )

    def _pop(self, char: str, offset: int) -> None:
        if not self._stack:
            self._error("RF102", f"this {char!r} closes nothing", offset)
            return
        opener, place = self._stack.pop()
        if _CLOSERS[opener] != char:
            self._error(
                "RF102",
                f"{char!r} closes the {opener!r} that {_CLOSERS[opener]!r} should close",
                offset,
                others=[Label(Span(self._source, place, place + 1), "opened here")],
            )

    def unclosed(self) -> None:
        if self._stack and not self._too_deep:
            opener, place = self._stack[-1]
            self._error(
                "RF102",
                f"this {opener!r} is never closed",
                place,
                hint=f"add the missing {_CLOSERS[opener]!r}",
            )
        if self._stack:
            self._places.extend(place for _, place in self._stack)
        self._stack.clear()
        self._too_deep = False

    def _error(
        self,
        code: str,
        message: str,
        offset: int,
        *,
        hint: str = "",
        others: list[Label] | None = None,
    ) -> None:
        self._places.append(offset)
        place = Span(self._source, offset, offset + 1)
        self._report.error(code, message, place, hint=hint, others=others or ())
