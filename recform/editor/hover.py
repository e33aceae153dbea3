"""What stands at a place: of a name what it is, of a word what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from recform.blocks import Operator
from recform.diagnostics.catalogue import CATALOGUE
from recform.editor.document import Document
from recform.editor.facts import operator_lines, scalar_line, unknown_lines
from recform.editor.names import Name, Sort
from recform.editor.words import KEYWORDS, WORDS
from recform.operators import standard
from recform.outline.operator_calls import usage
from recform.source import Span

_WORD = re.compile(r"[a-z]+")
#: So many of the statements that declare one name are shown.
_MOST = 6


@dataclass(frozen=True)
class Hover:
    """What is said, as Markdown, and of which part of the text."""

    place: Span
    text: str


def hover(document: Document, offset: int) -> Hover | None:
    """What is known of a place; None if there is nothing to say."""
    found = _keyword(document, offset) or _name(document, offset)
    pages = [*_mistakes(document, offset)]
    if not pages:
        return found
    if found is not None:
        return Hover(found.place, "\n\n---\n\n".join([found.text, *pages]))
    return Hover(Span(document.source, offset, offset), "\n\n---\n\n".join(pages))


def _keyword(document: Document, offset: int) -> Hover | None:
    """The keyword that a statement starts with."""
    statement = document.reading.statement_at(offset)
    if statement is None:
        return None
    word = _WORD.match(statement.text)
    if word is None or word[0] not in KEYWORDS:
        return None
    place = Span(statement.source, statement.start, statement.start + word.end())
    if statement.text[word.end() :].lstrip()[:1] in ("=", "_") or offset > place.end:
        return None
    form, text = KEYWORDS[word[0]]
    lines = [_code(form), _sentence(text)]
    network = document.network_of(offset)
    if network is not None:
        lines += _listed(operator_lines(network.graph, word[0]))
    return Hover(place, "\n\n".join(lines))


def _name(document: Document, offset: int) -> Hover | None:
    name = document.name_at(offset)
    if name is None:
        return None
    operator = document.reading.library.lookup(name.text)
    if name.sort is Sort.LIBRARY and operator is not None:
        return Hover(name.span, operator_page(operator))
    if name.sort is Sort.WORD:
        text = WORDS.get(name.text, "")
        return Hover(name.span, f"`{name.text}`: {text}") if text else None
    if name.sort is Sort.SETTING:
        return _setting(document, name)
    if name.sort.ours:
        return None
    lines = [f"`{name.text}`: {name.sort.value}"]
    lines += map(_code, islice(_declarations(document, name), _MOST))
    if name.sort is Sort.OPERATOR and len(lines) == 1:
        lines.append("Nothing defines it, so it is the default block.")
    lines += _facts(document, name, offset)
    return Hover(name.span, "\n\n".join(lines))


def _declarations(document: Document, name: Name) -> Iterator[str]:
    """The statements that declare a name, each once."""
    seen = set()
    for item in document.names:
        if item.declares and item.is_same(name):
            source = item.span.source
            text = _statement_text(document, item)
            if (source.name, text) not in seen:
                seen.add((source.name, text))
                where = "" if source is document.source else f"  # {source.name}"
                yield text + where


def _statement_text(document: Document, name: Name) -> str:
    for item in document.reading.file.statements:
        span = item.span
        same = span.source is name.span.source
        if same and span.start <= name.span.start < span.end:
            return span.text
    return name.span.source.line(name.span.line).strip()


def _facts(document: Document, name: Name, offset: int) -> list[str]:
    """What the network says of a name, as it was when it last compiled."""
    network = document.network_of(offset)
    if network is None:
        return []
    match name.sort:
        case Sort.OPERATOR:
            return _listed(operator_lines(network.graph, name.text))
        case Sort.UNKNOWN:
            return _listed(unknown_lines(network.graph, name.text))
        case Sort.INPUT:
            shape = network.formula.contexts.get(name.text)
            return [] if shape is None else [f"An example of it is {shape}."]
        case Sort.SCALAR | Sort.VECTOR:
            line = scalar_line(network.graph, name.text)
            return [_sentence(line)] if line else []
    return []


def _setting(document: Document, name: Name) -> Hover | None:
    operator = document.reading.library.lookup(name.of)
    for argument in operator.arguments if operator is not None else ():
        if argument.name == name.text:
            text = f"`{argument.name}` of `{name.of}`: {argument.about}"
            return Hover(name.span, f"{text}\n\n{_sentence(argument.takes)}")
    return None


def operator_page(operator: Operator) -> str:
    """An operator of the library: how it is called, what it does, what it takes."""
    lines = [_code(usage(operator)), _sentence(operator.about)]
    if len(operator.inputs) > 1:
        lines.append(f"It takes several tensors: {', '.join(operator.inputs)}.")
    rows = [f"- `{a.name}`: {a.about} ({a.takes})" for a in operator.arguments]
    if rows:
        lines.append("\n".join(rows))
    if operator.source:
        lines.append(operator.source)
    if standard().lookup(operator.name) is not operator:
        lines.append("An operator of your own.")
    return "\n\n".join(lines)


def _mistakes(document: Document, offset: int) -> Iterator[str]:
    """The pages of what is wrong here."""
    checked = document.checked
    seen = set()
    for item in checked.diagnostics if checked is not None else ():
        place = item.labels[0].span if item.labels else None
        if place is None or place.source is not document.source or item.code in seen:
            continue
        if place.start <= offset <= place.end and item.code in CATALOGUE:
            seen.add(item.code)
            entry = CATALOGUE[item.code]
            more = (
                f"`recform explain {item.code}` shows it mended." if entry.wrong else ""
            )
            yield f"**{item.code}: {entry.title}**\n\n{entry.cause} {more}".rstrip()


def _listed(lines: Iterator[str]) -> list[str]:
    rows = [f"- {line}" for line in lines]
    return ["\n".join(rows)] if rows else []


def _code(text: str) -> str:
    return f"```rf\n{text}\n```"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
