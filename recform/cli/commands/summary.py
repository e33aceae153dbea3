"""``recform summary``: formula, state, stages and costs of a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recform.cli import answer, common
from recform.diagnostics import Diagnostics
from recform.memory import MOST_EXAMPLES, Memory

if TYPE_CHECKING:
    from recform.graph import NetworkGraph
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
    memory: Annotated[
        bool,
        typer.Option(
            "--memory",
            help="Memory of training and of inference, work, and time on devices.",
        ),
    ] = False,
    batch: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_EXAMPLES, help="With --memory: examples at once; 1."
        ),
    ] = None,
    dtype: Annotated[
        common.Dtype | None,
        typer.Option(help="With --memory: the type of all numbers; fp32."),
    ] = None,
    optimizer: Annotated[
        common.Optimizer | None,
        typer.Option(help="With --memory: SGD with momentum, or Adam; sgd."),
    ] = None,
    plan: Annotated[
        Memory | None,
        typer.Option(help="With --memory: what is kept for the backward pass; plain."),
    ] = None,
    memory_budget: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="With --memory: the most that training may hold, 6GiB or 50%.",
        ),
    ] = None,
    pareto: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.svg",
            help="With --memory: draw time against memory of all plans (.png, .pdf too).",
        ),
    ] = None,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Show formula, order, state, stages, parameters and costs."""
    common.one_of(json=as_json, latex=latex)
    common.one_of(table=table, latex=latex)
    common.one_of(table=table, network=network is not None)
    common.one_of(memory=memory, table=table)
    common.one_of(memory=memory, latex=latex)
    asked = {"batch": batch, "dtype": dtype, "optimizer": optimizer}
    given: dict[str, Any] = {n: v for n, v in asked.items() if v is not None}
    kept: dict[str, Any] = {"plan": plan, "budget": memory_budget}
    more = {**given, "plan": plan, "memory-budget": memory_budget, "pareto": pareto}
    first = next((name for name, value in more.items() if value is not None), None)
    if first and not memory:
        raise typer.BadParameter(
            "it says what --memory is asked for", param_hint=f"--{first}"
        )
    if plan is not None and memory_budget is not None:
        raise typer.BadParameter(
            "it does not go with --plan", param_hint="--memory-budget"
        )
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
        found = [item.memory(**kept, **given) for item in networks] if memory else []
        if pareto is not None:
            _draw([item.graph for item in networks], pareto, given)
    common.show(networks[0].warnings, form)
    summaries = [summarise(item.graph, str(item.proof)) for item in networks]
    if as_json:
        told = [summary.as_dict() for summary in summaries]
        for one, needs in zip(told, found, strict=False):
            one["memory"] = needs.as_dict()
        answer.networks(told)
        return
    if memory:
        from recform.report.memory import render_needs

        for number, needs in enumerate(found):
            if number:
                typer.echo()
            render_needs(needs)
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


def _draw(networks: list[NetworkGraph], path: Path, given: Mapping[str, Any]) -> None:
    """Draws time against memory of the plans of networks.

    Raises:
        CompileError: RF604, if it cannot be drawn.
    """
    from recform.report.pareto import draw

    picture = draw(networks, path, Diagnostics(), **given)
    common.write_whole(path, picture, path.suffix)


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
