"""Names that would mean two things."""

from __future__ import annotations

from collections.abc import Mapping

from recform.blocks import Library, identifiers
from recform.diagnostics import Diagnostics, Label
from recform.outline.sections import Section
from recform.outline.survey import Survey
from recform.source import Span
from recform.syntax import nodes as n
from recform.syntax.statements import RESERVED


def check_names(section: Section, found: Survey, report: Diagnostics) -> bool:
    """Reports names that have a meaning already, the language's or the file's.

    Returns:
        Whether all words of the language mean what they do: with another width `c`, say,
        nothing that is read behind would make sense.

    Args:
        section: the statements.
        found: what the equations name.
        report: gets RF209.
    """
    is_sound = True
    named: list[tuple[str, n.Node | Span]] = [
        *section.params.items(),
        *section.consts.items(),
        *section.scalars.items(),
        *section.definitions.items(),
        *section.contexts.items(),
        *found.unknowns.items(),
    ]
    for name, item in named:
        span = item if isinstance(item, Span) else item.span
        if name in RESERVED:
            report.error("RF209", f"the name {name!r} has a meaning of its own", span)
            is_sound = False
    if (scalar := section.scalars.get("adapter")) is not None:
        text = "a `names` statement means the adapters by 'adapter'"
        report.error("RF209", text, scalar.span, hint="give it another name")
    kinds: dict[str, tuple[str, Span]] = {}
    tables: list[tuple[str, Mapping[str, n.Node | Span]]] = [
        ("a parameter", section.params),
        ("a constant", section.consts),
        ("a learned scalar", section.scalars),
        ("an operator", section.definitions),
        ("an input", section.contexts),
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
    for name, context in section.contexts.items():
        _check_argument(name, context.span, section.library, report)
    return is_sound


def _check_argument(
    name: str, place: Span, library: Library, report: Diagnostics
) -> None:
    """Reports a further input whose name the generated forward pass cannot have."""
    if name in ("x", *identifiers.LOCALS):
        why = f"{name!r} is something else in the generated forward pass"
    elif identifiers.is_taken(name, library):
        why = f"{name!r} means something else in generated files"
    elif not identifiers.is_plain(name):
        why = f"Python has no argument {name!r}, and the forward pass would take it"
    else:
        return
    shown = identifiers.identifier(name)
    shown = f"my_{name}" if shown == name else shown
    report.error("RF209", why, place, hint=f"give it another name: {shown}")
