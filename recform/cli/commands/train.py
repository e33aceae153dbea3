"""``recform train``: a formula, or a module, on data."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recform.cli import answer, common, progress
from recform.settings import Settings
from recform.target import Target

if TYPE_CHECKING:
    from recform.training.engine import Plan
    from recform.training.runs import Result
    from recform.training.session import Wanted


class Device(StrEnum):
    """Where a network is trained."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Precision(StrEnum):
    """How numbers are kept while it is."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="NAME",
        help="digits, cifar10, cifar100, npz:FILE, imagefolder:DIR, text:FILE or fake.",
    ),
]


@dataclass(frozen=True)
class Training:
    """How networks are trained, one or many."""

    root: Annotated[
        Path, typer.Option("--data-root", metavar="DIR", help="Where data are kept.")
    ] = Path("data")
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe",
            metavar="NAME",
            help="quick, paper-cifar, paper-imagenet, or a TOML file.",
        ),
    ] = "quick"
    overrides: Annotated[
        list[str] | None,
        typer.Option("--override", metavar="KEY=VALUE", help="Change the recipe."),
    ] = None
    settings: common.Settings = None
    memory: common.Keeps = None
    runs: Annotated[
        Path, typer.Option("--runs", metavar="DIR", help="Where runs are kept.")
    ] = Path("runs")
    device: Annotated[Device, typer.Option("--device", help="Where to train.")] = (
        Device.auto
    )
    precision: Annotated[
        Precision, typer.Option("--precision", help="auto: bf16 on a GPU, else fp32.")
    ] = Precision.auto
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile.")] = (
        False
    )
    deterministic: Annotated[
        bool,
        typer.Option("--deterministic", help="The same bits every time, on a GPU too."),
    ] = False
    workers: Annotated[
        int,
        typer.Option("--workers", min=0, help="Processes that read photographs."),
    ] = 4

    @property
    def target(self) -> Target:
        """Which form the networks of formulas have."""
        return Target(memory=self.memory)

    def wanted(self, data: str, checkpoint: float = 30.0, **more: Any) -> Wanted:
        """What the options ask for.

        Args:
            data: their name.
            checkpoint: seconds between checkpoints.
            more: attributes that only a single run has.

        Raises:
            CompileError: if there is no such recipe.
        """
        from recform.training.numerics import Numerics
        from recform.training.recipe import recipe_of
        from recform.training.session import Wanted

        numerics = Numerics(
            self.device.value,
            self.precision.value,
            self.compiled,
            self.deterministic,
            checkpoint,
        )
        return Wanted(
            data=data,
            recipe=recipe_of(self.recipe, self.overrides or ()),
            numerics=numerics,
            root=self.root,
            folder=self.runs,
            workers=self.workers,
            settings=common.parse_settings(self.settings or []),
            **more,
        )


def command(
    *,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE.rf]", help="A formula file; - is standard input."
        ),
    ] = None,
    module: Annotated[
        str | None,
        typer.Option(
            "--module",
            metavar="PACKAGE:FACTORY",
            help="A function that makes a module.",
        ),
    ] = None,
    data: Data = "digits",
    network: common.NetworkName = None,
    training: Training,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of all that is random.")
    ] = 0,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of the run's folder.")
    ] = None,
    checkpoint: Annotated[
        float,
        typer.Option(
            "--checkpoint", metavar="SECONDS", min=0.0, help="Between checkpoints."
        ),
    ] = 30.0,
    as_json: answer.AsJson = False,
) -> None:
    """Train a network; a run that was stopped goes on with the same command."""
    if (file is None) == (module is None):
        raise typer.BadParameter("give FILE.rf or --module, one of them")
    common.one_of(module=module is not None, memory=training.memory is not None)
    from recform.training import need_training

    need_training("recform train")
    from recform.training.numerics import leads, leave
    from recform.training.session import of_module

    wanted = training.wanted(data, checkpoint, seed=seed, name=name)
    if module is not None:
        plan = of_module(module, wanted)
    else:
        assert file is not None
        plan = _of_file(file, network, training.target, wanted)
    if leads():
        answer.show(plan.remarks)
    result = _run(plan, as_json)
    answer.result(asdict(result))
    if not as_json and leads():
        _tell(result)
    leave()


def _of_file(
    file: str,
    network: str | None,
    target: Target,
    wanted: Wanted,
) -> Plan:
    from recform.compiler import Compiled, choose, compile_source
    from recform.training.session import of_formula

    source, folder = common.source_of(file)

    def compiling(settings: Settings) -> Compiled:
        found = compile_source(
            source, settings, folder, common.plugins(), network, target
        )
        return choose(found, network)

    return of_formula(compiling, wanted)


def _run(plan: Plan, as_json: bool) -> Result:
    from recform.training.session import Stopped, shown

    progress.stop()
    silent = as_json and not (sys.stderr and sys.stderr.isatty())
    try:
        return shown(plan, quiet=silent, stderr=as_json)
    except Stopped:
        typer.echo("stopped; the same command goes on", err=True)
        raise typer.Exit(130) from None


def _tell(result: Result) -> None:
    held = "" if result.validation is None else f", {result.validation:.2%} held out"
    typer.echo(
        f"\n{result.network}: {result.accuracy:.2%} of the test set right{held} "
        f"(epoch {result.epoch} of {result.epochs}), {result.parameters:,} parameters, "
        f"{result.seconds:.0f} s"
    )
    typer.echo(result.folder)
