"""Text to nodes: a tokenizer and a parser by recursive descent.

A node is a tuple whose first part says what it is:

- ``("number", text)``, ``("string", text)``, ``("tuple", nodes)``
- ``("name", name, index)``: the index is None or a tuple of nodes; one of them may be
  ``("range", low, high)``
- ``("call", name, index, given, named)``
- ``("+", a, b)``, and ``- * / ^``; ``("neg", a)``
- ``("flow", parts)``: parts are ``(label, node)``
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

Node: TypeAlias = tuple[Any, ...]


class Unread(Exception):
    """Something that this reader does not know."""


_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+|\\left|\\right|\\[,;:!]|\\q?quad|[$&])
  | (?P<times>\\cdot|\\times|\\circ|\\odot|[·⋅∘⊙])
  | (?P<frac>\\[dt]?frac)
  | (?P<number>([0-9]+(\.(?!\.)[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?)
  | (?P<string>"[^"\n]*")
  | (?P<sub>_([A-Za-zα-ω]|[0-9]+)(?![A-Za-z0-9]))
  | (?P<open>_<|_\{)
  | (?P<name>\\?[A-Za-zα-ω][A-Za-z0-9α-ω]*
      (_(?!([A-Za-zα-ω]|[0-9]+)(?![A-Za-z0-9_]))[A-Za-z0-9]+)*'?)
  | (?P<sign>\*\*|\.\.|:=|[-−+*/^()\[\]{},<>=:])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str


def tokens(text: str) -> list[Token]:
    """The tokens of a statement."""
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise Unread(text[place:])
        place, kind = match.end(), str(match.lastgroup)
        if kind == "space":
            continue
        shown = match.group()
        if kind == "times":
            kind, shown = "sign", "*"
        found.append(Token(kind, {"−": "-", "**": "^", ":=": "="}.get(shown, shown)))
    return found


class Parser:
    """Reads one statement.

    Args:
        text: the statement.
    """

    def __init__(self, text: str) -> None:
        self._tokens = [*tokens(text), Token("end", "")]
        self._at = 0

    @property
    def ahead(self) -> Token:
        return self._tokens[self._at]

    def has(self, *signs: str) -> bool:
        """Whether one of these signs comes next."""
        return self.ahead.kind in ("sign", "open") and self.ahead.text in signs

    def word(self, text: str) -> bool:
        """Takes a word, if it comes next."""
        found = self.ahead == Token("name", text)
        self._at += found
        return found

    def take(self, *signs: str) -> str:
        if signs and not self.has(*signs):
            raise Unread(f"{signs} in front of {self.ahead.text!r}")
        self._at += 1
        return self._tokens[self._at - 1].text

    @property
    def done(self) -> bool:
        return self.ahead.kind == "end"

    def expression(self) -> Node:
        first: Node
        if self.has("+", "-"):
            minus = self.take() == "-"
            first = self._product()
            first = ("neg", first) if minus else first
        else:
            first = self._product()
        while self.has("+", "-"):
            sign = self.take()
            first = (sign, first, self._signed(self._product))
        return first

    def _signed(self, inner: Any) -> Node:
        if self.has("-"):
            self.take()
            return ("neg", self._signed(inner))
        made: Node = inner()
        return made

    def _product(self) -> Node:
        beside = self.ahead.kind == "frac"
        first = self._power()
        if beside and self.ahead.kind in ("name", "number") and self.ahead.text != "x":
            first = ("*", first, self._power())
        while self.has("*", "/"):
            sign = self.take()
            first = (sign, first, self._signed(self._power))
        return first

    def _power(self) -> Node:
        base = self._atom()
        if self.has("^"):
            self.take()
            return ("^", base, self._signed(self._power))
        return base

    def _atom(self) -> Node:
        token = self.ahead
        match token.kind:
            case "number" | "string":
                self.take()
                return (token.kind, token.text.strip('"'))
            case "frac":
                self.take()
                parts = []
                for _ in range(2):
                    self.take("{")
                    parts.append(self.expression())
                    self.take("}")
                return ("/", *parts)
            case "name":
                return self._reference()
        closing = {"(": ")", "[": "]"}[self.take("(", "[")]
        parts = [self.expression()]
        many = False
        while self.has(","):
            self.take()
            many = True
            if not self.has(closing):
                parts.append(self.expression())
        self.take(closing)
        return ("tuple", tuple(parts)) if many else parts[0]

    def _reference(self) -> Node:
        name = self.take().removeprefix("\\")
        index: tuple[Node, ...] | None = None
        if self.ahead.kind == "sub":
            shown = self.take()[1:]
            kind = "number" if shown.isdigit() else "name"
            index = ((kind, shown) if kind == "number" else (kind, shown, None),)
        elif self.ahead.kind == "open":
            closing = {"_<": ">", "_{": "}"}[self.take()]
            found = [self._index()]
            while self.has(","):
                self.take()
                found.append(self._index())
            self.take(closing)
            index = tuple(found)
        if not self.has("("):
            return ("name", name, index)
        self.take("(")
        given: list[Node] = []
        named: list[tuple[str, Node]] = []
        while not self.has(")"):
            if given or named:
                self.take(",")
                if self.has(")"):
                    break
            ahead = self._tokens[self._at + 1]
            if self.ahead.kind == "name" and ahead == Token("sign", "="):
                key = self.take()
                self.take("=")
                named.append((key, self.expression()))
            else:
                given.append(self.expression())
        self.take(")")
        return ("call", name, index, tuple(given), tuple(named))

    def _index(self) -> Node:
        low = self.expression()
        if not self.has(".."):
            return low
        self.take("..")
        return ("range", low, self.expression())

    def flow(self) -> Node:
        """Operators, one after the other: a flow of one without a label is an expression."""
        parts = [self._part()]
        while self.has(">"):
            self.take(">")
            parts.append(self._part())
        if len(parts) == 1 and not parts[0][0]:
            return parts[0][1]
        return ("flow", tuple(parts))

    def _part(self) -> tuple[str, Node]:
        label = ""
        if self._tokens[self._at + 1] == Token("sign", ":"):
            label = self.take().strip('"')
            self.take(":")
        start = self._at
        try:
            return label, self.expression()
        except Unread:
            self._at = start
        self.take("(")
        made = self.flow()
        self.take(")")
        return label, made


def expression(text: str) -> Node:
    """An expression that is all of a text."""
    parser = Parser(text)
    made = parser.expression()
    if not parser.done:
        raise Unread(text)
    return made


_GOES_ON = re.compile(r"([-−+*/^=,>]|\\cdot|\\times)$")
_STARTS_ON = re.compile(r"([-−+*/^=>)]|where\b)")


def statements(text: str) -> list[str]:
    """The statements of a file."""
    found: list[str] = []
    held = 0
    for line in text.splitlines():
        line = re.sub(r'("[^"]*")|#.*', lambda m: m[1] or "", line).strip()
        if not line:
            continue
        behind = found and (_GOES_ON.search(found[-1]) and not found[-1].endswith("i>"))
        closed_index = found and re.search(r"_<[^<>]*>$", found[-1])
        if found and (
            held > 0 or (behind and not closed_index) or _STARTS_ON.match(line)
        ):
            found[-1] += " " + line
        else:
            found.append(line)
            held = 0
        held += sum(line.count(c) for c in "([") - sum(line.count(c) for c in ")]")
    return found
