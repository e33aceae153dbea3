"""What `recform compare` trains: networks, data and seeds as the command line has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from recform.cli import common, progress
from recform.cli.commands.train import Training
from recform.diagnostics import Diagnostics
from recform.target import Target

if TYPE_CHECKING:
    from recform.comparison import Study
    from recform.comparison.compare import Asked
    from recform.comparison.trained import Entry
    from recform.compiler import Compiled


@dataclass(frozen=True)
class Trials:
    """What is compared, on what, and how many runs there are at a time.

    Attributes:
        files: of formulas, perhaps with a network: ``FILE.rf:NAME``.
        modules: functions that make modules.
        data: their names.
        seeds: of the runs.
        training: how each is trained.
        jobs: runs at a time, on this machine.
        ray: the cluster on which they are made; None for this machine.
    """

    files: Sequence[str]
    modules: Sequence[str]
    data: Sequence[str]
    seeds: Sequence[int]
    training: Training
    jobs: int
    ray: str | None


def study(asked_for: Trials, asked: Asked, report: Diagnostics) -> Study:
    """Trains what is not complete of a comparison.

    Args:
        asked_for: what is compared, and how.
        asked: what is asked of the scores.
        report: gets warnings.

    Raises:
        CompileError: if something does not compile, fit or train, or cannot be compared.
    """
    from recform.training import need_training

    need_training("recform compare")
    from recform.comparison.compare import fits
    from recform.comparison.trained import trained, trials
    from recform.training.many import Processes

    training, data = asked_for.training, asked_for.data
    training = replace(training, root=training.root.resolve())
    wanted = training.wanted("")
    entries = _entries(asked_for, report)
    # What is asked in vain is told before hours of training.
    fits([entry.name for entry in entries], len(data), asked, report)
    found = trials(entries, data, asked_for.seeds, wanted, _words(training))
    told = _Told(len(found))
    if asked_for.ray is not None:
        from recform.training.cluster import Cluster

        cluster = Cluster(asked_for.ray)
        return trained(found, cluster, cluster.at_once, told, report)
    processes = Processes(asked_for.jobs)
    with processes.ended():
        return trained(found, processes, asked_for.jobs, told, report)


def whole_numbers(text: str, option: str) -> list[int]:
    """``0,617,1234`` as numbers; none of them twice.

    Raises:
        typer.BadParameter: if it is no such list.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and len(word) < 10 for word in words):
        raise typer.BadParameter(
            f"{text!r} is not whole numbers with commas", param_hint=option
        )
    return list(dict.fromkeys(map(int, words)))


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


def _entries(asked_for: Trials, report: Diagnostics) -> list[Entry]:
    from recform.comparison.trained import Entry

    found: list[Entry] = []
    for named in asked_for.files:
        found += _of_file(named, asked_for.training.target)
    found += [
        Entry(name.rpartition(":")[2], None, ("--module", name))
        for name in asked_for.modules
    ]
    names = [entry.name for entry in found]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            words = {" ".join(e.words) for e in found if e.name == name}
            hint = "each network is compared once"
            if len(words) > 1:
                hint = "give one of them another name in its file: network NAME"
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

    def compiling(network: str) -> Callable[[dict[str, Any]], Compiled]:
        def compile_it(settings: dict[str, Any]) -> Compiled:
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

    def __call__(self, job: Any, outcome: Any, done: int) -> None:
        from recform.training.many import Failure

        progress.stop()
        name = job.plan.run.name
        if isinstance(outcome, Failure):
            said = outcome.why
        else:
            said = f"{outcome.accuracy:.2%}, {outcome.seconds:.0f} s"
        typer.echo(f"{done:>4} of {self._count}  {name}  {said}", err=True)
