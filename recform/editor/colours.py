"""Colours of a text: those of its words, and of its names by what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pygments.token import Comment, Keyword, Name, Number, Operator, String

from recform.editor.document import Document
from recform.editor.names import Sort
from recform.highlight import RecformLexer

#: What a client calls the kinds of words.
KINDS = (
    *("keyword", "comment", "string", "number", "operator", "class", "function"),
    *("method", "variable", "parameter", "property", "macro"),
)
_LEXED = {
    Comment: "comment",
    String: "string",
    Number: "number",
    Keyword: "keyword",
    Operator: "operator",
    Name.Class: "class",
    Name.Builtin: "function",
    Name.Label: "property",
    Name.Variable: "parameter",
}
_NAMED = {
    Sort.NETWORK: "class",
    Sort.UNKNOWN: "variable",
    Sort.INPUT: "variable",
    Sort.OPERATOR: "method",
    Sort.SCALAR: "macro",
    Sort.VECTOR: "macro",
    Sort.CONSTANT: "macro",
    Sort.PARAMETER: "macro",
    Sort.ARGUMENT: "parameter",
    Sort.LOCAL: "method",
    Sort.INDEX: "parameter",
    Sort.LIBRARY: "function",
    Sort.WORD: "parameter",
    Sort.SETTING: "property",
}


@dataclass(frozen=True)
class Colour:
    """A word, and its kind."""

    start: int
    end: int
    kind: str


def colours(document: Document) -> tuple[Colour, ...]:
    """The words of a text that have a colour, in order; none goes on over a line."""
    if not document.reading.is_small:
        return ()
    words = [*_words(document.source.text)]
    indices = _covered(word for word in words if word.kind == "parameter")
    found = {
        name.span.start: Colour(name.span.start, name.span.end, _NAMED[name.sort])
        for name in document.names
        if name.span.source is document.source
        and name.sort in _NAMED
        and name.span.start not in indices
    }
    named = _covered(found.values())
    for word in words:
        if named.isdisjoint(range(word.start, word.end)):
            found[word.start] = word
    return tuple(found[start] for start in sorted(found))


def _covered(found: Iterable[Colour]) -> set[int]:
    return {place for item in found for place in range(item.start, item.end)}


def _words(text: str) -> Iterator[Colour]:
    for start, token, word in RecformLexer().get_tokens_unprocessed(text):
        kind = next((_LEXED[t] for t in reversed(token.split()) if t in _LEXED), None)
        if kind is not None and word.strip() and "\n" not in word:
            yield Colour(start, start + len(word), kind)
