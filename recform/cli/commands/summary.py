"""``recform summary``: formula, state, stages and costs of a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recform.cli import answer, common
from recform.diagnostics import Diagnostics
from recform.memory import Memory
from recform.settings import Settings

if TYPE_CHECKING:
    from recform.graph import NetworkGraph
    from recform.report import TableRow


def command(
    *,
    chosen: common.Chosen,
    as_json: answer.AsJson = False,
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
    trained: common.Trained,
    plan: Annotated[
        Memory | None,
        typer.Option(help="With --memory: what is kept for the backward pass; plain."),
    ] = None,
    pareto: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.svg",
            help="With --memory: draw time against memory of all plans (.png, .pdf too).",
        ),
    ] = None,
) -> None:
    """Show formula, order, state, stages, parameters and costs."""
    common.one_of(json=as_json, latex=latex)
    common.one_of(table=table, latex=latex)
    common.one_of(table=table, network=chosen.network is not None)
    common.one_of(memory=memory, table=table)
    common.one_of(memory=memory, latex=latex)
    given = trained.setting
    budget = trained.memory_budget
    kept: dict[str, Any] = {"plan": plan, "budget": budget}
    plans = {"memory_budget": budget, "pareto": pareto}
    more = {**given, "plan": plan, **plans}
    first = next((name for name, value in more.items() if value is not None), None)
    if first and not memory:
        raise typer.BadParameter(
            "it says what --memory is asked for", param_hint=common.option(first)
        )
    if plan is not None and budget is not None:
        raise typer.BadParameter(
            "it does not go with --plan", param_hint="--memory-budget"
        )
    if table:
        rows = _rows(Path(chosen.file), chosen.settings)
        if as_json:
            answer.result([row.as_dict() for row in rows])
        else:
            from recform.report.text import render_table

            render_table(rows)
        return
    from recform.report import summarise

    networks = chosen.compiled()
    own = {**kept, **given}
    found = [item.memory(**own) for item in networks] if memory else []
    if pareto is not None:
        _draw([item.graph for item in networks], pareto, given)
    answer.show(networks[0].warnings)
    summaries = [summarise(item.graph, str(item.proof)) for item in networks]
    if as_json:
        told = [summary.as_dict() for summary in summaries]
        for one, needs in zip(told, found, strict=False):
            one["memory"] = needs.as_dict()
        answer.networks(told)
        return
    if memory:
        from recform.report.memory import render_needs

        for needs in common.apart(found):
            render_needs(needs)
        return
    if latex:
        for summary in summaries:
            typer.echo("\n".join(summary.latex))
        return
    from recform.report.text import render

    for summary in common.apart(summaries):
        render(summary)


def _draw(networks: list[NetworkGraph], path: Path, given: Settings) -> None:
    """Draws time against memory of the plans of networks.

    Raises:
        CompileError: RF604, if it cannot be drawn.
    """
    from recform.report.pareto import draw

    picture = draw(networks, path, Diagnostics(), **given)
    common.write_whole(path, picture, path.suffix)


def _rows(path: Path, settings: list[str] | None) -> list[TableRow]:
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
    answer.show([w for _, items in compiled for w in items[0].warnings])
    networks = [(stem, item.graph) for stem, items in compiled for item in items]
    told = folder / "published.csv"
    try:
        known = published(told.read_text("utf-8")) if told.exists() else {}
    except (OSError, ValueError) as error:
        report.error("RF006", f"{told} cannot be read: {error}", file=told.as_posix())
    report.check()
    return tabulate(networks, known)
