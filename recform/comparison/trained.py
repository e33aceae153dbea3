"""A study of runs: what is missing is trained, and all that is known goes into it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recform.comparison.model import Curve, ModelFacts, Results, Score, Study
from recform.compiler import Compiled
from recform.diagnostics import Diagnostics, refuse
from recform.settings import Settings
from recform.training.engine import Plan
from recform.training.many import Failure, Job, Runner, Told, train_all
from recform.training.runs import Result, Run
from recform.training.session import Wanted, of_formula, of_module, seeded
from recform.training.subject import Formula


@dataclass(frozen=True)
class Entry:
    """A network that is compared.

    Attributes:
        name: what the report calls it.
        compiling: makes it with settings; None for a module that a function makes.
        words: of `recform train`, that name it.
    """

    name: str
    compiling: Callable[[Settings], Compiled] | None
    words: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """One run of a comparison."""

    entry: Entry
    data: str
    seed: int
    job: Job


def trials(
    entries: Sequence[Entry],
    data: Sequence[str],
    seeds: Sequence[int],
    wanted: Wanted,
    words: Sequence[str],
) -> list[Trial]:
    """The runs of a comparison.

    Args:
        entries: the networks.
        data: names of data.
        seeds: each network gets the same ones.
        wanted: how they are trained; its data and seed do not count.
        words: of `recform train`, for all of them.

    Raises:
        CompileError: if a network does not compile or does not fit the data, or the data
            cannot be read.
    """
    found = []
    # A data set counts once, in whatever words.
    for name in {_absolute(name): name for name in data}.values():
        for entry in entries:
            here = replace(wanted, data=name)
            plan = _plan(entry, here)
            for seed in seeds:
                one = seeded(plan, replace(here, seed=seed))
                more = ("--data", _absolute(name), "--seed", str(seed), *words)
                found.append(Trial(entry, name, seed, Job(one, entry.words, more)))
    return found


def _plan(entry: Entry, wanted: Wanted) -> Plan:
    if entry.compiling is None:
        return of_module(entry.words[1], wanted)
    return of_formula(entry.compiling, wanted)


def _absolute(data: str) -> str:
    """The name of data from wherever a process runs."""
    kind, colon, path = data.partition(":")
    return f"{kind}:{Path(path).resolve()}" if colon else data


def trained(
    found: Sequence[Trial],
    runner: Runner,
    at_once: int,
    told: Told,
    report: Diagnostics,
    baseline: str | None = None,
) -> Study:
    """Trains what is not complete, and puts together what is known of all.

    Args:
        found: the runs.
        runner: makes one.
        at_once: how many at a time.
        told: of every run that ended.
        report: gets RF827, a warning for every run that came to nothing, and RF832 for
            what was warned of in some.
        baseline: the formulas of the others are held against its; None is the first one.

    Raises:
        CompileError: if no network has a run (RF827).
    """
    outcomes = train_all([trial.job for trial in found], runner, at_once, told)
    done: list[tuple[Trial, Result]] = []
    missing = []
    for trial, outcome in zip(found, outcomes, strict=True):
        if isinstance(outcome, Failure):
            what = f"{trial.entry.name} on {trial.data}, seed {trial.seed}"
            report.warning("RF827", f"{what}, has no result: {outcome.why}")
            missing.append(f"{what} ({outcome.why})")
        else:
            done.append((trial, outcome))
    if not done:
        first = next(item for item in outcomes if isinstance(item, Failure))
        refuse("RF827", f"no run has a result: {first.why}")
    _warn(done, report)
    scores = tuple(
        Score(t.entry.name, t.data, t.seed, 100 * result.accuracy) for t, result in done
    )
    names = tuple(dict.fromkeys(trial.entry.name for trial in found))
    against = next((t for t in found if t.entry.name == baseline), found[0])
    return Study(
        Results(names, scores, "accuracy on the test set", "%", missing=tuple(missing)),
        tuple(_facts(name, done, _compiled(against)) for name in names),
        at_once=min(at_once, len(found)),
    )


def _warn(done: Sequence[tuple[Trial, Result]], report: Diagnostics) -> None:
    """Hands on what was warned of in runs: nobody has seen what their processes show."""
    said: dict[str, list[str]] = {}
    for trial, result in done:
        for text in result.warnings:
            said.setdefault(text, []).append(trial.entry.name)
    for text, names in said.items():
        report.warning("RF832", f"{', '.join(dict.fromkeys(names))}: {text}")


def _compiled(trial: Trial) -> Compiled | None:
    subject = trial.job.plan.subject
    return subject.compiled if isinstance(subject, Formula) else None


def _facts(
    name: str, done: Sequence[tuple[Trial, Result]], baseline: Compiled | None
) -> ModelFacts:
    """What is known of a network, on the first data that it was trained on."""
    mine = [(trial, result) for trial, result in done if trial.entry.name == name]
    if not mine:
        return ModelFacts(name)
    data = mine[0][0].data
    mine = [(trial, result) for trial, result in mine if trial.data == data]
    trial, result = mine[0]
    compiled = _compiled(trial)
    curves = tuple(curve for t, _ in mine for curve in _curves(t.job.plan.run, t.seed))
    facts = ModelFacts(
        name,
        parameters=result.parameters,
        multiply_adds=result.multiply_adds,
        seconds_per_step=statistics.median(r.seconds_per_step for _, r in mine),
        curves=curves,
    )
    if compiled is None:
        return facts
    difference = None
    if baseline is not None and baseline.name != compiled.name:
        difference = "\n".join(baseline.diff(compiled).lines())
    return replace(
        facts,
        formula=_text(compiled),
        diagram=compiled.picture("svg").decode(),
        difference=difference,
    )


def _text(compiled: Compiled) -> str:
    """The formula: the whole file, or of one with several networks the equations."""
    text = compiled.formula.source.text
    if len(re.findall(r"^[ \t]*network\b", text, re.MULTILINE)) < 2:
        return text
    said = compiled.summary()
    lines = (f"network {compiled.name}", *said.equations, *said.boundaries)
    return "\n".join(lines)


_CURVES: Mapping[str, str] = {
    "loss": "training loss",
    "validation_accuracy": "held-out accuracy",
}


def _curves(run: Run, seed: int) -> list[Curve]:
    lines = run.metrics()
    found = []
    for key, name in _CURVES.items():
        values = [line[key] for line in lines]
        if lines and None not in values:
            epochs = tuple(float(line["epoch"]) for line in lines)
            found.append(Curve(name, seed, epochs, tuple(map(float, values))))
    return found
