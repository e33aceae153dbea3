"""What was computed, and what is assumed: the small print of a report."""

from __future__ import annotations

from recform.comparison.compare import Comparison
from recform.comparison.model import Study
from recform.comparison.numbers import NO_SPREAD, percent
from recform.comparison.power import POWER
from recform.comparison.seeds import Described, Pair


def notes(found: Comparison) -> tuple[str, ...]:
    """What a reader has to know who would rely on it."""
    lines = []
    pairs = [p for each in found.each for p in each.pairs if p.n > 1]
    level = percent(found.asked.alpha)
    if any(model.n > 1 for each in found.each for model in each.models):
        lines.append(
            f"Intervals are Student's t, each for itself: they assume scores that are "
            f"spread normally, and about {level} of such intervals hold the true mean."
        )
    several: list[Described | Pair] = []
    for each in found.each:
        several += [*each.models, *each.pairs]
    if any(item.n > 1 and item.interval is None for item in several):
        lines.append(
            f'"{NO_SPREAD.capitalize()}": all scores, or all differences, are the same. '
            "Nothing is seen of how they spread, so no interval can be told; further seeds "
            "may give others. Seeds needed are then the fewest that the exact test takes."
        )
    if pairs:
        lines.append(
            "The p of a pair is that of its mean difference when the signs of the "
            "differences are flipped in every way (scipy.stats.permutation_test): two "
            "models that are the same would have either sign as often. Nothing is assumed "
            "of how scores are spread."
        )
        if not all(pair.exact for pair in pairs):
            lines.append(
                "Where there are too many ways to flip signs, the p is that of a paired t "
                "test, which comes close to the exact one, but never below 2/2^n."
            )
        if found.tests > 1:
            lines.append(
                f"Holm's correction is over all {found.tests} tests of this report, so that "
                f"the chance of any false finding is {found.asked.alpha:g} at most."
            )
        lines.append(
            "The effect is Hedges' g: the mean difference in standard deviations of a "
            "difference, corrected for few seeds."
        )
        lines.append(
            "Seeds needed: a paired t test finds the difference in "
            f"{100 * POWER:.0f}% of all studies of so many seeds, at the level that Holm's "
            "first step has, if the true mean and spread are those seen. With few seeds "
            "these are known badly, and so is this number."
        )
        lines.append(
            "Seeds are runs on one data set and one split: what holds over them may not "
            "hold on other data."
        )
    if found.over is not None and found.over.signed is not None:
        lines.append(
            "Two models over data sets: Wilcoxon's signed ranks, all signs tried; data "
            "sets on which they are the same are left out."
        )
    elif found.over is not None:
        n, k = len(found.over.data), len(found.over.models)
        lines.append(
            "Over data sets: Demsar (2006). A model's score on a data set is the mean over "
            "its seeds. Friedman's chi2 is scipy's, corrected for ties; Nemenyi's p are "
            "scikit-posthocs', and CD is from the studentized range. Pairs are looked at "
            "only where Friedman's test finds that the models differ."
        )
        if n <= 10 or k <= 5:
            lines.append(
                f"The p of ranks are approximations for many data sets and models (more "
                f"than 10 and 5); with {n} and {k} they are rough."
            )
        lines.append(
            "Data sets are taken as drawn independently of each other; similar ones, such "
            "as CIFAR-10 and CIFAR-100, tell less than their number says."
        )
    return tuple(lines)


def of_steps(study: Study) -> tuple[str, ...]:
    """What the measured time of a step is, in a sentence or two; nothing without one."""
    if all(item.seconds_per_step is None for item in study.models):
        return ()
    text = (
        "The time of a step is the median over a model's runs, measured while they train; a "
        "run that was complete keeps what was measured then."
    )
    if study.at_once > 1:
        text += (
            f" Up to {study.at_once} runs were made at a time: they share cores, memory and "
            "what else the machine has, so a step alone takes less, and not by the same "
            "factor for all models. Runs made with --jobs 1 are measured alone."
        )
    return (text,)
