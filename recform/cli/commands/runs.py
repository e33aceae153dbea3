"""``recform runs``: what was trained."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recform.cli import answer
from recform.diagnostics import closest, refuse
from recform.diagnostics.render import printable
from recform.files import Json

if TYPE_CHECKING:
    from recform.training.runs import Run


def command(
    what: Annotated[
        str, typer.Argument(metavar="list|show", help="All runs, or one of them.")
    ] = "list",
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Of the run to show.")
    ] = None,
    runs: Annotated[
        Path, typer.Option("--runs", metavar="DIR", help="Where runs are kept.")
    ] = Path("runs"),
    as_json: answer.AsJson = False,
) -> None:
    """List the runs of `recform train`, or show one and how to make it again."""
    if what not in ("list", "show"):
        raise typer.BadParameter(f"{what!r} is neither list nor show")
    if (name is None) == (what == "show"):
        raise typer.BadParameter("show takes the NAME of a run, and list none")
    if runs.is_file():
        place = runs.as_posix()
        refuse("RF006", f"{place} is a file, not a folder of runs", file=place)
    from recform.training.runs import all_runs

    known = all_runs(runs)
    if name is None:
        found = [_row(run) for run in known]
        answer.result({"runs": found})
        if not as_json:
            _table(found, runs)
        return
    run = _of_name(known, name, runs)
    said = run.facts()
    if said is None:
        refuse(
            "RF826",
            f"{run.file('run.json').as_posix()} does not say what the run is",
            "it is broken, or of another version of recform",
        )
    row = _row(run)
    answer.result({"runs": [row], "run": said, "again": again(run, said)})
    if not as_json:
        _show(run, row, said)


def _row(run: Run) -> Json:
    said = run.facts()
    result, lines = run.result(), run.metrics()
    row: Json = dict.fromkeys(
        ("name", "network", "data", "recipe", "seed", "epochs", "epoch", "result")
    )
    if said is not None:
        row |= {
            "network": said["subject"].get("network") or said["subject"].get("module"),
            "data": said["data"]["name"],
            "recipe": said["recipe"]["name"],
            "seed": said["seed"],
            "epochs": said["recipe"]["epochs"],
        }
    return row | {
        "name": run.name,
        "epoch": lines[-1]["epoch"] if lines else 0,
        "result": None if result is None else asdict(result),
    }


def _of_name(known: list[Run], name: str, folder: Path) -> Run:
    """The run of a name, or of the only one that begins so.

    Raises:
        CompileError: if there is none (RF826).
    """
    fits = [run for run in known if run.name == name]
    fits = fits or [run for run in known if run.name.startswith(name)]
    if len(fits) == 1:
        return fits[0]
    guess = closest(name, [run.name for run in known])
    hint = f"did you mean {guess}?" if guess else "recform runs lists them"
    message = f"{folder} has no run {name!r}"
    if fits:
        message = f"{len(fits)} runs in {folder} begin with {name!r}"
        hint = ", ".join(run.name for run in fits[:4])
    refuse("RF826", message, hint)


def _table(rows: list[Json], folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    if not rows:
        typer.echo(f"{folder} has no runs")
        return
    table = Table("run", "data", "seed", "epoch", "accuracy", box=None, pad_edge=False)
    for row in rows:
        result = row["result"]
        done = f"{row['epoch']} of {row['epochs']}"
        right = "" if result is None else f"{result['accuracy']:.2%}"
        if row["data"] is None:
            table.add_row(printable(row["name"]), "run.json cannot be read")
            continue
        names = (printable(row["name"]), printable(row["data"]))
        table.add_row(*names, str(row["seed"]), done, right)
    Console(highlight=False, markup=False).print(table)


def again(run: Run, said: Json) -> str:
    """The command that makes a run again, from what its folder keeps."""
    import shlex

    subject, numerics = said["subject"], said["numerics"]
    words = ["recform", "train"]
    if (processes := _processes(said)) > 1:
        words = ["torchrun", "--nproc-per-node", str(processes), "-m", *words]
    if subject.get("module") is not None:
        words += ["--module", subject["module"]]
    else:
        words += [str(run.file("formula") / (subject.get("file") or ""))]
        words += ["--network", subject.get("network") or ""]
        for plugin in subject.get("plugins") or ():
            words += ["--plugin", str(plugin)]
        if (memory := subject.get("memory")) is not None:
            words += ["--memory", str(memory)]
    for key, value in subject["settings"].items():
        words += ["--set", f"{key}={value}"]
    words += ["--data", said["data"]["name"]]
    if (root := said["data"].get("root")) is not None:
        words += ["--data-root", str(root)]
    words += ["--recipe", str(run.file("recipe.toml")), "--seed", str(said["seed"])]
    words += ["--device", numerics["device"], "--precision", numerics["precision"]]
    for key, option in (
        ("compiled", "--compile"),
        ("deterministic", "--deterministic"),
    ):
        words += [option] if numerics.get(key) else []
    if run.folder.parent != Path("runs"):
        words += ["--runs", str(run.folder.parent)]
    words += ["--name", f"{run.name}-again"]
    return shlex.join(words)


def _processes(said: Json) -> int:
    """How many a run began with; folders of before do not say."""
    found = said["surroundings"].get("processes")
    return found if isinstance(found, int) else 1


def _recipe(said: Json) -> str:
    """The name of a recipe, and what is not as that name has it."""
    from recform.training.recipe import RECIPES

    named = RECIPES.get(said["name"])
    known = {} if named is None else asdict(named)
    odd = [f"{k}={said[k]}" for k, v in known.items() if said.get(k, v) != v]
    return ", ".join([said["name"], *odd])


def _show(run: Run, told: Json, said: Json) -> None:
    result = told["result"]
    around = said["surroundings"]
    rows = [
        ("network", f"{told['network']}, {said['subject']['parameters']:,} parameters"),
        ("data", f"{told['data']} (sha256 {said['data']['digest'][:12]})"),
        ("recipe", _recipe(said["recipe"])),
        ("seed", said["seed"]),
        ("epochs", f"{told['epoch']} of {told['epochs']}"),
    ]
    if result is not None:
        rows += [
            ("accuracy", f"{result['accuracy']:.2%} of the test set"),
            ("kept", f"the weights of epoch {result['epoch']}"),
            ("took", f"{result['seconds']:.0f} s"),
        ]
    packages = [f"{k} {v}" for k, v in around["packages"].items() if v]
    git = around["git"] or {}
    several = f"{n} processes of " if (n := _processes(said)) > 1 else ""
    changed = " and changes" if git.get("changed") else ""
    rows += [
        ("versions", ", ".join([f"recform {around['recform']}", *packages])),
        ("machine", f"{around['processor']}, {several}{around['threads']} threads"),
        ("git", f"{str(git.get('commit'))[:12]}{changed}" if git else "none"),
        ("folder", run.folder.as_posix()),
        ("command", around["command"]),
        ("again", again(run, said)),
    ]
    typer.echo(printable(run.name))
    for name, value in rows:
        typer.echo(f"  {name:<9} {printable(str(value))}")
