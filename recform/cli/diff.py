"""``recform diff``: what another formula changes, in terms of what it means."""

from __future__ import annotations

from typing import Any

import typer

from recform.cli import answer, common
from recform.cli.equiv import Other, OtherName
from recform.compiler import choose
from recform.report import summarise
from recform.report.summary import Summary

_FIGURES = (
    ("order", "order"),
    ("parameters", "parameters"),
    ("multiply_adds", "multiply-adds"),
    ("kept", "activations kept"),
)


def command(
    file: common.File,
    other: Other,
    settings: common.Settings = None,
    network: common.NetworkName = None,
    other_network: OtherName = None,
    as_json: answer.Json = False,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Show which paths, state, parameters and costs another formula adds or removes."""
    from recform.analysis.difference import as_dict, path_difference, path_lines
    from recform.analysis.equal_frame import frame_changes

    with common.diagnosed(form):
        compiled = [
            choose(common.compiled(file, settings, network), network),
            choose(common.compiled(other, settings, other_network), other_network),
        ]
        common.show([w for item in compiled for w in item.warnings], form)
    paths = path_difference(compiled[0].formula, compiled[1].formula)
    frame = frame_changes(compiled[0].formula, compiled[1].formula)
    before, after = (summarise(item.graph) for item in compiled)
    if as_json:
        data: dict[str, Any] = {
            "networks": [before.name, after.name],
            "equations": [list(before.equations), list(after.equations)],
            "frame": [change.as_dict() for change in frame],
            "paths": as_dict(paths),
            "state": [_state(before), _state(after)],
        }
        data |= {key: [getattr(s, key) for s in (before, after)] for key, _ in _FIGURES}
        answer.result(data)
        return
    typer.echo(f"{before.name} -> {after.name}")
    for line in _marked(*(_equations(summary) for summary in (before, after))):
        typer.echo(line)
    if frame:
        typer.echo("\nAround the equations")
    for change in frame:
        typer.echo(f"  {change.what}: {' -> '.join(change.texts)}")
    which = "blocks of the general equations" if paths.own else "later blocks"
    typer.echo(f"\nPaths between {which}, with linear operators")
    typer.echo("\n".join(path_lines(paths)))
    typer.echo("\nState from block to block")
    for line in _marked(_state(before), _state(after)):
        typer.echo(line)
    typer.echo("\nFigures")
    for key, name in _FIGURES:
        typer.echo(f"  {name:17} {_change(getattr(before, key), getattr(after, key))}")


def _marked(old: list[str], new: list[str]) -> list[str]:
    """Lines of both, with a mark at those that only one has."""
    both = dict.fromkeys((*old, *new))
    marks = {line: "-" if line not in new else "+" for line in both}
    marks |= {line: " " for line in both if line in old and line in new}
    return [f"  {marks[line]} {line}" for line in both]


def _equations(summary: Summary) -> list[str]:
    return [*summary.equations, *summary.boundaries]


def _state(summary: Summary) -> list[str]:
    rows = [row.what for row in summary.state]
    return rows + [border.text() for border in summary.borders]


def _change(before: int, after: int) -> str:
    if before == after:
        return f"{before:,}"
    return f"{before:,} -> {after:,} ({after - before:+,})"
