"""What a file declares, network by network: the outline of an editor."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from recform.editor.document import Document
from recform.editor.names import Name, Sort
from recform.source import Span
from recform.syntax import nodes as n


@dataclass(frozen=True)
class Entry:
    """Something that a file declares.

    Attributes:
        name: of it.
        sort: what it is, in words.
        whole: the statement, or all of a network.
        place: the name in it.
        inside: what a network declares.
    """

    name: str
    sort: str
    whole: Span
    place: Span
    inside: tuple[Entry, ...] = field(default=())


def outline(document: Document) -> tuple[Entry, ...]:
    """The entries of a file, in its order."""
    source = document.source
    names = [n for n in document.names if n.declares and n.span.source is source]
    common: list[Entry] = []
    networks: list[tuple[n.Network, list[Entry]]] = []
    for item in document.reading.own:
        if isinstance(item, n.Network):
            networks.append((item, []))
            continue
        entry = _entry(names, item)
        (networks[-1][1] if networks else common).append(entry)
    for k, (item, inside) in enumerate(networks, 1):
        end = networks[k][0].span.start if k < len(networks) else len(source.text)
        length = len(source.text[item.span.start : end].rstrip())
        last = max(item.span.end, item.span.start + length)
        whole = Span(source, item.span.start, last)
        kind = Sort.NETWORK.value
        common.append(Entry(item.name, kind, whole, item.span, tuple(inside)))
    return tuple(common)


def _entry(names: Sequence[Name], item: n.Statement) -> Entry:
    """A statement by the first name that it declares, or by its keyword.

    Args:
        names: that are declared, in their order.
        item: the statement.
    """
    span = item.span
    first = bisect_left(names, span.start, key=lambda name: name.span.start)
    if first < len(names) and names[first].span.start < span.end:
        name = names[first]
        left = item.left if isinstance(item, n.Relation) else ()
        text = ", ".join(expr.span.text for expr in left) or name.text
        return Entry(text, name.sort.value, span, name.span)
    word = span.text.split()[0]
    place = Span(span.source, span.start, span.start + len(word))
    return Entry(word, "keyword", span, place)
