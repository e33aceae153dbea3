"""``recform playground``: formulas in the browser."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer


def command(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of this machine; 0 for any.")
    ] = 8765,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page.")
    ] = True,
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the page was built.")
    ] = None,
    pyodide: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Python for browsers, where no network is."
        ),
    ] = None,
    plugins: Annotated[list[str] | None, typer.Option("--plugin", hidden=True)] = None,
) -> None:
    """Show the playground: type a formula, see the diagram and the code."""
    from recform.playground.serve import page, serve

    if plugins:
        # Silence would look as if the page knew the operators.
        raise typer.BadParameter("the page runs in a browser, which has no plugins")

    def ready(address: str) -> None:
        typer.echo(f"The playground is at {address} (Ctrl-C ends it).")
        if browser:
            import webbrowser

            webbrowser.open(address)

    with suppress(KeyboardInterrupt):
        serve(page(folder, pyodide), port, ready)
