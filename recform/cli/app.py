"""The application: the commands, and the options that belong to no command."""

from __future__ import annotations

from typing import Annotated

import typer

from recform.cli import common
from recform.cli.commands import (
    analyze,
    check,
    compare,
    compile,
    derive,
    diff,
    equiv,
    explain,
    fmt,
    lsp,
    playground,
    render,
    runs,
    summary,
    train,
    transplant,
    verify,
)
from recform.cli.usage import Group
from recform.version import __version__

app = common.Commands(
    name="recform",
    cls=Group,
    help="From recursion formulas to neural networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain text is there at once; pictures of boxes take as long as all else.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    *(compile, check, fmt, summary, analyze, verify, derive, equiv, diff, compare),
    *(render, train, runs, transplant, explain, lsp, playground),
):
    app.command(command.__name__.rpartition(".")[2])(command.command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"recform {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show it."),
    ] = False,
) -> None:
    """From recursion formulas to neural networks."""
