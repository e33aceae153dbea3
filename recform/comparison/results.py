"""Tables of results that somebody measured: a row a model, a column a data set or seed.

A column ``model`` names the models (or the first one, whatever its heading). Columns
``data`` and ``seed`` are read where there are such; all others hold scores. Their heading
is a seed if it is a number (``0``, ``seed 617``), and a data set otherwise; beside a
column ``data`` it is what was measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recform.comparison.cells import Cell, rows
from recform.comparison.model import LARGEST, Results, Score
from recform.diagnostics import Diagnostics, Label
from recform.files import Kind, read_source
from recform.source import Source, Span

TABLE = Kind("table of results", ".csv", 512 * 1024)

_MODEL = ("", "model", "method", "network", "name", "algorithm", "classifier")
_DATA = ("data", "dataset", "data set", "data_set", "task")
_SEED = ("seed", "run", "fold")
_MEASURES = (
    *("accuracy", "acc", "top-1", "top-5", "score", "value", "auc", "f1"),
    *("error", "loss"),
)
#: What stands for a score that is not there.
_NONE = ("", "-", "–", "—", "na", "n/a", "none", "null", "?")
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(%?)")
_SEED_NAME = re.compile(r"(?:(?:seed|run|fold)[\s_=:#-]*)?(-?\d{1,18})", re.IGNORECASE)
_HINT = "a heading, then a row a model: model,0,1,2 or model,CIFAR10,CIFAR100"


@dataclass(frozen=True)
class _Found:
    """One cell with a score, or without."""

    model: str
    data: str
    seed: int | None
    value: float | None
    percent: bool
    span: Span

    @property
    def key(self) -> tuple[str, str, int | None]:
        return self.model, self.data, self.seed


@dataclass(frozen=True)
class _Column:
    """A column with scores: what its heading says of them."""

    number: int
    percent: bool
    data: str = ""
    seed: int | None = None


def read(
    paths: Sequence[Path], report: Diagnostics | None = None, *, lower: bool = False
) -> Results:
    """The results of one or more tables.

    Args:
        paths: the files.
        report: gets RF001 to RF006, and RF852 to RF863.
        lower: lower scores are better.

    Raises:
        CompileError: if one cannot be read, or is no table of results.
    """
    report = report or Diagnostics()
    sources = [read_source(path, report, kind=TABLE) for path in paths]
    report.check()
    return parse([source for source in sources if source], report, lower=lower)


def parse(
    sources: Iterable[Source], report: Diagnostics, *, lower: bool = False
) -> Results:
    """The results of texts, as :func:`read` has those of files.

    Raises:
        CompileError: likewise.
    """
    found: list[_Found] = []
    measures: list[str] = []
    for source in sources:
        found += _table(source, report, measures)
    report.check()
    _once(found, report)
    _one_unit(found, report)
    report.check()
    scores = tuple(
        Score(*item.key, item.value) for item in found if item.value is not None
    )
    models = tuple(dict.fromkeys(item.model for item in scores))
    if len(models) < 2:
        what = f"only {models[0]}" if models else "no model at all"
        last = found[-1].span if found else None
        report.error(
            "RF859",
            f"there is nothing to compare: {what} has a score",
            last,
            hint=_HINT,
        )
        report.check()
    missing = _missing(found, models)
    if missing:
        empty = next((item.span for item in found if item.value is None), None)
        told = "; ".join(missing[:3]) + ("; ..." if len(missing) > 3 else "")
        report.warning(
            "RF855",
            f"scores are missing: {told}",
            empty,
            hint="two models are compared over the seeds that both have, and ranks are "
            "those on data sets where every model has a score",
        )
    return Results(
        models,
        scores,
        next(iter(measures), "error" if lower else "accuracy"),
        "%" if any(item.percent for item in found) else "",
        not lower,
        missing,
    )


# ------------------------------------------------------------------------- one table


def _table(source: Source, report: Diagnostics, measures: list[str]) -> list[_Found]:
    """The scores of one file, in its order; what was measured is added, if it is told."""
    separator, table = rows(source)
    if len(table) < 2 or len(table[0]) < 2 or "\0" in source.text:
        what = (
            "is no text"
            if "\0" in source.text
            else "is empty"
            if not table
            else "has one column only"
            if len(table[0]) < 2
            else "has headings only"
        )
        report.error(
            "RF852",
            f"{source.name} is no table of results: it {what}",
            hint=_HINT,
            file=source.name,
        )
        return []
    head, *body = table
    keys = _keys(head, body, report)
    if keys is None:
        return []
    columns = _columns(head, body, keys, report, measures)
    found = []
    for row in body:
        if len(row) < len(head) or any(cell.text for cell in row[len(head) :]):
            _uneven(row, head, separator, report)
            continue
        model, seed = row[keys["model"]], None
        if not model.text:
            report.error("RF861", "this row has no model", row[0].span, hint=_HINT)
            continue
        if "seed" in keys:
            seed = _seed(row[keys["seed"]], report)
        told = row[keys["data"]].text if "data" in keys else None
        for column in columns:
            cell = row[column.number]
            value, percent = _value(cell, report)
            found.append(
                _Found(
                    model.text,
                    column.data if told is None else told,
                    column.seed if seed is None else seed,
                    value,
                    percent or column.percent,
                    cell.span,
                )
            )
        if report.is_full:
            break
    return found


def _keys(
    head: list[Cell], body: list[list[Cell]], report: Diagnostics
) -> dict[str, int] | None:
    """The columns that say whose the scores are: ``model``, ``data``, ``seed``."""
    known: dict[str, Cell] = {}
    for cell in head:
        name = cell.text.casefold()
        if name and name in known:
            report.error(
                "RF854",
                f"two columns are headed {cell.text!r}",
                cell.span,
                hint="runs are told apart by seeds: a column a seed, or a column seed",
                others=[Label(known[name].span, "the first one")],
            )
        known.setdefault(name, cell)
    keys: dict[str, int] = {}
    # A column without a heading is that of the models only in front.
    names = [
        cell.text.casefold() or ("" if n == 0 else "?") for n, cell in enumerate(head)
    ]
    for key, words in (("model", _MODEL), ("data", _DATA), ("seed", _SEED)):
        number = next((n for n, name in enumerate(names) if name in words), None)
        if number is not None:
            keys[key] = number
    if "model" not in keys:
        free = [n for n in range(len(head)) if n not in keys.values()]
        scores = [n for n in free[1:] if "." in head[n].text]
        if scores and all(_NUMBER.fullmatch(head[n].text) for n in free[1:]):
            report.error(
                "RF861", "the first line has no headings", head[0].span, hint=_HINT
            )
            return None
        if all(
            _NUMBER.fullmatch(row[free[0]].text) for row in body if len(row) > free[0]
        ):
            report.error(
                "RF861",
                "no column has names of models",
                head[free[0]].span,
                hint="head it model",
            )
            return None
        keys["model"] = free[0]
    return keys


def _columns(
    head: list[Cell],
    body: list[list[Cell]],
    keys: dict[str, int],
    report: Diagnostics,
    measures: list[str],
) -> list[_Column]:
    """The columns with scores."""
    numbers = [
        n
        for n in range(len(head))
        if n not in keys.values()
        and (head[n].text or any(len(row) > n and row[n].text for row in body))
    ]
    names, percents = {}, {}
    for n in numbers:
        bare = re.sub(r"\s*(\(%\)|\[%\]|%)$", "", head[n].text)
        names[n], percents[n] = bare, bare != head[n].text
        if not bare:
            report.error("RF861", "a column has no heading", head[n].span, hint=_HINT)
    seeds = {n: _SEED_NAME.fullmatch(name) for n, name in names.items()}
    if "seed" not in keys and numbers and all(seeds.values()):
        return [
            _Column(n, percents[n], seed=int(found.group(1)))
            for n, found in seeds.items()
            if found
        ]
    mixed = [n for n in numbers if names[n] and not seeds[n]]
    if "seed" not in keys and "data" not in keys and any(seeds.values()) and mixed:
        number = next(names[n] for n, found in seeds.items() if found)
        report.error(
            "RF861",
            f"{names[mixed[0]]!r} is no seed, and {number!r} is one",
            head[mixed[0]].span,
            hint="leave out columns of means; the name of a data set is no number",
        )
        return []
    if len(numbers) == 1 and (
        "data" in keys or names[numbers[0]].casefold() in _MEASURES
    ):
        measures.append(names[numbers[0]])
        return [_Column(numbers[0], percents[numbers[0]])]
    if not numbers or "data" in keys:
        report.error(
            "RF861",
            "beside columns of models, data and seeds there is no column of scores"
            if not numbers
            else f"which of the columns {', '.join(map(repr, names.values()))} has the "
            "scores?",
            head[numbers[0] if numbers else -1].span,
            hint="a column data wants one column of scores, or one a seed",
        )
        return []
    return [_Column(n, percents[n], data=names[n]) for n in numbers]


def _uneven(
    row: list[Cell], head: list[Cell], separator: str, report: Diagnostics
) -> None:
    more = len(row) > len(head)
    report.error(
        "RF856",
        f"this row has {len(row)} cells, and there are {len(head)} headings",
        row[len(head) if more else 0].span,
        hint="decimals are written with a point: 93.54"
        if more and separator == ","
        else "leave a cell empty where there is no score",
    )


# --------------------------------------------------------------------------- one cell


def _seed(cell: Cell, report: Diagnostics) -> int | None:
    found = _SEED_NAME.fullmatch(cell.text)
    if found is None:
        report.error(
            "RF853",
            f"a seed is a number, not {_short(cell)}",
            cell.span,
            hint="number the runs: 0, 1, 2",
        )
        return None
    return int(found.group(1))


def _value(cell: Cell, report: Diagnostics) -> tuple[float | None, bool]:
    """The number in a cell, and whether a percent sign is there; None if it is empty."""
    if cell.text.casefold() in _NONE:
        return None, False
    found = _NUMBER.fullmatch(cell.text) if len(cell.text) < 100 else None
    if found is not None and abs(value := float(found.group(1))) <= LARGEST:
        return value, bool(found.group(2))
    report.error(
        "RF853", f"a score is a number, not {_short(cell)}", cell.span, hint=_mend(cell)
    )
    return None, False


def _mend(cell: Cell) -> str:
    """What the user may have meant."""
    text = cell.text
    if found := re.fullmatch(r"([+-]?\d+),(\d+)(\s*%?)", text):
        return f"decimals are written with a point: {'.'.join(found.groups()[:2])}"
    if re.search(r"±|\+/-|\\pm", text):
        return "a mean and its spread hide the runs: give each run, a column a seed"
    if re.fullmatch(
        r"[+-]?(nan|inf|infinity)", text, re.IGNORECASE
    ) or _NUMBER.fullmatch(text):
        return (
            "a run that diverged has a score, too: that of guessing; an empty cell "
            "leaves it out, in favour of the model"
        )
    return "a number such as 93.54, 93.54% or 0.9354; an empty cell where there is none"


def _short(cell: Cell) -> str:
    return repr(cell.text if len(cell.text) < 40 else f"{cell.text[:40]}...")


# ------------------------------------------------------------------------- all tables


def _once(found: list[_Found], report: Diagnostics) -> None:
    """Reports scores that are there twice."""
    known: dict[object, Span] = {}
    for item in found:
        first = known.setdefault(item.key, item.span)
        if first is not item.span:
            report.error(
                "RF854",
                f"{_named(*item.key)} has a second score",
                item.span,
                hint="a column seed tells runs of one model apart",
                others=[Label(first, "the first one")],
            )


def _one_unit(found: list[_Found], report: Diagnostics) -> None:
    """Reports scores in percent beside others that do not say so."""
    there = [item for item in found if item.value is not None]
    plain = next((item for item in there if not item.percent), None)
    signed = next((item for item in there if item.percent), None)
    if plain is not None and signed is not None:
        report.error(
            "RF862",
            "some scores are in percent, and some do not say so",
            plain.span,
            "without",
            hint="a % behind each, behind none, or in the headings: CIFAR10 (%)",
            others=[Label(signed.span, "in percent")],
        )


def _missing(found: list[_Found], models: tuple[str, ...]) -> tuple[str, ...]:
    """What the others have and a model has not, in words."""
    there = {item.key for item in found if item.value is not None}
    runs = dict.fromkeys((item.data, item.seed) for item in found if item.key in there)
    every = dict.fromkeys(item.model for item in found)
    return tuple(
        [f"{model} has none at all" for model in every if model not in models]
        + [
            f"{_named(model, data, seed)} has none"
            for model in models
            for data, seed in runs
            if (model, data, seed) not in there
        ]
    )


def _named(model: str, data: str, seed: int | None) -> str:
    on = f" on {data}" if data else ""
    with_seed = "" if seed is None else f" with seed {seed}"
    return f"{model}{on}{with_seed}"
