"""Which tokens of a statement stand apart."""

from __future__ import annotations

from collections.abc import Sequence

from recform.contents import KEYWORDS
from recform.syntax.lalr import Token

#: Brackets, and what closes them.
_CLOSERS = {"(": ")", "[": "]", "{": "}", "_<": ">", "_{": "}"}
_SUBSCRIPTS = ("_<", "_{")
_SIGNS = ("PLUS", "MINUS")
#: Between two operands, without a space: `**` and `..` have no names.
_TIGHT = ("TIMES", "DIVIDE", "CIRCUMFLEX")
_TIGHT_TEXTS = ("**", "..")
#: Words, and signs that are read like words.
_APART = ("BY", "EQUALS", "MORETHAN", "VBAR", "OF", "PER", "WHERE", "UP")
#: How often a part of a path comes.
_POSTFIX = ("TIMES", "PLUS", "QMARK")
#: What an index is said in.
_INDICES = frozenset("ijkmtL") | {"first", "last"}


class Row:
    """The tokens of a statement, and the brackets that they are in.

    Attributes:
        tokens: all of them.
        keyword: the first one, if it is a keyword; empty if it is none.
        inside: of each token, the number of the bracket that is open around it, if any; a
            bracket is not inside itself.
        partners: of each bracket that closes, the one that it closes.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        first = tokens[0]
        # `times` is a word of two meanings, which has no name in the grammar.
        known = first.type.lower() in KEYWORDS or first.type == "__ANON_0"
        self.keyword = str(first) if known else ""
        self.inside: list[int | None] = []
        self.partners: dict[int, int] = {}
        opened: list[int] = []
        for n, token in enumerate(tokens):
            if opened and token == _CLOSERS[tokens[opened[-1]]]:
                self.partners[n] = opened.pop()
            self.inside.append(opened[-1] if opened else None)
            if str(token) in _CLOSERS:
                opened.append(n)
        self._index = self._index_expressions()

    def gap(self, n: int) -> int:
        """How many spaces stand in front of a token that is not the first of its line."""
        token, before = self.tokens[n], self.tokens[n - 1]
        if token.type in ("COMMA", "COLON") or before.type == "FRACTION":
            return 0
        if n in self.partners or str(before) in _CLOSERS:
            return 0
        if before.type == "COMMA":
            return 0 if self._is_tight(n - 1) else 1
        if before.type == "COLON":
            return 1
        if self._is_sign_of(n - 1) or self._belongs(n):
            return 0
        if self._in_path(n):
            return 0 if token.type in _POSTFIX or token == "{" else 1
        for place in (n, n - 1):
            if self._is_operator(place) and not self._is_sign_of(place):
                return 0 if self._is_tight(place) else 1
        return 1

    def _belongs(self, n: int) -> bool:
        """Whether a token is an index, or a bracket that belongs to what is before it."""
        token, before = self.tokens[n], self.tokens[n - 1]
        if token.type == "SUBSCRIPT" or str(token) in _SUBSCRIPTS:
            return True
        partner = self.partners.get(n - 1)
        if token == "{":
            # The second part of a fraction.
            return partner is not None and self.tokens[partner - 1].type == "FRACTION"
        if str(token) not in ("(", "[") or self._in_path(n):
            return False
        subscript = partner is not None and str(self.tokens[partner]) in _SUBSCRIPTS
        return before.type in ("NAME", "SUBSCRIPT") or subscript

    def _is_operator(self, n: int) -> bool:
        token = self.tokens[n]
        known = token.type in (*_SIGNS, *_TIGHT, *_APART) or token in _TIGHT_TEXTS
        return known and n not in self.partners

    def _is_sign_of(self, n: int) -> bool:
        """Whether a token is the sign of one operand, and not between two."""
        if self.tokens[n].type not in _SIGNS or self._in_path(n):
            return False
        before = self.tokens[n - 1]
        opens = str(before) in _CLOSERS or before.type in ("COMMA", "COLON")
        return opens or self._is_operator(n - 1) or (n == 1 and bool(self.keyword))

    def _is_tight(self, n: int) -> bool:
        """Whether no spaces are around what stands between two operands."""
        token, opener = self.tokens[n], self.inside[n]
        if token.startswith("\\"):
            return False
        if self._in_index(n):
            return True
        if token.type == "EQUALS":
            return opener is not None
        if token.type == "DIVIDE" and self.keyword == "stages":
            return opener is not None
        if token.type in _SIGNS:
            return n in self._index
        if token.type in ("TIMES", "DIVIDE"):
            return not self._stands_apart(n)
        return token.type in _TIGHT or token in _TIGHT_TEXTS

    def _in_index(self, n: int) -> bool:
        """Whether a token is part of a subscript, or of a fraction in TeX."""
        while (opener := self.inside[n]) is not None:
            if str(self.tokens[opener]) in (*_SUBSCRIPTS, "{"):
                return True
            n = opener
        return False

    def _in_path(self, n: int) -> bool:
        """Whether a token is part of the language of paths; weights are none."""
        while (opener := self.inside[n]) is not None:
            if self.tokens[opener] == "[":
                return False
            n = opener
        return self.keyword == "paths"

    def _index_expressions(self) -> set[int]:
        """The tokens of arguments that say an index: i-1."""
        found: set[int] = set()
        parts: dict[int, list[int]] = {}
        for n, token in enumerate(self.tokens):
            opener = self.inside[n]
            closed = self.partners.get(n, opener if token.type == "COMMA" else None)
            if closed is not None:
                part = parts.pop(closed, [])
                if self._belongs(closed) and all(map(self._says_index, part)):
                    found.update(part)
            # What is in a bracket is part of what the bracket is in.
            if opener is not None and token.type != "COMMA":
                parts.setdefault(opener, []).append(n)
        return found

    def _says_index(self, n: int) -> bool:
        token = self.tokens[n]
        if token.type == "NAME":
            return str(token) in _INDICES
        return token.type in ("NUMBER", *_SIGNS) or token == ".."

    def _stands_apart(self, n: int) -> bool:
        """Whether its author has put a space on both sides."""
        before, token, behind = self.tokens[n - 1], self.tokens[n], self.tokens[n + 1]
        return before.end_pos < token.start_pos and token.end_pos < behind.start_pos
