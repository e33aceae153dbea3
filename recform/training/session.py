"""One run from end to end: what is asked becomes a plan, and the plan a result."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

import torch
from accelerate import Accelerator
from rich.console import Console
from sympy import Rational
from torch import nn

from recform.blocks import Layout
from recform.compiler import Compiled
from recform.diagnostics import CompileError, Diagnostics, refuse
from recform.files import Json
from recform.outline.frame import with_sizes
from recform.settings import Settings
from recform.training import checkpoint, runs
from recform.training.curves import curves
from recform.training.data import Asked, Data, as_numbers, as_vectors, load
from recform.training.engine import Diverged, Plan, Stopped, Training
from recform.training.folder import CorruptImage
from recform.training.locate import origin
from recform.training.numerics import (
    Numerics,
    accelerator,
    device_kind,
    leads,
    precision,
)
from recform.training.recipe import Recipe
from recform.training.runs import Result, Run
from recform.training.screen import Live, Screen, Silent
from recform.training.subject import (
    Factory,
    Subject,
    factory,
    fitted,
    tried,
    with_classes,
)


@dataclass(frozen=True)
class Wanted:
    """What is to be trained, and how.

    Attributes:
        data: its name, such as ``cifar10`` or ``npz:FILE``.
        recipe: how.
        seed: of start values, order, augmentation, dropout.
        numerics: how numbers are computed.
        root: where data sets are downloaded to.
        folder: of all runs.
        name: of this one; a name that tells it from all others, if it is None.
        workers: processes that read photographs.
        settings: parameters of the file, or arguments of the factory.
    """

    data: str
    recipe: Recipe
    seed: int = 0
    numerics: Numerics = field(default_factory=Numerics)
    root: Path = Path("data")
    folder: Path = Path("runs")
    name: str | None = None
    workers: int = 0
    settings: Settings = field(default_factory=dict)


def of_formula(compiling: Callable[[dict[str, Any]], Compiled], wanted: Wanted) -> Plan:
    """The plan to train the network of a formula, fitted to the data.

    Args:
        compiling: of the formula, with settings.
        wanted: how.

    Raises:
        CompileError: if it does not compile, the data cannot be read (RF805, RF806), or
            the two do not fit (RF807).
    """
    compiled = compiling(dict(wanted.settings))
    x = compiled.formula.input
    # Of text, ids say as much as vectors with a one.
    sizes = (*x.grid, x.features) if x.layout is Layout.IDS else x.sizes
    data = _data(wanted, sizes)
    subject = fitted(compiling, wanted.settings, data)
    layout = subject.compiled.formula.input.layout
    if layout is Layout.VECTOR:
        data = as_vectors(data)
    elif layout is Layout.IDS:
        data = as_numbers(data)
    return _plan(subject, data, wanted)


def of_module(
    made: str | Callable[..., nn.Module], wanted: Wanted, label: str = ""
) -> Plan:
    """The plan to train a module that a function makes.

    Args:
        made: `package.module:function`, or the function.
        wanted: how.
        label: a name for the function.

    Raises:
        CompileError: if there is no such function (RF813), the data cannot be read (RF805,
            RF806), or the two do not fit (RF807, RF819).
    """
    settings = {name: _plain(value) for name, value in wanted.settings.items()}
    data = _data(wanted, _input(wanted.data, settings))
    if isinstance(made, str):
        subject = factory(made, data, settings)
    else:
        name = label or f"{made.__module__}:{made.__qualname__}"
        subject = Factory(name, made, with_classes(made, data, settings))
    return _plan(subject, tried(subject, data), wanted)


def _input(data: str, settings: dict[str, Any]) -> tuple[int, ...]:
    """The size of a module's examples: nothing but the user says it. It leaves settings."""
    default = "64x256" if data.startswith("text:") else "3x224x224"
    report = Diagnostics()
    asked = {"input": settings.pop("input", default)}
    sizes = with_sizes(asked, report)["input"]
    report.check()
    return tuple(map(int, sizes.split("x")))


def _plain(value: object) -> object:
    """A setting as Python has it: the command line reads exact numbers."""
    if not isinstance(value, Rational):
        return value
    return int(value) if value.is_integer else float(value)


def seeded(plan: Plan, wanted: Wanted) -> Plan:
    """The same network and data with another seed, recipe or name."""
    return _plan(plan.subject, plan.data, wanted)


