"""A whole file: its statements, the comments and the blank lines between them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from recform.diagnostics import Diagnostics
from recform.formatter.statement import equals_column, laid_out
from recform.operators import standard
from recform.source import Source, Span
from recform.syntax.grammar import tables
from recform.syntax.lalr import Token, Unexpected
from recform.syntax.mistakes import explain
from recform.syntax.statements import statements

#: A string, which is left, or a comment.
_COMMENT = re.compile(r'"[^"\n]*"|#[^\n]*')
#: What stands between a comment and the code in front of it, at least.
_APART = 2


@dataclass(frozen=True)
class _Line:
    """A line of the file.

    Attributes:
        code: in canonical form; empty if there is none.
        comment: from its ``#`` on; empty if there is none.
        column: where the comment started.
    """

    code: str = ""
    comment: str = ""
    column: int = 0

    def __str__(self) -> str:
        if not self.comment:
            return self.code
        least = len(self.code) + _APART if self.code else 0
        return self.code.ljust(max(self.column, least)) + self.comment


def formatted(source: Source) -> str:
    """A file in canonical form: one space here, none there, keywords in a column.

    Lines are broken where the author breaks them, and comments keep their column as long
    as there is room. What is formatted once stays as it is.

    Args:
        source: the text.

    Returns:
        The same statements with the same comments, and a newline at the end.

    Raises:
        CompileError: with every mistake that the parser finds; RF902, if the result would
            not be the same file.
    """
    report = Diagnostics()
    found = _tokens(source, report)
    report.check()
    text = _laid_out(source, found)
    again = Source(source.name, text)
    if _said(again, _tokens(again, report)) != _said(source, found):
        report.error(
            "RF902",
            f"{source.name} would say something else in canonical form",
            hint="this is a fault of recform; the file is as it was. Please report it",
            file=source.name,
        )
    report.check()
    return text


def _tokens(source: Source, report: Diagnostics) -> list[list[Token]]:
    """The tokens of each statement, at their places in the file."""
    found = []
    for span in statements(source, report):
        try:
            tokens = tables().tokens(span.text_without_comments)
        except Unexpected:
            explain(tables(), span, report, standard())
            continue
        except RecursionError:
            start = Span(source, span.start, span.start + 1)
            report.error("RF103", "this is nested too deep", start)
            continue
        found.append(
            [Token.at(t.type, str(t), span.start + t.start_pos) for t in tokens]
        )
    return found


def _said(
    source: Source, found: list[list[Token]]
) -> tuple[list[list[tuple[str, str]]], list[str]]:
    """What a file says: the tokens of each statement, and the comments."""
    tokens = [[(token.type, str(token)) for token in each] for each in found]
    return tokens, [
        line.comment for line in map(_comment, source.text.split("\n")) if line.comment
    ]


def _laid_out(source: Source, found: list[list[Token]]) -> str:
    lines = [_comment(text) for text in source.text.split("\n")]
    rows = [[source.position(token.start_pos)[0] for token in each] for each in found]
    columns = _columns(found, rows)
    for tokens, numbers, column in zip(found, rows, columns, strict=True):
        for number, code in laid_out(tokens, numbers, column).items():
            lines[number - 1] = replace(lines[number - 1], code=code)
    texts: list[str] = []
    for text in map(str, lines):
        # One blank line between two others, none in front of all.
        if text or (texts and texts[-1]):
            texts.append(text)
    text = "\n".join(texts).rstrip("\n")
    return f"{text}\n" if text else ""


def _columns(found: list[list[Token]], rows: list[list[int]]) -> list[int]:
    """Of each statement the column of its ``=``: one in declarations below each other."""
    columns = [equals_column(tokens) or 0 for tokens in found]
    first = 0
    for n in range(1, len(found) + 1):
        below = n < len(found) and rows[n][0] == rows[n - 1][-1] + 1
        if not (below and columns[n] and found[n][0] == found[first][0]):
            columns[first:n] = [max(columns[first:n])] * (n - first)
            first = n
    return columns


def _comment(text: str) -> _Line:
    """The comment of a line, if it has one."""
    for found in _COMMENT.finditer(text):
        if found[0].startswith("#"):
            words = re.sub(r"^#(?=\w)", "# ", found[0].rstrip())
            return _Line("", words, len(text[: found.start()].expandtabs(8)))
    return _Line()
