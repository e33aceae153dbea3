"""``recform train``: a formula, or a module, on data."""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recform.cli import answer, common, progress
from recform.target import Target

if TYPE_CHECKING:
    from recform.training.engine import Plan
    from recform.training.runs import Result


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
DataRoot = Annotated[
    Path, typer.Option("--data-root", metavar="DIR", help="Where data are kept.")
]
RecipeName = Annotated[
    str,
    typer.Option(
        "--recipe",
        metavar="NAME",
        help="quick, paper-cifar, paper-imagenet, or a TOML file.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--override", metavar="KEY=VALUE", help="Change the recipe."),
]
Runs = Annotated[
    Path, typer.Option("--runs", metavar="DIR", help="Where runs are kept.")
]
DeviceName = Annotated[Device, typer.Option("--device", help="Where to train.")]
PrecisionName = Annotated[
    Precision, typer.Option("--precision", help="auto: bf16 on a GPU, else fp32.")
]
CompileIt = Annotated[bool, typer.Option("--compile", help="Use torch.compile.")]
Deterministic = Annotated[
    bool,
    typer.Option("--deterministic", help="The same bits every time, on a GPU too."),
]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Processes that read photographs.")
]


def command(
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
    root: DataRoot = Path("data"),
    recipe: RecipeName = "quick",
    overrides: Overrides = None,
    settings: common.Settings = None,
    network: common.NetworkName = None,
    memory: common.Keeps = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of all that is random.")
    ] = 0,
    runs: Runs = Path("runs"),
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of the run's folder.")
    ] = None,
    device: DeviceName = Device.auto,
    precision: PrecisionName = Precision.auto,
    compiled: CompileIt = False,
    deterministic: Deterministic = False,
    checkpoint: Annotated[
        float,
        typer.Option(
            "--checkpoint", metavar="SECONDS", min=0.0, help="Between checkpoints."
        ),
    ] = 30.0,
    workers: Workers = 4,
    as_json: answer.Json = False,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Train a network; a run that was stopped goes on with the same command."""
    if (file is None) == (module is None):
        raise typer.BadParameter("give FILE.rf or --module, one of them")
    common.one_of(module=module is not None, memory=memory is not None)
    with common.diagnosed(form):
        from recform.training import need_training

        need_training("recform train")
        from recform.training.numerics import Numerics, leads, leave
        from recform.training.recipe import recipe_of
        from recform.training.session import Wanted, of_module

        numerics = Numerics(
            device.value, precision.value, compiled, deterministic, checkpoint
        )
        wanted = Wanted(
            data=data,
            recipe=recipe_of(recipe, overrides or ()),
            seed=seed,
            numerics=numerics,
            root=root,
            folder=runs,
            name=name,
            workers=workers,
            settings=common.parse_settings(settings or []),
        )
        if module is not None:
            plan = of_module(module, wanted)
        else:
            assert file is not None
            plan = _of_file(file, network, Target(memory=memory), wanted, form)
        result = _run(plan, as_json)
    answer.result(asdict(result))
    if not as_json and leads():
        _tell(result)
    leave()


def _of_file(
    file: str,
    network: str | None,
    target: Target,
    wanted: Any,
    form: common.Format,
) -> Plan:
    from recform.compiler import Compiled, choose, compile_source
    from recform.training.session import of_formula

    source, folder = common.source_of(file)

    def compiling(settings: dict[str, Any]) -> Compiled:
        found = compile_source(
            source, settings, folder, common.plugins(), network, target
        )
        return choose(found, network)

    plan = of_formula(compiling, wanted)
    common.show(plan.subject.compiled.warnings, form)  # type: ignore[attr-defined]
    return plan


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
