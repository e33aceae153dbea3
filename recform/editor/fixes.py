"""Quick fixes: what a hint says to write, where the file is better for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from recform.diagnostics import Diagnostic, Severity
from recform.editor.checked import Checked
from recform.editor.names import NAME
from recform.editor.reading import Reading
from recform.editor.rename import Edit, edited
from recform.source import Source, Span

_DECLARE = re.compile(r"declare it: (.*)")
_MEANT = re.compile(r"did you mean '?([^'?]+)'?\?")
_WRITE = re.compile(r"(?:write|for example|add the missing) '?(.+?)'?$")
#: Where a hint goes on with words.
_GOES_ON = re.compile(
    r",? (?:instead|here|for|in front|around|alone|without|to)\b|, or |; "
)
#: So many hints are tried at once: each is a compilation.
MOST = 4
#: How codes of mistakes start that end the reading of a statement.
_SYNTAX = "RF1"


@dataclass(frozen=True)
class Fix:
    """A mistake, and an edit that mends it."""

    title: str
    mends: Diagnostic
    edit: Edit


def fixes(
    reading: Reading,
    checked: Checked,
    start: int,
    end: int,
    check: Callable[[Source], Checked],
) -> tuple[Fix, ...]:
    """What mends the mistakes of a part of a text.

    A hint is for people: what it means is guessed, and tried. An edit is kept if the
    mistake is gone with it, and no other one has come but what it hid.

    Args:
        reading: of the text.
        checked: what the compiler says of it.
        start: of the part.
        end: of the part.
        check: compiles a text.
    """
    found: list[Fix] = []
    tried = 0
    for item in checked.diagnostics:
        place = item.labels[0].span if item.labels else None
        if place is None or place.source is not reading.source or not item.hint:
            continue
        if place.end < start or end < place.start:
            continue
        for edit in _edits(item, place, reading):
            if tried == MOST:
                return tuple(found)
            tried += 1
            mended = Source(reading.source.name, edited(reading.source, (edit,)))
            after = check(mended)
            hidden = _hidden(after, replace(reading, source=mended), item, edit)
            if _better(checked, after, item, hidden):
                found.append(Fix(f"Write {_short(edit.text)}", item, edit))
                # One edit is meant, but of declarations there is a choice.
                if not _DECLARE.match(item.hint):
                    break
    return tuple(found)


def _edits(item: Diagnostic, place: Span, reading: Reading) -> Iterator[Edit]:
    """What a hint may mean, the likeliest first."""
    if declare := _DECLARE.match(item.hint):
        start = place.source.start_of(place.line)
        for line in re.findall("`([^`]+)`", declare[1]):
            yield Edit(Span(place.source, start, start), f"{line}\n")
    elif meant := _MEANT.search(item.hint):
        yield from _words(item, place, meant[1])
    elif (written := _WRITE.match(item.hint)) is not None:
        text = _GOES_ON.split(written[1])[0].strip("`")
        if item.code == "RF102":
            line = place.source.line(place.line).partition("#")[0].rstrip()
            end = place.source.start_of(place.line) + len(line)
            yield Edit(Span(place.source, end, end), text)
            return
        whole = Edit(reading.statement_at(place.start) or place, text)
        here = Edit(place, text)
        yield from (whole, here) if _is_statement(text) else (here, whole)


def _is_statement(text: str) -> bool:
    return re.match(r"[^()]*?(?<![<>=])=(?!=)|[a-z]+ ", text) is not None


def _words(item: Diagnostic, place: Span, meant: str) -> Iterator[Edit]:
    """A word of a place that another one was meant for, with its index if that has one."""
    name = NAME.match(meant)
    if name is not None and name.end() < len(meant):
        indexed = re.compile(rf"{re.escape(name[0])}(?:_<[^>]*>|_\{{[^}}]*\}}|_\w+)")
        for found in indexed.finditer(place.text):
            start = place.start + found.start()
            yield Edit(Span(place.source, start, start + len(found[0])), meant)
    quoted = re.findall(r"'([^']+)'", item.message)
    names = [*NAME.finditer(place.text)]
    first = [found for found in names if found[0] in quoted]
    for found in (*first, *names[:2]):
        start = place.start + found.start()
        yield Edit(Span(place.source, start, start + len(found[0])), meant)
    yield Edit(place, meant)


def _hidden(
    after: Checked, mended: Reading, item: Diagnostic, edit: Edit
) -> Counter[str]:
    """Mistakes behind an edit that the one which it mends hid.

    A statement is read up to its first mistake of syntax.
    """
    statement = mended.statement_at(edit.place.start)
    found: Counter[str] = Counter()
    if statement is None or item.code[:3] != _SYNTAX:
        return found
    for other in after.diagnostics:
        place = other.labels[0].span if other.labels else None
        if place is None or place.source is not mended.source:
            continue
        if edit.place.start < place.start < statement.end and place.end > _end(edit):
            found[other.code] += 1
    return found


def _end(edit: Edit) -> int:
    """Where an edit ends in the text that it makes."""
    return edit.place.start + len(edit.text)


def _better(
    before: Checked, after: Checked, item: Diagnostic, hidden: Counter[str]
) -> bool:
    """Whether a mistake is gone, and no other one has come but those that it hid."""
    was, now = _counts(before), _counts(after) - hidden
    return now[item.code] < was[item.code] and (
        all(now[code] <= was[code] for code in now) or _further(now, was)
    )


def _further(now: Counter[str], was: Counter[str]) -> bool:
    """Whether mistakes are those of a later stage, which a mistake in front of them hid.

    The hundreds of their codes are the stages.
    """
    return bool(was) and bool(now) and min(now)[:3] > max(was)[:3]


def _counts(checked: Checked) -> Counter[str]:
    return Counter(
        item.code for item in checked.diagnostics if item.severity is Severity.ERROR
    )


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) < 60 else f"{words[:57]}..."
