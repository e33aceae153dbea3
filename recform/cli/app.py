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
app.command("compile")(compile.command)
app.command("check")(check.command)
app.command("fmt")(fmt.command)
app.command("summary")(summary.command)
app.command("analyze")(analyze.command)
app.command("verify")(verify.command)
app.command("derive")(derive.command)
app.command("equiv")(equiv.command)
app.command("diff")(diff.command)
app.command("compare")(compare.command)
app.command("render")(render.command)
app.command("train")(train.command)
app.command("runs")(runs.command)
app.command("transplant")(transplant.command)
app.command("explain")(explain.command)
app.command("lsp")(lsp.command)
app.command("playground")(playground.command)


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
