"""Operators that the file does not define: default blocks, or names that are misspelt.

``W_i`` without a definition is the default block, and meant to be. But so is ``Wi``, which
was to be ``W_i``, or ``Atention_i`` beside a definition of ``Attention``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import SequenceMatcher

from recform.diagnostics import Diagnostics, Label, closest
from recform.outline.sections import Section
from recform.outline.survey import survey
from recform.source import Source, Span

#: How alike two long names are of which one is the other misspelt, and what is long.
_ALIKE, _LONG = 0.8, 4
#: What tells operators apart: Conv1 and Conv2 are two, and so are ConvA and ConvB.
_COUNTED = re.compile(r"\d|(?<=[a-z])[A-Z]$")


def undefined(section: Section) -> dict[str, Span]:
    """The operators of a network that are default blocks, and where they first stand."""
    return {
        name: place
        for name, place in survey(section, Diagnostics()).operators.items()
        if name not in section.definitions and section.library.lookup(name) is None
    }


def in_place_of(name: str, section: Section) -> tuple[str, tuple[Label, ...]]:
    """What may stand where an operator is meant that is defined and not used.

    Returns:
        A hint, and the place; nothing if nobody knows.
    """
    found = undefined(section)
    guess = closest(name, found) or (next(iter(found)) if len(found) == 1 else "")
    if not guess:
        return "", ()
    place = found[guess]
    return (
        f"{guess} has no definition, so it is the default block: if {name} is meant, "
        f"write {_written(place.text, guess, name)}",
        (Label(place, "the default block"),),
    )


def _written(text: str, name: str, meant: str) -> str:
    """A reference with another name; the index that was part of the name stands by itself."""
    if name == f"{meant}i" and text == name:
        return f"{meant}_i"
    return meant + text.removeprefix(name)


def warn_misspelt(
    section: Section, source: Source, report: Diagnostics, said: Collection[Span]
) -> None:
    """Warns of default blocks that are probably an operator with another name.

    Args:
        section: a network.
        source: the file that was asked for.
        report: gets RF117.
        said: places that something else was said of.
    """
    found = undefined(section)
    for name, place in found.items():
        others = [*section.definitions, *(item for item in found if item != name)]
        meant = _meant(name, place.text, section.definitions, others)
        alike = section.library.alike(name) if len(name) > 1 else ""
        if place.source is not source or place in said:
            continue
        if meant:
            hint = f"if {meant} is meant, write {_written(place.text, name, meant)}; "
            hint += f"if not, {name} = ... says what it is"
        elif alike:
            hint = f"if {alike} is meant, {name} = {alike} says so"
        else:
            continue
        text = f"{name} has no definition, so it is the default block"
        report.warning("RF117", text, place, hint=hint)


def _meant(name: str, text: str, defined: Iterable[str], others: Iterable[str]) -> str:
    """The operator that a name probably is; empty for one of its own."""
    if text == name and re.fullmatch(r"[A-Z]\w*i", name):
        letter = name.removesuffix("i")
        if len(letter) == 1 or letter in others:
            return letter
    for other in defined:
        # F and f are two, as formulas have it.
        if len(name) > 1 and name.lower() == other.lower():
            return other
        long = min(len(name), len(other)) >= _LONG
        apart = _COUNTED.sub("", name) == _COUNTED.sub("", other)
        alike = SequenceMatcher(None, name, other).ratio() >= _ALIKE
        if long and alike and not apart:
            return other
    return ""
