"""``recform summary``: formula, state, stages and costs of a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recform.cli import answer, common
from recform.diagnostics import Diagnostics

if TYPE_CHECKING:
    from recform.report import TableRow


def command(
    file: common.File,
    settings: common.Settings = None,
    network: common.NetworkName = None,
    as_json: answer.Json = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="The formulas as LaTeX.")
    ] = False,
    table: Annotated[
        bool,
        typer.Option(
            "--table",
            help="All networks of a file or a folder side by side, beside the figures "
            "in its published.csv.",
        ),
    ] = False,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Show formula, order, state, stages, parameters and costs."""
    common.one_of(json=as_json, latex=latex)
    common.one_of(table=table, latex=latex)
    common.one_of(table=table, network=network is not None)
    if table:
        with common.diagnosed(form):
            rows = _rows(Path(file), settings, form)
        if as_json:
            answer.result([row.as_dict() for row in rows])
        else:
            from recform.report.text import render_table

            render_table(rows)
        return
    from recform.report import summarise

    with common.diagnosed(form):
        networks = common.compiled(file, settings, network)
    common.show(networks[0].warnings, form)
    summaries = [summarise(item.graph, str(item.proof)) for item in networks]
    if as_json:
        answer.networks([summary.as_dict() for summary in summaries])
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


def _rows(
    path: Path, settings: list[str] | None, form: common.Format
) -> list[TableRow]:
    """A row for each network of a file, or of all files of a folder.

    Raises:
        CompileError: with all that is wrong in them.
    """
    from recform.report import published, tabulate

    folder = path if path.is_dir() else path.parent
    files = sorted(path.glob("*.rf")) if path.is_dir() else [path]
    report = Diagnostics()
    if not files:
        report.error("RF001", f"{path} has no formula file", file=path.as_posix())
    compiled = [(file.stem, common.compiled(str(file), settings)) for file in files]
    common.show([w for _, items in compiled for w in items[0].warnings], form)
    networks = [(stem, item.graph) for stem, items in compiled for item in items]
    told = folder / "published.csv"
    try:
        known = published(told.read_text("utf-8")) if told.exists() else {}
    except (OSError, ValueError) as error:
        report.error("RF006", f"{told} cannot be read: {error}", file=told.as_posix())
    report.check()
    return tabulate(networks, known)
