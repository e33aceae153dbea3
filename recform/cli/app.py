"""The application: the commands, and the options that belong to no command."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from recform.cli import usage
from recform.cli.common import Commands
from recform.version import __version__

#: A file each of `recform.cli.commands`, as the help lists them.
_COMMANDS = (
    *("compile", "check", "fmt", "summary", "analyze", "verify", "derive", "equiv"),
    *("diff", "compare", "render", "train", "runs", "transplant", "explain", "lsp"),
    "playground",
)


class _Group(usage.Group):
    """All of them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "commands": Commands(_COMMANDS)})


app = typer.Typer(
    name="recform",
    cls=_Group,
    help="From recursion formulas to neural networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain text is there at once; pictures of boxes take as long as all else.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
