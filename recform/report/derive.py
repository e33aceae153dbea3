"""What ``recform derive`` says, both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recform.derivation.file import (
    derived_file,
    derived_lines,
    silent_starts,
    taken_names,
)
from recform.derivation.forward import MAX_UNKNOWNS, Derivation, derive
from recform.derivation.general.read import read, statement_of
from recform.derivation.steps import Step, steps
from recform.diagnostics import Diagnostic, Diagnostics
from recform.outline.sections import Section, sections
from recform.series import regex as regexes
from recform.series.show import LATEX
from recform.source import Source
from recform.syntax import nodes as n
from recform.syntax.parse import parse
from recform.syntax.uses import Folder


@dataclass(frozen=True)
class Forward:
    """A general formula made into a recursion.

    Attributes:
        name: of the network.
        found: the derivation.
        lines: the statements that stand for the general formula.
        steps: how they come out.
    """

    name: str
    found: Derivation
    lines: tuple[str, ...]
    steps: tuple[Step, ...]

    def text(self) -> str:
        """For the terminal."""
        result = [self.name]
        for number, step in enumerate(self.steps, 1):
            result.append(f"\n{number}. {step.title}")
            if step.note:
                result.append(f"   {step.note}")
            result += [f"     {line}" for line in step.lines]
        result.append("\nAs a formula file:\n")
        result += list(self.lines)
        return "\n".join(result)

    def latex(self) -> str:
        """As LaTeX: a paragraph and an ``align*`` for each step."""
        result = []
        for step in self.steps:
            title = _escaped(step.title)
            note = f" {_escaped(step.note)}" if step.note else ""
            result.append(rf"\paragraph{{{title}.}}{note}")
            result.append(aligned(step.latex))
        return "\n".join(result)

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        found = self.found
        recursion = found.recursion
        return {
            "network": self.name,
            "general": found.wanted.text,
            "reading": found.wanted.reading,
            "paths": regexes.shown(found.reduced.series),
            "rank": found.rank,
            "order": recursion.order,
            "unknowns": list(recursion.unknowns),
            "equations": list(recursion.equations()),
            "latex": list(recursion.equations(LATEX)),
            "statements": list(self.lines),
            "steps": [
                {
                    "title": step.title,
                    "note": step.note,
                    "lines": list(step.lines),
                    "latex": list(step.latex),
                }
                for step in self.steps
            ],
        }


@dataclass(frozen=True)
class Derived:
    """All general formulas of a file made into recursions.

    Attributes:
        reports: one for each.
        file: the file with the recursions in their places.
        warnings: on the way.
        network: the one that was asked for; None for all, and where the file does not
            name its only one.
    """

    reports: tuple[Forward, ...]
    file: str
    warnings: tuple[Diagnostic, ...]
    network: str | None = None


def forward(
    source: Source,
    folder: Folder,
    settings: Mapping[str, object],
    network: str | None,
    order: int | None,
) -> Derived | None:
    """The recursions of a file's general formulas; None if it has none.

    Args:
        source: the file.
        folder: where ``use`` looks.
        settings: parameters that replace those of the file.
        network: the network that is asked for, if one is.
        order: how many blocks back the recursion may reach, if there is a limit.

    Raises:
        CompileError: with all that is wrong.
    """
    report = Diagnostics()
    file = parse(source, report, folder)
    report.check()
    parts = sections(file, source, report, network)
    found = [(part, item) for part in parts if (item := statement_of(part, report))]
    report.check()
    if not found:
        return None
    made: list[tuple[Derivation, Section]] = []
    for part, item in found:
        wanted = read(part, item, report, settings)
        if wanted is None:
            continue
        if item.span.source is not source:
            report.error(
                "RF638",
                "the general formula stands in a file that is used",
                item.span,
                hint="derive that file, and use what comes out",
            )
            continue
        derivation = derive(wanted, taken_names(part))
        if _sound(derivation, order, report):
            made.append((derivation, part))
    report.check()
    reports = tuple(
        Forward(part.name, d, tuple(derived_lines(d, part)), steps(d))
        for d, part in made
    )
    named = any(isinstance(item, n.Network) for item in file.statements)
    asked = network if named else None
    return Derived(reports, derived_file(source, made), report.warnings, asked)


def _sound(found: Derivation, order: int | None, report: Diagnostics) -> bool:
    place = found.wanted.place
    if not any(found.recursion.terms.values()):
        report.error(
            "RF642",
            f"no path leads on: {found.wanted.unknown}_i gets nothing from older blocks",
            place,
        )
        return False
    if len(found.recursion.unknowns) > MAX_UNKNOWNS:
        report.error(
            "RF106",
            f"these paths need {len(found.recursion.unknowns)} unknowns at least; "
            f"the limit is {MAX_UNKNOWNS}",
            place,
        )
        return False
    if silent_starts(found.recursion) is None:
        report.warning(
            "RF642",
            "no path leads to some blocks: they get nothing from older ones, and no "
            "network can be built",
            place,
            hint="a path that skips, or passes, one block at a time reaches every block",
        )
    if order is not None and found.reach is not None and found.reach > order:
        report.error(
            "RF637",
            f"the recursion reaches {found.reach} blocks back, and --order allows {order}",
            place,
            hint=f"--order {found.reach}",
        )
        return False
    return True


def aligned(lines: Iterable[str]) -> str:
    """Formulas in LaTeX, one below the other."""
    body = " \\\\\n".join(f"  & {line}" for line in lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def _escaped(text: str) -> str:
    return (
        "".join(rf"\{c}" if c in "_&%#" else c for c in text)
        .replace("<", r"\textless{}")
        .replace(">", r"\textgreater{}")
    )