def run(plan: Plan, screen: Screen) -> Result:
    """Trains, or goes on with it; of a run that is complete, what came out.

    Raises:
        CompileError: if the run is another process's (RF809), the folder another run's
            (RF810), numbers are not finite (RF811), memory is too small (RF812), an image
            cannot be read (RF806), or something cannot be written (RF503, RF814).
        Stopped: if the user stopped it; the same command goes on.
    """
    if (done := finished(plan)) is not None:
        # Of a process that ended before it had cleared up.
        checkpoint.clear(plan.run.file("checkpoint"))
        return done
    with accelerator(plan.recipe, plan.numerics) as engine:
        if not engine.is_main_process:
            return _trained(plan, engine, Silent())
        with plan.run.locked():
            if (done := finished(plan)) is not None:
                return done
            facts = _facts(plan, engine.num_processes)
            runs.begin(plan.run, facts, plan.subject.files, plan.recipe)
            with _heard() as said:
                result = _trained(plan, engine, screen)
            result = replace(result, warnings=tuple(dict.fromkeys(said)))
            title = f"{plan.subject.name} on {plan.data.name}, seed {plan.seed}"
            plan.run.write("curves.svg", curves(title, plan.run.metrics()))
            plan.run.write("result.json", asdict(result))
            checkpoint.clear(plan.run.file("checkpoint"))
            return result


def shown(plan: Plan, quiet: bool = False, stderr: bool = False) -> Result:
    """Runs a plan, and prints what happens.

    Args:
        plan: what is trained.
        quiet: whether nothing is printed.
        stderr: whether it goes to standard error.

    Raises:
        CompileError: as :func:`run`.
        Stopped: likewise.
    """
    # Names of files and runs are no markup, and a line is a line where nobody looks.
    console = Console(
        stderr=stderr, quiet=quiet or not leads(), markup=False, highlight=False
    )
    if finished(plan) is not None:
        console.print(f"{plan.run.folder} is complete already", soft_wrap=True)
        return run(plan, Silent())
    subject, data = plan.subject, plan.data
    sizes = " x ".join(map(str, data.shape))
    console.print(
        f"{subject.name} on {data.name}: {len(data.train):,} examples of {sizes}, "
        f"{len(data.validation):,} held out, {len(data.test):,} to test; seed {plan.seed}",
        soft_wrap=True,
    )
    screen = Live(subject.name, console, plan.run.file("tensorboard"))
    try:
        return run(plan, screen)
    finally:
        screen.close()


def finished(plan: Plan) -> Result | None:
    """What came out of this very run, if it is complete."""
    facts = plan.run.facts()
    if facts is None or facts["key"] != _key(plan):
        return None
    return plan.run.result()


def _data(wanted: Wanted, sizes: tuple[int, ...]) -> Data:
    share = wanted.recipe.validation
    data = load(Asked(wanted.data, wanted.root, share, sizes, wanted.workers))
    if not len(data.train) or not len(data.test):
        refuse("RF806", f"{wanted.data} has no examples")
    if wanted.recipe.select == "best" and not len(data.validation):
        refuse(
            "RF829",
            f"{wanted.data} is too small for {share:.0%} of every class to be held out, "
            "and the best epoch is chosen by that part",
            "--override validation=… with a larger share, or --override select=last",
        )
    return data


def _plan(subject: Subject, data: Data, wanted: Wanted) -> Plan:
    plan = Plan(
        subject, data, wanted.recipe, wanted.seed, wanted.numerics, Run(wanted.folder)
    )
    name = wanted.name or runs.named(
        subject.name, data.name, plan.recipe, plan.seed, _key(plan)
    )
    if not re.fullmatch(r"[^./\\][^/\\]{0,199}", name) or not name.isprintable():
        shown = ascii(name[:40])
        refuse("RF817", f"{shown} is no name of a run", "a short name without folders")
    try:
        wanted.folder.as_posix().encode()
    except UnicodeEncodeError:  # which TensorBoard does with it
        text = f"{wanted.folder.as_posix()!a} is no text, and cannot be used"
        refuse("RF503", text, "--runs names another folder")
    remarks = (*subject.remarks, *data.remarks)
    return replace(plan, run=Run(wanted.folder / name), remarks=remarks)


def _numerics(plan: Plan) -> str:
    kind = device_kind(plan.numerics.device)
    return f"{kind} {precision(plan.numerics.precision, kind)}"


def _key(plan: Plan) -> str:
    return runs.key(
        plan.subject.digest, plan.data.digest, plan.recipe, plan.seed, _numerics(plan)
    )


