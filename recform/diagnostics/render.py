"""Diagnostics as text, in the manner of rustc, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable

from recform.diagnostics.model import Diagnostic, Label
from recform.source import Span

#: Longest stretch of a source line that is shown.
_WINDOW = 100


def render_text(diagnostics: Iterable[Diagnostic]) -> str:
    """All diagnostics as text, an empty line between two of them."""
    return "\n\n".join(_render(item) for item in diagnostics) + "\n"


def _render(item: Diagnostic) -> str:
    lines = [f"{item.severity.value}[{item.code}]: {item.message}"]
    shown = item.labels
    if shown:
        width = max(len(str(label.span.line)) for label in shown)
        gutter = " " * width
        for number, label in enumerate(shown):
            span = label.span
            arrow = "-->" if number == 0 else ":::"
            lines.append(
                f"{gutter}{arrow} {span.source.name}:{span.line}:{span.column}"
            )
            lines.append(f"{gutter} |")
            lines.extend(_excerpt(label, width, "^" if number == 0 else "-"))
            lines.append(f"{gutter} |")
        if item.hint:
            lines.append(f"{gutter} = hint: {item.hint}")
        elif lines[-1].endswith("|"):
            lines.pop()
    else:
        if item.file:
            lines.append(f" --> {item.file}")
        if item.notes:
            lines += [
                "  |",
                *(f"  | {printable(n)}".rstrip() for n in item.notes),
                "  |",
            ]
        if item.hint:
            lines.append(f"  = hint: {item.hint}")
    return "\n".join(lines)


def _excerpt(label: Label, width: int, mark: str) -> list[str]:
    span = label.span
    text = span.source.line(span.line)
    start = span.column - 1
    length = max(1, min(span.end - span.start, len(text) - start))
    offset = max(0, start - _WINDOW // 2) if len(text) > _WINDOW else 0
    window = text[offset : offset + _WINDOW]
    length = min(length, max(1, _WINDOW - (start - offset)))
    before = "..." if offset else ""
    after = "..." if offset + _WINDOW < len(text) else ""
    # Tabs are kept in the indentation, so that the marks stand under the text.
    indent = "".join("\t" if char == "\t" else " " for char in text[offset:start])
    marks = " " * len(before) + indent + mark * length
    note = f" {label.text}" if label.text else ""
    return [
        f"{span.line:>{width}} | {printable(before + window + after)}",
        f"{' ' * width} | {marks}{note}",
    ]


def printable(text: str) -> str:
    """A line of a file without signs that a screen takes for commands."""
    return "".join(
        char if char == "\t" or char.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """All diagnostics as a JSON array; offsets are characters counted from 0."""
    return json.dumps([as_dict(item) for item in diagnostics], indent=2) + "\n"


def as_dict(item: Diagnostic) -> dict[str, object]:
    """A diagnostic as JSON has it; of its places, the first is that of the mistake."""
    place = _place(item.labels[0].span) if item.labels else {}
    places = [_place(label.span) | {"label": label.text} for label in item.labels]
    return {
        "code": item.code,
        "severity": item.severity.value,
        "message": item.message,
        "file": place.get("file", item.file),
        **{key: place.get(key) for key in ("line", "column", "start", "end")},
        "places": places,
        "hint": item.hint,
        "notes": list(item.notes),
    }


def _place(span: Span) -> dict[str, object]:
    return {
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "start": span.start,
        "end": span.end,
    }
