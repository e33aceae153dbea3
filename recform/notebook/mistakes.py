"""What is wrong with a formula, as a notebook shows it: underlined where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from recform.diagnostics import Diagnostic, Label, render_text
from recform.diagnostics.render import printable
from recform.notebook.html import formula, output


def bundle(found: Iterable[Diagnostic]) -> dict[str, str]:
    """Diagnostics in the forms that a notebook chooses from."""
    found = tuple(found)
    return {"text/plain": render_text(found).rstrip(), "text/html": output(html(found))}


def html(found: Iterable[Diagnostic]) -> str:
    """Diagnostics, one below the other."""
    return "".join(_mistake(item) for item in found)


def _mistake(item: Diagnostic) -> str:
    kind = item.severity.value
    where = "" if item.labels or not item.file else f" ({item.file})"
    said = escape(f"{item.message}{where}")
    places = "".join(
        f'<div class="{"more" if number else "first"}">{_place(label, item)}</div>'
        for number, label in enumerate(item.labels)
    )
    notes = "\n".join(map(printable, item.notes))
    more = f'<pre tabindex="0">{escape(notes)}</pre>' if notes else ""
    hint = f"<p>hint: {escape(item.hint)}</p>" if item.hint else ""
    return (
        f'<div class="{kind}" role="group" aria-label="{kind} {item.code}">'
        f"<p><strong>{kind} {item.code}:</strong> {said}</p>{places}{more}{hint}</div>\n"
    )


def _place(label: Label, item: Diagnostic) -> str:
    """A line of the formula, what is meant of it marked, and what is said of that."""
    span = label.span
    line = printable(span.source.line(span.line))
    start = min(span.column - 1, len(line))
    end = min(start + max(1, span.end - span.start), max(start + 1, len(line)))
    other = span.source is not item.labels[0].span.source
    number = f"{span.source.name}:{span.line}" if other else str(span.line)
    where = f"{span.source.name}, line {span.line}, column {span.column}"
    said = f'  <span class="said">{escape(label.text)}</span>' if label.text else ""
    return (
        f'<pre tabindex="0" aria-label="{escape(where)}" title="{escape(where)}">'
        f'<span class="line">{escape(number)} | </span>{formula(line, start, end)}{said}</pre>'
    )
