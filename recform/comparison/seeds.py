"""What runs with several seeds say: of each model, and of two models on the same seeds.

The test of a pair flips the signs of its differences in every way (Fisher's
randomisation test): if the two models were the same, each difference could as well have
gone the other way. Nothing is assumed of how scores are spread, ties are no trouble, and
it is exact for the difference that is reported. Wilcoxon's test on ranks has the same
floor: with n seeds no p is below 2/2^n.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev

import numpy as np
import numpy.typing as npt
from scipy import special, stats
from statsmodels.stats.multitest import multipletests

from recform.comparison.model import Results
from recform.comparison.power import detectable, runs_needed

#: All ways to flip signs are tried where that is no more than this, over all pairs.
EXACT = 2**20


@dataclass(frozen=True)
class Described:
    """The scores of a model on a data set.

    Attributes:
        model: its name.
        n: how many scores.
        mean: of them.
        sd: of one score; None with fewer than two.
        interval: of the mean, by Student's t; None likewise, and where all are the same.
    """

    model: str
    n: int
    mean: float
    sd: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Pair:
    """Two models on the seeds that both have.

    Differences are the second's score less the first's; positive is better for the
    second, also where lower scores are better.

    Attributes:
        first, second: their names.
        n: how many seeds both have.
        difference: the mean.
        sd: of one difference; None with fewer than two.
        interval: of the mean, by Student's t; None likewise, and where all are the same.
        wins, losses: seeds on which the second is better, and worse.
        effect: Hedges' g of the differences; None where they do not vary.
        p: of the exact test; None without two seeds, or without any difference.
        exact: whether all ways to flip signs were tried.
        p_holm: p corrected for all tests of the report.
        floor: the smallest p that n seeds can give.
        needed: seeds in all that would settle it in four of five studies, if the mean
            and the spread are what was seen; None if that is not to be said.
        visible: the mean difference that n seeds show in four of five studies; None if
            they can show none, or all differences are the same.
    """

    first: str
    second: str
    n: int
    difference: float
    sd: float | None
    interval: tuple[float, float] | None
    wins: int
    losses: int
    effect: float | None
    p: float | None
    exact: bool
    p_holm: float | None
    floor: float
    needed: int | None
    visible: float | None

    @property
    def ties(self) -> int:
        """Seeds on which both are the same."""
        return self.n - self.wins - self.losses


@dataclass(frozen=True)
class OnData:
    """What runs say on one data set."""

    data: str
    models: tuple[Described, ...]
    pairs: tuple[Pair, ...]


def on_each(
    results: Results, alpha: float, baseline: str | None = None
) -> tuple[OnData, ...]:
    """Models and pairs on each data set.

    Args:
        results: the scores.
        alpha: the level.
        baseline: compare with this model alone; None is each with each.
    """
    asked = pairs_of(results.models, baseline)
    # Of each test: which it is, and its differences.
    tests = {
        (data, pair): differences(results, data, *pair)
        for data in results.data
        for pair in asked
    }
    # Without a second run there is nothing to test.
    real = {key: values for key, values in tests.items() if len(values) > 1}
    number = max(1, len(real))
    exact = {key: number * 2.0 ** len(values) <= EXACT for key, values in real.items()}
    raw = {key: flipped(real[key], exact[key]) for key in real}
    known = {key: p for key, p in raw.items() if p is not None}
    # Pairs without any difference were looked at, too.
    holm = corrected([raw[key] if raw[key] is not None else 1.0 for key in real])  # type: ignore[misc]
    adjusted = dict(zip(real, holm, strict=True))
    return tuple(
        OnData(
            data,
            tuple(
                described(model, list(found.values()), alpha)
                for model in results.models
                if (found := results.of(model, data))
            ),
            tuple(
                _pair(
                    pair,
                    tests[data, pair],
                    known.get((data, pair)),
                    adjusted.get((data, pair)),
                    exact.get((data, pair), True),
                    alpha,
                    number,
                )
                for pair in asked
                if tests[data, pair]
            ),
        )
        for data in results.data
    )


def pairs_of(models: Sequence[str], baseline: str | None) -> list[tuple[str, str]]:
    """Which models are compared: each two, or each with the baseline."""
    if baseline is None:
        return list(combinations(models, 2))
    return [(baseline, model) for model in models if model != baseline]


def differences(results: Results, data: str, first: str, second: str) -> list[float]:
    """How much better the second is, on each seed that both have."""
    one, other = results.of(first, data), results.of(second, data)
    sign = 1 if results.higher_is_better else -1
    # Decimals are subtracted as decimals: 0.3 - 0.1 is 0.2, and two of them are a tie.
    return [
        sign * float(f"{other[seed] - one[seed]:.12g}") for seed in one if seed in other
    ]


def described(model: str, values: Sequence[float], alpha: float) -> Described:
    """A model's scores in a few numbers."""
    return Described(
        model,
        len(values),
        fmean(values),
        stdev(values) if len(values) > 1 else None,
        mean_interval(values, alpha),
    )


