"""Says of a value out of range that it was set, where the file does not show it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from numbers import Rational

from recform.diagnostics import CompileError, Diagnostic, Label
from recform.outline.definitions import every_name
from recform.outline.frame import INPUT
from recform.outline.sections import DEFAULTS
from recform.syntax import nodes as n

#: What is said of values: out of range, no number, no whole one, not divisible.
_VALUES = frozenset(
    ("RF106", "RF210", "RF211", "RF212", "RF302", "RF402", "RF403", "RF404")
)
_NAME = re.compile(r"[^\W\d]\w*")


@contextmanager
def blaming(file: n.File, settings: Mapping[str, object]) -> Iterator[None]:
    """Around stages: an error names the settings from which a wrong value comes.

    Its place may be a default, or a line of the file that is right with the file's own
    values.

    Args:
        file: the statements.
        settings: values of parameters that replace those of the file.

    Raises:
        CompileError: the stages' own, with the settings named.
    """
    try:
        yield
    except CompileError as error:
        sources = _sources(file, settings)
        blamed = (_blamed(item, sources, settings) for item in error.diagnostics)
        # The same error, for it may know more: a ShapeError has the shapes.
        error.diagnostics = tuple(blamed)
        raise


def _sources(file: n.File, settings: Mapping[str, object]) -> dict[str, list[str]]:
    """For each name that depends on a setting, the settings that it depends on."""
    found = {name: [name] for name in settings}
    for item in file.statements:
        if isinstance(item, n.Param) and item.name not in settings:
            found[item.name] = _behind(every_name(item.value), found)
        elif isinstance(item, n.Const):
            found[item.target.name] = _behind(every_name(item.value), found)
    return found


def _behind(names: Iterable[str], sources: Mapping[str, list[str]]) -> list[str]:
    return list(dict.fromkeys(s for name in names for s in sources.get(name, ())))


def _blamed(
    item: Diagnostic, sources: Mapping[str, list[str]], settings: Mapping[str, object]
) -> Diagnostic:
    if item.code not in _VALUES or not item.labels:
        return item
    place, *others = item.labels
    behind = _behind(_NAME.findall(place.span.text_without_comments), sources)
    if not behind:
        return item
    given = " ".join(f"--set {name}={_text(settings[name])}" for name in behind)
    if behind == [INPUT] and place.span.source.name == DEFAULTS:
        # What was set stands for the whole line, and nobody wrote that one.
        return replace(item, message=f"{item.message}, from {given}", labels=())
    text = f"{place.text}; from {given}" if place.text else f"from {given}"
    return replace(item, labels=(Label(place.span, text), *others))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Rational) and value.denominator != 1:
        return str(float(value))
    return str(value)
