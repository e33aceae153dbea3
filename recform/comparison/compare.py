"""All statistics of some results, and the words that sum them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recform.comparison.datasets import OverData, over_data
from recform.comparison.model import Results
from recform.comparison.seeds import OnData, on_each, pairs_of
from recform.diagnostics import Diagnostics, closest

#: Most models, and most tests over seeds, of one comparison.
MOST_MODELS = 60
MOST_TESTS = 2_000


@dataclass(frozen=True)
class Asked:
    """What is asked of results.

    Attributes:
        alpha: how often chance alone may look like a difference.
        baseline: compare with this model alone over seeds; None is each with each, and
            the first one where ranks are compared with a baseline.
    """

    alpha: float = 0.05
    baseline: str | None = None


@dataclass(frozen=True)
class Comparison:
    """What is known of some results.

    Attributes:
        results: the scores.
        asked: what was asked.
        each: what seeds say on each data set.
        over: what data sets say together; None with fewer than two.
    """

    results: Results
    asked: Asked
    each: tuple[OnData, ...]
    over: OverData | None

    @property
    def tests(self) -> int:
        """How many tests over seeds were made; their p are corrected for that."""
        return sum(pair.n > 1 for found in self.each for pair in found.pairs)

    @property
    def settled(self) -> int:
        """How many of them found a difference."""
        known = [pair.p_holm for found in self.each for pair in found.pairs]
        return sum(p is not None and p <= self.asked.alpha for p in known)


def compare(
    results: Results, asked: Asked | None = None, report: Diagnostics | None = None
) -> Comparison:
    """The statistics of results.

    Args:
        results: the scores of two models or more.
        asked: what is asked.
        report: gets RF858, RF859 and RF863.

    Raises:
        CompileError: if there is no such baseline, or too much or nothing to compare.
    """
    asked, report = asked or Asked(), report or Diagnostics()
    models = results.models
    seeded = any(item.seed is not None for item in results.scores)
    fits(models, len(results.data) * seeded, asked, report)
    return Comparison(
        results,
        asked,
        on_each(results, asked.alpha, asked.baseline),
        over_data(results, asked.alpha, asked.baseline or models[0]),
    )


def fits(models: Sequence[str], data: int, asked: Asked, report: Diagnostics) -> None:
    """Makes sure that models can be compared, before or after they are trained.

    Args:
        models: their names.
        data: data sets on which there are several seeds.
        asked: what is asked.
        report: gets RF858, RF859 and RF863.

    Raises:
        CompileError: if there is no such baseline, or too much or nothing to compare.
    """
    if len(models) == 1:
        report.error(
            "RF859",
            f"there is nothing to compare {models[0]} with",
            hint="another formula, another network of the file, or --module",
        )
    if asked.baseline is not None and asked.baseline not in models:
        near = closest(asked.baseline, models)
        report.error(
            "RF858",
            f"there is no model {asked.baseline!r}",
            hint=f"did you mean {near}?" if near else f"for example {models[0]}",
        )
    tests = len(pairs_of(models, asked.baseline)) * data
    if len(models) > MOST_MODELS:
        report.error(
            "RF863", f"{len(models)} models are too many; {MOST_MODELS} are the most"
        )
    elif tests > MOST_TESTS:
        report.error(
            "RF863",
            f"{tests:,} pairs over seeds are too many; {MOST_TESTS:,} are the most",
            hint="--baseline NAME compares with one model alone",
        )
    report.check()
