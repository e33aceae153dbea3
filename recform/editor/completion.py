"""What may be written at a place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from recform.editor.document import Document
from recform.editor.hover import operator_page
from recform.editor.names import NAME, Sort
from recform.editor.words import CHOICES, INIT, KEYWORDS, WORDS
from recform.outline.operator_calls import usage

_PARTLY = re.compile(r"\\?[A-Za-z\u0370-\u03ff0-9]*$")
_KEYWORD = re.compile(r"\s*([a-z]+)\b(?!\s*[=_])")
#: How far back the bracket is looked for that a place is in.
_BACK = 2000
_CLOSERS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Proposal:
    """Something that may be written.

    Attributes:
        label: what is shown, and written unless `insert` says otherwise.
        sort: what it is, in words: a :class:`Sort`, or ``keyword``.
        detail: a few words more.
        page: about it, as Markdown.
        insert: what is written.
        rank: those with a smaller one stand in front.
    """

    label: str
    sort: str
    detail: str = ""
    page: str = ""
    insert: str = ""
    rank: int = 5


def complete(document: Document, offset: int) -> tuple[Proposal, ...]:
    """What may stand at a place; it is for the client to hold it against what is typed."""
    source = document.source
    line, _ = source.position(offset)
    bare = document.reading.bare
    if (
        bare[source.start_of(line) : offset]
        != source.text[source.start_of(line) : offset]
    ):
        return ()  # in a comment, or in a string
    before = _PARTLY.sub("", bare[max(0, offset - _BACK) : offset])
    found: dict[str, Proposal] = {}
    for item in _proposals(document, before, offset):
        found.setdefault(item.label, item)
    return tuple(found.values())


def _proposals(document: Document, before: str, offset: int) -> Iterator[Proposal]:
    line = before.rpartition("\n")[2]
    opener, called = _bracket(before)
    if not opener and not line.strip():
        yield from _keywords()
        yield from _names(document, offset)
        return
    word = _KEYWORD.match(line) if not opener else None
    chosen = _choices(document, line, word[1] if word else "")
    if chosen is not None:
        yield from chosen
        return
    if opener == "<":
        yield from _indices(document, offset)
        return
    if opener == "(" and called:
        yield from _arguments(document, before, called)
    yield from _names(document, offset)
    yield from _library(document)
    yield from (Proposal(w, Sort.WORD.value, page=t, rank=6) for w, t in WORDS.items())


def _bracket(before: str) -> tuple[str, str]:
    """The bracket that is open at the end of a text, and the name in front of it."""
    text = before.replace("_<", "\x00").replace("_{", "\x00")
    waiting: list[str] = []
    for position in range(len(text) - 1, -1, -1):
        char = text[position]
        if char == "\n" and _starts_anew(text[position + 1 :]):
            return "", ""
        if char in _CLOSERS:
            waiting.append(_CLOSERS[char])
        elif char == ">" and "\x00" in text[max(0, position - 20) : position]:
            waiting.append("\x00")
        elif char in "([{\x00":
            if not waiting:
                names = [*NAME.finditer(text[:position].replace("\x00", " "))]
                called = names[-1] if names and names[-1].end() == position else None
                opener = "<" if char == "\x00" else char
                return opener, called[0].removeprefix("\\") if called else ""
            if waiting[-1] == ("{" if char == "\x00" and waiting[-1] == "{" else char):
                waiting.pop()
    return "", ""


def _starts_anew(text: str) -> bool:
    """Whether a line is the start of a statement, by its looks."""
    return bool(re.match(r"\w[^\n]*?(?<![=<>])=|[a-z]+ ", text))


def _keywords() -> Iterator[Proposal]:
    for word, (form, text) in KEYWORDS.items():
        yield Proposal(word, "keyword", form, text, f"{word} ", 1)


def _choices(
    document: Document, line: str, keyword: str
) -> tuple[Proposal, ...] | None:
    """Words of which one is to be chosen; None where that is not so."""
    if re.search(r"\bper\s+$", line):
        return _words(CHOICES["per"])
    if keyword in ("scope", "times") and line.split() == [keyword]:
        return _words(CHOICES[keyword])
    if keyword in ("names", "init") and re.search(r"(?:names|init|,)\s+$", line):
        if keyword == "init":
            library = document.reading.library
            kinds = (
                w.kind for o in library.names for w in library.operators[o].weights
            )
            return _words(tuple(sorted(set(kinds))))
        roles = ("stem", "head", "stages", "step", "adapter", "transition")
        own = {n.text for n in document.names if n.sort in (Sort.OPERATOR, Sort.SCALAR)}
        return _words((*roles, *sorted(own)))
    if keyword == "init" and re.search(r"=\s*$", line):
        return _words(INIT)
    return None


def _words(words: tuple[str, ...]) -> tuple[Proposal, ...]:
    return tuple(Proposal(word, Sort.WORD.value, rank=1) for word in words)


def _indices(document: Document, offset: int) -> Iterator[Proposal]:
    for label in ("i-1", "i", "i-2", "0..i-1", "first", "L", "0"):
        yield Proposal(label, Sort.INDEX.value, rank=1)
    statement = document.reading.statement_at(offset)
    for name in document.names:
        inside = statement is not None and (
            statement.start <= name.span.start < statement.end
        )
        if name.sort is Sort.INDEX and name.span.source is document.source and inside:
            yield Proposal(name.text, Sort.INDEX.value, rank=2)


def _arguments(document: Document, before: str, called: str) -> Iterator[Proposal]:
    """The arguments of what is called, or the words that one of them takes."""
    operator = document.reading.library.lookup(called)
    given = before.rpartition(called)[2]
    last = re.search(r"(\w+)\s*=\s*$", given)
    for argument in operator.arguments if operator is not None else ():
        if last is not None:
            words = argument.choices if argument.name == last[1] else ()
            yield from (Proposal(word, Sort.WORD.value, rank=0) for word in words)
        elif not re.search(rf"\b{argument.name}\s*=", given):
            yield Proposal(
                f"{argument.name}=",
                Sort.SETTING.value,
                argument.takes,
                argument.about,
                rank=1,
            )
    yield from _own_arguments(document, called) if last is None else ()


def _own_arguments(document: Document, called: str) -> Iterator[Proposal]:
    """The arguments of a definition of the file that have a default."""
    heads = [n.span for n in document.names if n.declares and n.text == called]
    starts = {(span.source.name, span.start) for span in heads}
    for name in document.names:
        own = name.sort is Sort.ARGUMENT and name.scope[1:] in starts
        behind = name.span.source.text[name.span.end :].lstrip()
        if own and name.declares and behind.startswith("="):
            yield Proposal(f"{name.text}=", Sort.ARGUMENT.value, rank=1)


def _names(document: Document, offset: int) -> Iterator[Proposal]:
    """The names that are known at a place."""
    network = document.reading.network_at(offset)
    statement = document.reading.statement_at(offset)
    start = statement.start if statement is not None else -1
    for name in document.names:
        if name.sort.ours or name.sort in (Sort.NETWORK, Sort.INDEX):
            continue
        kind, owner, place = name.scope
        mine = kind == "part" and owner == document.source.name and place == start
        if mine or kind == "file" or (kind == "network" and owner == network):
            yield Proposal(name.text, name.sort.value, rank=2 if mine else 3)


def _library(document: Document) -> Iterator[Proposal]:
    library = document.reading.library
    for name in library.names:
        operator = library.operators[name]
        page = operator_page(operator)
        yield Proposal(name, Sort.LIBRARY.value, usage(operator), page, rank=4)
