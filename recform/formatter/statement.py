"""A statement: which spaces stand between its tokens, and where its lines start."""

from __future__ import annotations

from collections.abc import Sequence

from recform.formatter.spacing import Row
from recform.syntax.lalr import Token

#: Where what a keyword introduces starts.
_COLUMN = 8
#: Where a `where` starts that has a line of its own.
_WHERE = 4
#: How much further than its line what is in a bracket starts that ends the line.
_HANGING = 4
#: What goes on over lines is aligned with where it starts, unless that is further right.
_FURTHEST = 20
#: What is declared in rows, one below the other.
_DECLARATIONS = ("PARAM", "CONST", "SCALAR", "VECTOR")
#: What stands in front of an operand.
_OPERATORS = ("MORETHAN", "PLUS", "MINUS", "TIMES", "DIVIDE", "COMMA", "VBAR")


def laid_out(
    tokens: Sequence[Token], numbers: Sequence[int], column: int = 0
) -> dict[int, str]:
    """The lines of a statement in canonical form.

    Args:
        tokens: all of it.
        numbers: the line on which each stands.
        column: where its ``=`` stands, if there is room.

    Returns:
        The text of each line, by the line's number.
    """
    return _Layout(Row(tokens), numbers, column).lines()


def equals_column(tokens: Sequence[Token]) -> int | None:
    """Where the ``=`` of a declaration stands by itself; None if it is none."""
    place = next((n for n, token in enumerate(tokens) if token.type == "EQUALS"), None)
    if tokens[0].type not in _DECLARATIONS or place is None:
        return None
    (line,) = laid_out(tokens[:place], [0] * place).values()
    return len(line) + 1


class _Layout:
    """The columns of a statement, from its first token to the last."""

    def __init__(self, row: Row, numbers: Sequence[int], column: int) -> None:
        self._row, self._numbers, self._equals = row, numbers, column
        # Where each token stands, and where the line starts that it is on.
        self._columns: list[int] = []
        self._indents: list[int] = []
        # Where a line starts that goes on outside of all brackets; each part of a `where`
        # has its own.
        self._base = self._part = self._part_start = 0

    def lines(self) -> dict[int, str]:
        """The text of each line, by the line's number."""
        found: dict[int, str] = {}
        text = ""
        for n, token in enumerate(self._row.tokens):
            number = self._numbers[n]
            if number not in found:
                text = " " * (self._indent(n) if n else 0)
                self._indents.append(len(text))
            else:
                text += self._space(n, text)
                self._indents.append(self._indents[-1])
            self._columns.append(len(text))
            text += token
            found[number] = text
            self._behind(n, len(text) + 1)
        return found

    def _space(self, n: int, text: str) -> str:
        if n == 1 and self._row.keyword not in ("", "use"):
            return " " * max(_COLUMN - len(text), 1)
        if self._row.tokens[n].type == "EQUALS" and self._row.inside[n] is None:
            return " " * max(self._equals - len(text), 1)
        return " " * self._row.gap(n)

    def _indent(self, n: int) -> int:
        """Where a line starts whose first token is this one."""
        token, opener = self._row.tokens[n], self._row.inside[n]
        partner = self._row.partners.get(n)
        if partner is not None:
            ends = self._ends_its_line(partner)
            return self._indents[partner] if ends else self._columns[partner]
        if opener is not None:
            if self._ends_its_line(opener):
                return self._indents[opener] + _HANGING
            column = self._columns[opener] + len(self._row.tokens[opener])
            return max(column - self._overhang(token), 2)
        if token.type == "WHERE":
            return _WHERE
        if self._base > _FURTHEST:
            return self._part_start + _HANGING
        return max(self._base - self._overhang(token), 2)

    def _overhang(self, token: Token) -> int:
        """How far an operator stands in front of what it is applied to."""
        return len(token) + 1 if token.type in _OPERATORS else 0

    def _ends_its_line(self, n: int) -> bool:
        return n + 1 < len(self._numbers) and self._numbers[n + 1] > self._numbers[n]

    def _behind(self, n: int, column: int) -> None:
        """What the next line is to be aligned with."""
        token = self._row.tokens[n]
        if self._row.inside[n] is not None:
            return
        if n == 0 and self._row.keyword:
            self._base = max(_COLUMN, column)
        elif token.type == "WHERE":
            self._base = self._part = column
            self._part_start = self._indents[n]
        elif token.type == "COMMA" and self._part:
            self._base = self._part
        elif token.type == "EQUALS" and self._row.keyword not in ("names", "init"):
            self._base = column
