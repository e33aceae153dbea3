"""``recform check``: tells what is wrong with a formula file, and writes nothing."""

from __future__ import annotations

import typer

from recform.cli import common


def command(
    file: common.File,
    settings: common.Settings = None,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Tell what is wrong with a formula file."""
    with common.diagnosed(form):
        networks = common.compiled(file, settings)
        # The names of parameters are checked where the code is written.
        for network in networks:
            _ = network.source
    # A program that reads the answer finds one, whether there is something or not.
    common.show(networks[0].warnings, form, always=True)
    if form is common.Format.text:
        names = ", ".join(network.name for network in networks)
        typer.echo(f"{file}: good ({names})")
