"""What stands beside a text: shapes behind the parts of a flow, a line over an equation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recform.blocks import Shape
from recform.compiler import Compiled
from recform.editor.facts import Call, calls, lens
from recform.editor.reading import Reading
from recform.outline.sections import Section
from recform.source import Source, Span
from recform.syntax import nodes as n


@dataclass(frozen=True)
class Note:
    """A few words about a place of a text."""

    place: Span
    text: str


def shape_hints(reading: Reading, networks: Sequence[Compiled]) -> tuple[Note, ...]:
    """The shape behind each part of a flow, where it is called first.

    Args:
        reading: of the text that was compiled.
        networks: of it.
    """
    found: dict[int, Note] = {}
    for network in networks:
        section = next((s for s in reading.sections if s.name == network.name), None)
        seen: set[str] = set()
        for call in calls(network.graph):
            name = call.pipeline.name
            flow = _flow(section, name) if section is not None else None
            if flow is None or name in seen or flow.span.source is not reading.source:
                continue
            seen.add(name)
            for place, shape in _behind(flow, call, call.along(network.graph)):
                found.setdefault(place.end, Note(place, str(shape)))
    return tuple(found[end] for end in sorted(found))


def _flow(section: Section, name: str) -> n.Flow | None:
    """The flow of an operator that the file defines, or of a piece of the frame."""
    definition, piece = section.definitions.get(name), section.single.get(name)
    if definition is not None:
        has_arguments = isinstance(definition.left[0], n.Call)
        return None if has_arguments else definition.right
    return piece.flow if isinstance(piece, n.Pipeline) else None


def _behind(
    flow: n.Flow, call: Call, shapes: Sequence[Shape]
) -> Iterator[tuple[Span, Shape]]:
    """The places behind the parts of a flow, and the shapes there.

    An operator of a definition stands there, and not where that is called: behind a call
    is what comes in front of the next part of this flow.
    """
    parts = list(_parts(flow))
    where = {step.span: k for k, step in reversed([*enumerate(call.pipeline.steps)])}
    own = [where.get(part.span, where.get(part.expr.span)) for part in parts]
    for number, part in enumerate(parts):
        behind = own[number]
        if behind is None and number + 1 == len(parts):
            behind = len(shapes) - 1
        elif behind is None and (after := own[number + 1]) is not None:
            behind = after - 1
        if behind is not None and 0 <= behind < len(shapes):
            yield part.span, shapes[behind]


def _parts(flow: n.Flow) -> Iterator[n.Part]:
    """The operators of a flow, those in brackets too."""
    for part in flow.parts:
        if isinstance(part.expr, n.Flow):
            yield from _parts(part.expr)
        else:
            yield part


def lenses(reading: Reading, networks: Sequence[Compiled]) -> tuple[Note, ...]:
    """A line over the first equation of each network for the blocks in general.

    Where another file has that, the line stands over what starts the network here.
    """
    starts = {item.name: item.span for item in reading.networks}
    found = []
    for network in networks:
        place = network.formula.equations[0].span
        if place.source is not reading.source:
            place = starts.get(network.name, reading.spans[0])
        shown = f"{network.name}: " if len(networks) > 1 else ""
        found.append(Note(place, shown + lens(network)))
    return tuple(found)


def moved(notes: Sequence[Note], before: Reading, now: Reading) -> tuple[Note, ...]:
    """Notes on an earlier text, where their statements stand in this one.

    Notes on statements that are no more are left out.
    """
    if before.source == now.source:
        return tuple(notes)
    places: dict[str, list[int]] = defaultdict(list)
    for span in now.spans:
        places[span.text].append(span.start)
    starts: dict[int, int] = {}
    for span in before.spans:
        if places[span.text]:
            starts[span.start] = places[span.text].pop(0)
    return tuple(_shifted(notes, before, starts, now.source))


def _shifted(
    notes: Sequence[Note], before: Reading, starts: dict[int, int], source: Source
) -> Iterator[Note]:
    for note in notes:
        statement = before.statement_at(note.place.start)
        if statement is not None and statement.start in starts:
            shift = starts[statement.start] - statement.start
            start, end = note.place.start + shift, note.place.end + shift
            yield Note(Span(source, start, end), note.text)
