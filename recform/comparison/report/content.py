"""What a report says, in sections; how it looks is a writer's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from recform.comparison.compare import Comparison
from recform.comparison.datasets import Friedman, OverData
from recform.comparison.model import ModelFacts, Study
from recform.comparison.numbers import (
    between,
    chance,
    gain,
    gains_between,
    listed,
    percent,
    score,
)
from recform.comparison.report import figures
from recform.comparison.report.document import (
    Beside,
    Block,
    Code,
    Document,
    Figure,
    Items,
    Section,
    Table,
    Text,
)
from recform.comparison.report.notes import notes, of_steps
from recform.comparison.seeds import OnData
from recform.comparison.verdict import Outcome, of_baseline, of_ranks, of_seeds, verdict
from recform.diagnostics import counted


def document(study: Study, found: Comparison) -> Document:
    """The whole report of a study."""
    names = listed(list(found.results.models))
    whole = [
        Section("Verdict", (Items(verdict(found)),)),
        Section("Scores", tuple(_scores(found))),
        Section("Pairs, over seeds", tuple(_pairs(found))),
        Section("Over data sets", tuple(_ranks(found))),
        Section("Costs", tuple(_costs(study, found))),
        Section("Training", tuple(_curves(study)), printed=False),
        Section("Formulas", tuple(_formulas(study)), printed=False),
        Section("How it was computed", (Items(notes(found)),), printed=False),
        Section("To make it again", tuple(_again(study)), printed=False),
    ]
    title = names if len(names) < 60 else counted(len(found.results.models), "model")
    return Document(f"Comparison: {title}", tuple(s for s in whole if s.blocks))


# ---------------------------------------------------------------------------- scores


def _measured(found: Comparison) -> str:
    unit = f", {found.results.unit}" if found.results.unit else ""
    better = "" if found.results.higher_is_better else ", lower is better"
    return f"{found.results.measure}{unit}{better}"


def _on(each: OnData, before: str = ", ") -> str:
    return f"{before}{each.data}" if each.data else ""


def _scores(found: Comparison) -> Iterator[Block]:
    results, digits = found.results, found.results.digits
    if all(model.n == 1 for each in found.each for model in each.models):
        scored = [
            tuple(
                next((score(v, digits) for v in results.of(model, data).values()), "")
                for data in results.data
            )
            for model in results.models
        ]
        yield _grid(_measured(found), results.models, results.data, scored)
    else:
        for each in found.each:
            yield Table(
                f"{_measured(found)}{_on(each)}",
                (
                    "model",
                    "seeds",
                    "mean",
                    "sd",
                    f"{percent(found.asked.alpha)} interval of the mean",
                ),
                tuple(
                    (
                        model.model,
                        str(model.n),
                        score(model.mean, digits),
                        "" if model.sd is None else score(model.sd, digits),
                        between(model.interval, digits) if model.n > 1 else "",
                    )
                    for model in each.models
                ),
            )
            yield Figure(
                f"Mean {_measured(found)}{_on(each)}, with its "
                f"{percent(found.asked.alpha)} interval and each seed as a dot",
                "; ".join(
                    f"{model.model} {score(model.mean, digits)}"
                    for model in each.models
                ),
                partial(figures.bars, found, each),
            )
    if results.missing:
        yield Text(f"Missing: {'; '.join(results.missing)}.")


def _grid(
    caption: str,
    models: tuple[str, ...],
    columns: tuple[str, ...],
    cells: list[tuple[str, ...]],
) -> Table:
    """Models and data sets; a row a model, unless that would be too wide."""
    names = tuple(name or "score" for name in columns)
    if len(columns) > max(8, len(models)):
        turned = zip(names, zip(*cells, strict=True), strict=True)
        rows = tuple((name, *row) for name, row in turned)
        return Table(caption, ("data set", *models), rows)
    rows = tuple((model, *row) for model, row in zip(models, cells, strict=True))
    return Table(caption, ("model", *names), rows)


def _pairs(found: Comparison) -> Iterator[Block]:
    digits, alpha = found.results.digits, found.asked.alpha
    for each in found.each:
        pairs = [pair for pair in each.pairs if pair.n > 1]
        if not pairs:
            continue
        outcomes = [of_seeds(pair, alpha) for pair in pairs]
        yield Table(
            f"The second less the first{_on(each)}; won: seeds on which the second is "
            "better; needed: seeds that would settle it",
            (
                "first",
                "second",
                "difference",
                f"{percent(alpha)} interval",
                "won",
                "effect",
                "p",
                "p, Holm",
                "second is",
                "needed",
            ),
            tuple(
                (
                    pair.first,
                    pair.second,
                    gain(pair.difference, digits),
                    gains_between(pair.interval, digits),
                    f"{pair.wins} of {pair.n}",
                    "" if pair.effect is None else f"{pair.effect:+.2f}",
                    chance(pair.p),
                    chance(pair.p_holm),
                    outcome.value,
                    ""
                    if outcome != Outcome.open
                    else ">10,000"
                    if pair.needed is None
                    else f"{max(pair.needed, pair.n + 1):,}",
                )
                for pair, outcome in zip(pairs, outcomes, strict=True)
            ),
            left=2,
            strong=frozenset(
                n
                for n, outcome in enumerate(outcomes)
                if outcome in (Outcome.better, Outcome.worse)
            ),
        )


# ------------------------------------------------------------------------- data sets


def _ranks(found: Comparison) -> Iterator[Block]:
    over = found.over
    if over is None:
        return
    ranks = [
        (*(f"{row[number]:g}" for row in over.ranks), f"{mean:.3f}")
        for number, mean in enumerate(over.means)
    ]
    columns = (*over.data, "mean")
    yield _grid("Ranks: 1 is best, ties are shared", over.models, columns, ranks)
    if over.friedman is not None:
        yield Items(_friedman(over.friedman))
    if over.distance is None:
        return
    told = "; ".join(
        f"{model} {mean:.2f}"
        for model, mean in zip(over.models, over.means, strict=True)
    )
    apart = (
        "two models differ (Nemenyi) if their bars do not overlap"
        if over.differ
        else "as Friedman's test finds no difference, bars that do not overlap are no sign "
        "of one"
    )
    yield Figure(
        f"Mean ranks, each with a bar as wide as CD = {over.distance:.2f}: {apart}",
        f"Mean ranks: {told}. CD: {over.distance:.2f}.",
        partial(figures.friedman_graph, over),
    )
    if over.friedman is not None:
        yield Figure(
            "Critical-difference diagram: models that a bar joins are not told apart",
            f"Mean ranks: {told}. CD: {over.distance:.2f}.",
            partial(figures.critical_differences, over),
        )
    yield from _nemenyi(over)
    alpha = found.asked.alpha
    yield Table(
        f"Against the baseline {over.baseline}: mean rank of the baseline less the model's",
        ("model", "difference", "z", "p", "p, Holm", "model is"),
        tuple(
            (
                item.model,
                gain(item.difference, 2),
                f"{item.z:+.2f}",
                chance(item.p),
                chance(item.p_holm),
                of_baseline(item, over, alpha).value,
            )
            for item in over.against
        ),
        strong=frozenset(
            n
            for n, item in enumerate(over.against)
            if of_baseline(item, over, alpha) != Outcome.open
        ),
    )


def _friedman(test: Friedman) -> tuple[str, ...]:
    degrees, other = test.freedom
    exact = (
        f"Iman-Davenport F = {test.f:.2f} with {degrees} and {other} degrees of freedom, "
        f"p = {chance(test.p)}"
        if test.p is not None
        else "Iman-Davenport F is infinite: all data sets order the models alike"
    )
    lines = [
        f"Friedman chi2 = {test.chi2:.2f} with {counted(degrees, 'degree')} of freedom, "
        f"p = {chance(test.p_chi2)}; {exact}."
    ]
    if abs(test.plain_chi2 - test.chi2) > 1e-9:
        lines.append(
            "Ties are corrected for. Without, as they are often printed: chi2 = "
            f"{test.plain_chi2:.2f}, F = {test.plain_f:.2f}."
        )
    return tuple(lines)


def _nemenyi(over: OverData) -> Iterator[Block]:
    outcomes = [of_ranks(pair, over) for pair in over.pairs]
    yield Table(
        f"Mean rank of the first less that of the second; CD = {over.distance:.2f}; needed: "
        "data sets that would settle it, if mean ranks stay",
        (
            "first",
            "second",
            "difference",
            "p, Nemenyi",
            "second is",
            "needed",
        ),
        tuple(
            (
                pair.first,
                pair.second,
                gain(pair.difference, 2),
                chance(pair.p),
                outcome.value,
                ""
                if outcome != Outcome.open or pair.needed is None
                else f"{pair.needed:,}",
            )
            for pair, outcome in zip(over.pairs, outcomes, strict=True)
        ),
        left=2,
        strong=frozenset(n for n, o in enumerate(outcomes) if o != Outcome.open),
    )


# ----------------------------------------------------------------- what else is known


def _costs(study: Study, found: Comparison) -> Iterator[Block]:
    known = [
        item
        for item in study.models
        if (item.parameters, item.multiply_adds, item.seconds_per_step) != (None,) * 3
    ]
    if not known:
        return
    yield Table(
        "What each model costs",
        ("model", "parameters", "multiply-adds", "seconds a step, measured"),
        tuple(
            (
                item.name,
                "" if item.parameters is None else f"{item.parameters:,}",
                "" if item.multiply_adds is None else f"{item.multiply_adds:,}",
                "" if item.seconds_per_step is None else f"{item.seconds_per_step:.3g}",
            )
            for item in known
        ),
    )
    yield from map(Text, of_steps(study))
    axes = figures.cost_axes(known)
    for each in found.each if axes else ():
        yield Figure(
            f"Mean {_measured(found)}{_on(each)}, against what it costs; bars are one "
            "standard deviation",
            f"{listed([axis.label for axis in axes])} of {listed([m.name for m in known])}",
            partial(figures.costs, found, each, known),
        )


def _curves(study: Study) -> Iterator[Block]:
    names = dict.fromkeys(c.name for item in study.models for c in item.curves)
    for name in names:
        yield Figure(
            f"{name}: the mean over seeds, and from the lowest to the highest",
            f"{name} of {listed([m.name for m in study.models if m.curves])} over a run",
            partial(figures.curves, study.models, name),
        )


def _formulas(study: Study) -> Iterator[Block]:
    told = [item for item in study.models if item.formula or item.diagram]
    if told:
        yield Beside(tuple((item.name, tuple(_formula(item))) for item in told))


def _formula(item: ModelFacts) -> Iterator[Block]:
    if item.formula:
        yield Code("Formula", item.formula.rstrip("\n"))
    if item.diagram:
        diagram = item.diagram
        yield Figure("One step", f"The step of {item.name}", lambda: diagram)
    if item.difference:
        yield Code("What it changes of the baseline", item.difference.rstrip("\n"))


def _again(study: Study) -> Iterator[Block]:
    if study.command:
        yield Code("Command", study.command)
    if study.versions:
        yield Table("Versions", ("package", "version"), study.versions, left=2)
