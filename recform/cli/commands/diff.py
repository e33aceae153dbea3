"""``recform diff``: what another formula changes, in terms of what it means."""

from __future__ import annotations

import typer

from recform.cli import answer, common
from recform.cli.commands.equiv import Other, OtherName


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
    from recform.compiler import choose
    from recform.report.difference import difference

    with common.diagnosed(form):
        first, second = (
            choose(common.compiled(file, settings, network), network),
            choose(common.compiled(other, settings, other_network), other_network),
        )
        common.show([*first.warnings, *second.warnings], form)
    found = difference(first, second)
    if as_json:
        answer.result(found.as_dict())
    else:
        typer.echo("\n".join(found.lines()))