def _facts(plan: Plan, processes: int) -> Json:
    """For `run.json`; a run may go on with another number of processes."""
    return {
        "key": _key(plan),
        "subject": {**plan.subject.facts, "digest": plan.subject.digest},
        "data": {
            "name": plan.data.name,
            "digest": plan.data.digest,
            "root": None if plan.data.root is None else plan.data.root.as_posix(),
        },
        "recipe": asdict(plan.recipe),
        "seed": plan.seed,
        "numerics": {**asdict(plan.numerics), "used": _numerics(plan)},
        "surroundings": {**runs.surroundings(), "processes": processes},
    }


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Within this, what Python warns of is kept, and shown as ever."""
    said: list[str] = []
    show = warnings.showwarning

    def hear(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if category is UserWarning:
            said.append(" ".join(str(message).split()))
        show(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.showwarning = hear
        yield said


def _trained(plan: Plan, engine: Accelerator, screen: Screen) -> Result:
    report = Diagnostics()
    try:
        training = Training(plan, engine, screen)
        try:
            return training.run()
        except Diverged as error:
            diverged, steps = error, training.steps
        del training
        _tell_diverged(plan, engine, diverged, steps, report)
    except (CompileError, Stopped):
        raise
    except (Exception, SystemExit) as error:
        _tell(error, plan, report)
        report.check()
        raise
    raise CompileError(report) from None


def _tell(error: BaseException, plan: Plan, report: Diagnostics) -> None:
    """Tells of what is not recform's fault."""
    kind, said = type(error), str(error).strip()
    if isinstance(error, CorruptImage):
        # From a worker it comes with a traceback before it.
        name = f"{kind.__module__}.{kind.__qualname__}: "
        said = said.splitlines()[-1].removeprefix(name)
        report.error("RF806", f"an image cannot be read: {said}")
    elif _is_memory(error):
        _tell_memory(plan, report)
    elif "does not have a deterministic implementation" in said:
        report.error(
            "RF815",
            f"the device has no deterministic {said.split()[0]}",
            hint="leave out --deterministic",
        )
    elif "DataLoader worker" in said:
        report.error(
            "RF812",
            f"a process that reads images has ended: {said.splitlines()[0]}",
            hint="--workers with less of them; 0 reads within this process",
        )
    elif "_dynamo" in kind.__module__ or "_inductor" in kind.__module__:
        report.error(
            "RF820",
            f"torch.compile fails: {kind.__name__}: {(said.splitlines() or [''])[0]}",
            hint="leave out --compile; on a CPU it needs a compiler of C++",
        )
    elif "more than 1 value per channel" in said:
        report.error(
            "RF816",
            "a norm over the batch needs more than one number a channel",
            hint="--override batch=… with more, or accumulate=… with less",
        )
    elif isinstance(plan.subject, Factory):
        first = " ".join(said.split())[:200]
        text = f"{plan.subject.label} fails in training: {kind.__name__}: {first}"
        report.error("RF813", text)


def _tell_diverged(
    plan: Plan, engine: Accelerator, diverged: Diverged, steps: int, report: Diagnostics
) -> None:
    bad = diverged.step
    hint = "--override lr=… with less, --override clip=1, or --override warmup=…"
    where = f"step {bad + 1:,} (epoch {bad // steps + 1})"
    notes: list[str] = []
    if diverged.examples:
        where = f"the scores of {diverged.examples}, behind {where}"
    elif engine.num_processes == 1:
        found = origin(plan, engine, bad)
        notes.append(f"first {found.what}, in step {found.step:,}")
        notes += [found.place] if found.place else []
    report.error("RF811", f"numbers are not finite in {where}", hint=hint, notes=notes)


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # The last is what libraries of a GPU say that make room for themselves.
    signs = ("allocate memory", "out of memory", "STATUS_ALLOC_FAILED")
    return any(words in str(error) for words in signs)


def _tell_memory(plan: Plan, report: Diagnostics) -> None:
    recipe = plan.recipe
    more = next(
        (
            n
            for n in range(recipe.accumulate + 1, recipe.batch + 1)
            if not recipe.batch % n
        ),
        None,
    )
    report.error(
        "RF812",
        f"memory is too small for {recipe.batch // recipe.accumulate} examples at a time",
        hint=f"--override accumulate={more}: the same batch in {more} parts"
        if more
        else "not even one example fits",
    )


__all__ = [
    "Stopped",
    "Wanted",
    "finished",
    "of_formula",
    "of_module",
    "run",
    "shown",
]
