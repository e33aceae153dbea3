"""What `recform compare` trains: networks, data and seeds as the command line has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recform.cli import answer, common, progress
from recform.cli.commands.train import Training
from recform.diagnostics import Diagnostics
from recform.settings import Settings
from recform.target import Target

if TYPE_CHECKING:
    from recform.comparison import Study
    from recform.comparison.compare import Asked
    from recform.comparison.trained import Entry
    from recform.compiler import Compiled
    from recform.training.many import Failure, Job
    from recform.training.runs import Result


@dataclass(frozen=True)
class Compared:
    """What is compared, on what, and how many runs there are at a time."""

    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE.rf[:NETWORK]]...",
            help="Formulas to train and compare: all networks of a file, or one.",
        ),
    ] = None
    modules: Annotated[
        list[str] | None,
        typer.Option(
            "--module",
            metavar="PACKAGE:FACTORY",
            help="A function that makes a module.",
        ),
    ] = None
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", metavar="NAME", help="As for train; several: each on each."
        ),
    ] = None
    seeds: Annotated[
        str,
        typer.Option("--seeds", metavar="N,N,…", help="Each network gets the same."),
    ] = "0,617,1234"
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Runs at a time on this machine.")
    ] = 1
    ray: Annotated[
        str | None,
        typer.Option("--ray", metavar="auto|ADDRESS", help="Train on a Ray cluster."),
    ] = None

    @property
    def numbers(self) -> list[int]:
        """The seeds; none of them twice.

        Raises:
            typer.BadParameter: if they are no such list.
        """
        words = [word.strip() for word in self.seeds.split(",")]
        if not all(word.isdecimal() and len(word) < 19 for word in words):
            text = f"{self.seeds!r} is not whole numbers from 0 with commas"
            raise typer.BadParameter(text, param_hint="--seeds")
        return list(dict.fromkeys(map(int, words)))


def study(
    compared: Compared, training: Training, asked: Asked, report: Diagnostics
) -> Study:
    """Trains what is not complete of a comparison.

    Args:
        compared: the networks, and on what they are trained.
        training: how.
        asked: what is asked of the scores.
        report: gets warnings.

    Raises:
        CompileError: if something does not compile, fit or train, or cannot be compared.
        typer.BadParameter: if the seeds are no numbers.
    """
    from recform.training import need_training

    need_training("recform compare")
    from recform.comparison.compare import fits
    from recform.comparison.trained import trained, trials
    from recform.training.many import Processes

    seeds, data = compared.numbers, compared.data or ["digits"]
    training = replace(training, root=training.root.resolve())
    wanted = training.wanted("")
    entries = _entries(compared, training.target, report)
    # What is asked in vain is told before hours of training.
    fits([entry.name for entry in entries], len(data), asked, report)
    found = trials(entries, data, seeds, wanted, _words(training))
    answer.show(remark for trial in found for remark in trial.job.plan.remarks)
    told = _Told(len(found))
    if compared.ray is not None:
        from recform.training.cluster import Cluster, reaches_workers

        for module in compared.modules or []:
            reaches_workers(module)
        cluster = Cluster(compared.ray)
        return trained(found, cluster, cluster.at_once, told, report, asked.baseline)
    processes = Processes(compared.jobs)
    with processes.ended():
        return trained(found, processes, compared.jobs, told, report, asked.baseline)


def _words(training: Training) -> list[str]:
    """What all runs have in common, as `recform train` has it."""
    words = ["--data-root", str(training.root), "--workers", str(training.workers)]
    words += ["--device", training.device, "--precision", training.precision]
    words += ["--compile"] if training.compiled else []
    words += ["--deterministic"] if training.deterministic else []
    for setting in training.settings or []:
        words += ["--set", setting]
    for plugin in common.plugins():
        path = Path(plugin)
        words += ["--plugin", str(path.resolve()) if path.suffix == ".py" else plugin]
    return words


def _entries(compared: Compared, target: Target, report: Diagnostics) -> list[Entry]:
    from recform.comparison.trained import Entry

    found: list[Entry] = []
    for named in compared.files or []:
        found += _of_file(named, target)
    found += [
        Entry(name.rpartition(":")[2], None, ("--module", name))
        for name in compared.modules or []
    ]
    names = [entry.name for entry in found]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            alike = [entry for entry in found if entry.name == name]
            if len({entry.words for entry in alike}) == 1:
                hint = "each network is compared once"
            elif any(entry.compiling is not None for entry in alike):
                hint = "give one of them another name in its file: network NAME"
            else:
                hint = "give one of the functions another name: OTHER = function"
            report.error("RF828", f"two networks are called {name}", hint=hint)
    report.check()
    return found


def _of_file(named: str, target: Target) -> list[Entry]:
    """The networks of a file, or the one that is named behind a colon."""
    from recform.comparison.trained import Entry
    from recform.compiler import choose, compile_source

    file, colon, name = named.rpartition(":")
    if not colon or not file.endswith(".rf"):
        file, name = named, ""
    source, folder = common.source_of(file)
    plugins = common.plugins()

    def compiling(network: str) -> Callable[[Settings], Compiled]:
        def compile_it(settings: Settings) -> Compiled:
            found = compile_source(source, settings, folder, plugins, network, target)
            return choose(found, network)

        return compile_it

    networks = compile_source(source, {}, folder, plugins, name or None)
    keeps = () if target.memory is None else ("--memory", str(target.memory))
    path = str(Path(file).resolve())
    return [
        Entry(n.name, compiling(n.name), (path, "--network", n.name, *keeps))
        for n in networks
    ]


class _Told:
    """A line for every run that ends."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __call__(self, job: Job, outcome: Result | Failure, done: int) -> None:
        from recform.training.many import Failure

        progress.stop()
        name = job.plan.run.name
        if isinstance(outcome, Failure):
            said = outcome.why
        else:
            said = f"{outcome.accuracy:.2%}, {outcome.seconds:.0f} s"
        typer.echo(f"{done:>4} of {self._count}  {name}  {said}", err=True)
