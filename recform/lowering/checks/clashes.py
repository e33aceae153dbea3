"""Names that would mean two things."""

from __future__ import annotations

from collections.abc import Mapping

from recform.diagnostics import Diagnostics, Label
from recform.lowering.sections import Section
from recform.lowering.survey import Survey
from recform.source import Span
from recform.syntax import nodes as n

_RESERVED = ("i", "L", "c", "s", "cin", "input", "in_channels")


def check_names(section: Section, found: Survey, report: Diagnostics) -> None:
    """Reports names that have a meaning already, the language's or the file's.

    Args:
        section: the statements.
        found: what the equations name.
        report: gets RF209.
    """
    named: list[tuple[str, n.Node | Span]] = [
        *section.params.items(),
        *section.consts.items(),
        *section.scalars.items(),
        *section.definitions.items(),
        *found.unknowns.items(),
    ]
    for name, item in named:
        span = item if isinstance(item, Span) else item.span
        if name in _RESERVED:
            report.error("RF209", f"the name {name!r} has a meaning of its own", span)
    kinds: dict[str, tuple[str, Span]] = {}
    tables: list[tuple[str, Mapping[str, n.Node | Span]]] = [
        ("a parameter", section.params),
        ("a constant", section.consts),
        ("a learned scalar", section.scalars),
        ("an operator", section.definitions),
        ("an unknown", found.unknowns),
    ]
    for kind, table in tables:
        for name, item in table.items():
            span = item if isinstance(item, Span) else item.span
            if name in kinds:
                before, place = kinds[name]
                report.error(
                    "RF209",
                    f"{name!r} is {kind} here, but {before} elsewhere",
                    span,
                    others=[Label(place, f"{before} here")],
                )
            kinds.setdefault(name, (kind, span))
