"""``recform summary``: formula, state, stages and costs of a network."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from recform.cli import common
from recform.compiler import choose
from recform.report import summarise


def command(
    file: common.File,
    settings: common.Settings = None,
    network: common.NetworkName = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="The formulas as LaTeX.")
    ] = False,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Show formula, order, state, stages, parameters and costs."""
    with common.diagnosed(form):
        networks = common.compiled(file, settings)
        if network is not None:
            networks = (choose(networks, network),)
    common.show(networks[0].warnings, form)
    summaries = [summarise(item.graph) for item in networks]
    if as_json:
        data = [summary.as_dict() for summary in summaries]
        sys.stdout.write(
            json.dumps(data[0] if len(data) == 1 else data, indent=2) + "\n"
        )
        return
    if latex:
        for summary in summaries:
            typer.echo("\n".join(summary.latex))
        return
    from recform.report.text import render

    for number, summary in enumerate(summaries):
        if number:
            typer.echo()
        render(summary)