def mean_interval(values: Sequence[float], alpha: float) -> tuple[float, float] | None:
    """Of a mean, by Student's t; None if nothing is seen of how values spread.

    That is so with fewer than two of them, and where all are the same.
    """
    n = len(values)
    if n < 2 or (sd := stdev(values)) == 0:
        return None
    mean, error = fmean(values), sd / math.sqrt(n)
    low, high = stats.t.interval(1 - alpha, n - 1, loc=mean, scale=error)
    return float(low), float(high)


def flipped(
    values: Sequence[float] | npt.NDArray[np.float64], exact: bool
) -> float | None:
    """The two-sided p of the mean when signs are flipped; None if all are zero.

    Args:
        values: the differences.
        exact: whether all ways to flip signs are tried. Student's t, which comes close to
            that for many values, stands for them otherwise, but for its floor.
    """
    if not np.any(values):
        return None
    if len(values) == 1:
        return 1.0  # either sign is as far from zero
    if not exact:
        far = np.ptp(values) == 0  # all the same, so t is infinite
        p = 0.0 if far else float(stats.ttest_1samp(values, 0).pvalue)
        return max(p, floor(len(values)))
    seen = fmean(values)
    if abs(seen) < 1e-9 * np.max(np.abs(values)):
        return 1.0  # every other way is as far from zero

    found = stats.permutation_test(
        (np.asarray(values),),
        # Shares of what was seen: a mean that is the same but for the last bits is a tie.
        lambda sample, axis: np.round(np.mean(sample, axis=axis) / seen, 9),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
        batch=1024,
    )
    return float(found.pvalue)


def floor(n: int) -> float:
    """The smallest p that so many differences can give."""
    return 2.0 ** (1 - n)


def corrected(values: Sequence[float]) -> list[float]:
    """Holm's correction of all p of a family."""
    if not values:
        return []
    return [float(p) for p in multipletests(values, method="holm")[1]]


def hedges(values: Sequence[float]) -> float | None:
    """The mean in standard deviations, without the bias of few values."""
    freedom = len(values) - 1
    if freedom < 2:
        return None
    sd = stdev(values)
    if sd == 0:
        return None
    bias = math.exp(special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2))
    return fmean(values) / sd * bias / math.sqrt(freedom / 2)


def _pair(
    names: tuple[str, str],
    values: list[float],
    p: float | None,
    p_holm: float | None,
    exact: bool,
    alpha: float,
    tests: int,
) -> Pair:
    n, mean = len(values), fmean(values)
    sd = stdev(values) if n > 1 else None
    level = alpha / tests
    return Pair(
        *names,
        n,
        mean,
        sd,
        mean_interval(values, alpha),
        sum(value > 0 for value in values),
        sum(value < 0 for value in values),
        hedges(values),
        p,
        exact,
        p_holm if p is not None else None,
        floor(n),
        None if sd is None else runs_needed(mean, sd, level),
        detectable(n, sd, level) if sd else None,
    )
