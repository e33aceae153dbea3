"""What `recform compare` trains: networks, data and seeds as the command line has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from recform.cli import common, progress
from recform.diagnostics import Diagnostics
from recform.target import PLAIN, Target

if TYPE_CHECKING:
    from recform.comparison import Study
    from recform.comparison.compare import Asked
    from recform.comparison.trained import Entry
    from recform.compiler import Compiled


@dataclass(frozen=True)
class Networks:
    """What is compared.

    Attributes:
        files: of formulas, perhaps with a network: ``FILE.rf:NAME``.
        modules: functions that make modules.
        settings: parameters, for all files.
        target: which form the networks of formulas have.
    """

    files: Sequence[str]
    modules: Sequence[str]
    settings: Sequence[str]
    target: Target = PLAIN


@dataclass(frozen=True)
class Runs:
    """On what, and how; as for `recform train`."""

    data: Sequence[str]
    seeds: Sequence[int]
    recipe: str
    overrides: Sequence[str]
    root: Path
    folder: Path
    workers: int


@dataclass(frozen=True)
class Machine:
    """Where, and how many runs at a time."""

    device: str
    precision: str
    compiled: bool
    deterministic: bool
    jobs: int
    ray: str | None


def study(
    networks: Networks, runs: Runs, machine: Machine, asked: Asked, report: Diagnostics
) -> Study:
    """Trains what is not complete of a comparison.

    Args:
        networks: what is compared.
        runs: on what, and how.
        machine: where.
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
    from recform.training.numerics import Numerics
    from recform.training.recipe import recipe_of
    from recform.training.session import Wanted

    wanted = Wanted(
        data="",
        recipe=recipe_of(runs.recipe, runs.overrides),
        numerics=Numerics(
            machine.device, machine.precision, machine.compiled, machine.deterministic
        ),
        root=runs.root.resolve(),
        folder=runs.folder,
        workers=runs.workers,
        settings=common.parse_settings(list(networks.settings)),
    )
    entries = _entries(networks, report)
    # What is asked in vain is told before hours of training.
    fits([entry.name for entry in entries], len(runs.data), asked, report)
    found = trials(
        entries, runs.data, runs.seeds, wanted, _words(networks, runs, machine)
    )
    told = _Told(len(found))
    if machine.ray is not None:
        from recform.training.cluster import Cluster

        cluster = Cluster(machine.ray)
        return trained(found, cluster, cluster.at_once, told, report)
    processes = Processes(machine.jobs)
    with processes.ended():
        return trained(found, processes, machine.jobs, told, report)


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


def _words(networks: Networks, runs: Runs, machine: Machine) -> list[str]:
    """What all runs have in common, as `recform train` has it."""
    words = ["--data-root", str(runs.root.resolve()), "--workers", str(runs.workers)]
    words += ["--device", machine.device, "--precision", machine.precision]
    words += ["--compile"] if machine.compiled else []
    words += ["--deterministic"] if machine.deterministic else []
    for setting in networks.settings:
        words += ["--set", setting]
    for plugin in common.plugins():
        path = Path(plugin)
        words += ["--plugin", str(path.resolve()) if path.suffix == ".py" else plugin]
    return words


def _entries(networks: Networks, report: Diagnostics) -> list[Entry]:
    from recform.comparison.trained import Entry

    found: list[Entry] = []
    for named in networks.files:
        found += _of_file(named, networks.target)
    found += [
        Entry(name.rpartition(":")[2], None, ("--module", name))
        for name in networks.modules
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
