"""``recform compile``: a formula file becomes a PyTorch module."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from recform.cli import common


def command(
    file: common.File,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT.py", help="Where to write it."),
    ] = None,
    settings: common.Settings = None,
    network: common.NetworkName = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether OUT.py is up to date.")
    ] = False,
    timm: Annotated[
        bool, typer.Option("--timm", help="Give it the interface of timm's models.")
    ] = False,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Write the PyTorch module of a formula: to OUT.py, or to standard output."""
    from recform.compiler import emit_source, with_timm

    if check and output in (None, common.STDOUT):
        raise typer.BadParameter("--check needs -o OUT.py", param_hint="--check")
    with common.diagnosed(form):
        networks = common.compiled(file, settings, network)
        if timm:
            networks = with_timm(networks)
        source = emit_source(list(networks))
        common.show(networks[0].warnings, form)
        if check and output is not None:
            _compare(output, source)
        else:
            common.write_whole(output, source, ".py")


def _compare(path: Path, source: str) -> None:
    """Ends with status 1 and a diff if the file differs from what would be written."""
    try:
        old = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        typer.echo(f"{path.as_posix()} does not exist", err=True)
        raise typer.Exit(1) from None
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(f"{path.as_posix()} cannot be read: {error}", err=True)
        raise typer.Exit(1) from None
    if old == source:
        return
    import difflib

    lines = difflib.unified_diff(
        old.splitlines(keepends=True),
        source.splitlines(keepends=True),
        path.as_posix(),
        f"{path.as_posix()} (as it would be now)",
    )
    sys.stdout.writelines(lines)
    typer.echo(f"{path.as_posix()} is stale", err=True)
    raise typer.Exit(1)
