"""``recform diff``: what another formula changes, in terms of what it means."""

from __future__ import annotations

import typer

from recform.cli import answer, common


def command(both: common.Both, as_json: answer.AsJson = False) -> None:
    """Show which paths, state, parameters and costs another formula adds or removes."""
    from recform.report.difference import difference

    found = difference(*both.compiled())
    if as_json:
        answer.result(found.as_dict())
    else:
        typer.echo("\n".join(found.lines()))
