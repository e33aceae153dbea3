"""``recform check``: tells what is wrong with a formula file, and writes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from recform.cli import common


def command(
    file: common.File,
    settings: common.Settings = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with status 1 for warnings, too.")
    ] = False,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Tell what is wrong with a formula file."""
    with common.diagnosed(form):
        networks = common.compiled(file, settings)
        # The names of parameters are checked where the code is written.
        for network in networks:
            _ = network.source
    # A program that reads the answer finds one, whether there is something or not.
    warnings = networks[0].warnings
    common.show(warnings, form, always=True)
    if strict and warnings:
        raise typer.Exit(1)
    if form is common.Format.text:
        names = ", ".join(network.name for network in networks)
        typer.echo(f"{file}: good ({names})")
