"""What several data sets say together: ranks, Friedman, Nemenyi, Holm.

After Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets" (2006). The
score of a model on a data set is the mean over its seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt
from scipy import stats

from recform.comparison.model import Results
from recform.comparison.seeds import EXACT, corrected, flipped, floor


@dataclass(frozen=True)
class Friedman:
    """Whether the models differ at all.

    Attributes:
        chi2: corrected for ties, with k - 1 degrees of freedom.
        p_chi2: of it.
        f: Iman and Davenport's; infinite where all data sets have one order.
        freedom: of it, two numbers.
        p: of f; None where f is infinite.
        plain_chi2, plain_f: without the correction for ties, as Demsar prints them.
    """

    chi2: float
    p_chi2: float
    f: float
    freedom: tuple[int, int]
    p: float | None
    plain_chi2: float
    plain_f: float

    @property
    def best_p(self) -> float:
        """That of F, which is the better approximation, where there is one."""
        return self.p_chi2 if self.p is None else self.p


@dataclass(frozen=True)
class RankPair:
    """Two models by their mean ranks.

    Attributes:
        first, second: their names.
        difference: of the mean ranks; positive if the second is better.
        p: Nemenyi's.
        needed: data sets in all with which it would reach CD, if mean ranks stay; None
            if they are the same.
    """

    first: str
    second: str
    difference: float
    p: float
    needed: int | None


@dataclass(frozen=True)
class Against:
    """A model against the baseline.

    Attributes:
        model: its name.
        difference: of mean ranks; positive if the model is better.
        z: the difference in standard errors.
        p: of z.
        p_holm: corrected over all models.
    """

    model: str
    difference: float
    z: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Signed:
    """Two models: Wilcoxon's signed ranks over data sets.

    Attributes:
        wins, losses: data sets on which the second is better, and worse.
        balance: the sum of the signed ranks; positive is better for the second.
        p: exact; None if no data set tells them apart.
        floor: the smallest p that so many data sets can give.
    """

    wins: int
    losses: int
    balance: float
    p: float | None
    floor: float


@dataclass(frozen=True)
class OverData:
    """What the data sets say on which every model has a score.

    Attributes:
        models: in the author's order.
        data: the data sets.
        ranks: the rank of each model on each data set; 1 is best, ties are shared.
        means: over data sets.
        friedman: with three models or more; None where all ranks are the same.
        differ: whether it finds that models differ; pairs are looked at only then.
        distance: Nemenyi's critical difference of mean ranks, with three models or more.
        pairs: each two models, likewise.
        baseline: with what the others are compared.
        against: the others, likewise.
        signed: of two models.
    """

    models: tuple[str, ...]
    data: tuple[str, ...]
    ranks: tuple[tuple[float, ...], ...]
    means: tuple[float, ...]
    friedman: Friedman | None
    differ: bool
    distance: float | None
    pairs: tuple[RankPair, ...]
    baseline: str
    against: tuple[Against, ...]
    signed: Signed | None

    @property
    def reachable(self) -> bool:
        """Whether two models could differ by CD at all."""
        return self.distance is not None and self.distance < len(self.models) - 1


def over_data(results: Results, alpha: float, baseline: str) -> OverData | None:
    """What several data sets say; None if fewer than two have all models."""
    whole = [
        data
        for data in results.data
        if all(results.of(model, data) for model in results.models)
    ]
    if len(whole) < 2:
        return None
    values = np.array(
        [
            [fmean(results.of(model, data).values()) for model in results.models]
            for data in whole
        ]
    )
    scale = float(np.max(np.abs(values))) or 1.0
    apart = steady(values[:, 1] - values[:, 0], scale)
    values = steady(values, scale)
    if results.higher_is_better:
        values = -values
    else:
        apart = -apart
    ranks = stats.rankdata(values, axis=1)
    means = ranks.mean(axis=0)
    several = len(results.models) > 2
    distance = (
        critical_difference(len(whole), len(results.models), alpha) if several else None
    )
    test = friedman(values) if several else None
    return OverData(
        results.models,
        tuple(whole),
        tuple(tuple(map(float, row)) for row in ranks),
        tuple(map(float, means)),
        test,
        test is not None and test.best_p <= alpha,
        distance,
        _pairs(results.models, values, means, distance) if several else (),
        baseline,
        _against(results.models, len(whole), means, baseline) if several else (),
        None if several else signed(apart),
    )


def steady(values: npt.NDArray[np.float64], scale: float) -> npt.NDArray[np.float64]:
    """The same without what only the last bits tell apart.

    Decimals added up in another order are the same mean, and steps of one size a tie.

    Args:
        values: of scores, or differences of some.
        scale: the size of the scores.
    """
    return np.round(values / scale, 10)


def friedman(values: npt.NDArray[np.float64]) -> Friedman | None:
    """The test over rows (data sets) of columns (models); None if nothing differs."""
    n, k = values.shape
    ranks = stats.rankdata(values, axis=1)
    if not np.ptp(ranks, axis=1).any():
        return None
    found = stats.friedmanchisquare(*values.T)
    # Where nothing is tied, this is what the test has found.
    squares = float((ranks.mean(axis=0) ** 2).sum())
    plain = 12 * n / (k * (k + 1)) * (squares - k * (k + 1) ** 2 / 4)
    f, freedom = _iman(float(found.statistic), n, k), (k - 1, (k - 1) * (n - 1))
    return Friedman(
        float(found.statistic),
        float(found.pvalue),
        f,
        freedom,
        float(stats.f.sf(f, *freedom)) if math.isfinite(f) else None,
        plain,
        _iman(plain, n, k),
    )


def _iman(chi2: float, n: int, k: int) -> float:
    """Iman and Davenport's F of Friedman's chi squared."""
    rest = n * (k - 1) - chi2
    return (n - 1) * chi2 / rest if rest > 1e-9 else math.inf


def critical_difference(n: int, k: int, alpha: float) -> float:
    """Nemenyi's, of k mean ranks over n data sets."""
    q = float(stats.studentized_range.isf(alpha, k, math.inf)) / math.sqrt(2)
    return q * math.sqrt(k * (k + 1) / (6 * n))


def signed(values: Sequence[float] | npt.NDArray[np.float64]) -> Signed:
    """Two models over data sets, by how much the second is better on each."""
    known = np.asarray(values)
    wins, losses = int((known > 0).sum()), int((known < 0).sum())
    told = known[known != 0]
    # Wilcoxon's sum of signed ranks, over all ways to give signs: ties are no trouble.
    exact = 2.0 ** len(told) <= EXACT
    ranks = np.sign(told) * stats.rankdata(np.abs(told))
    p = flipped(ranks, exact)
    return Signed(wins, losses, float(ranks.sum()), p, floor(len(told)))


def _pairs(
    models: tuple[str, ...],
    values: npt.NDArray[np.float64],
    means: npt.NDArray[np.float64],
    distance: float | None,
) -> tuple[RankPair, ...]:
    import scikit_posthocs

    table = scikit_posthocs.posthoc_nemenyi_friedman(values).to_numpy()
    found = []
    for first in range(len(models)):
        for second in range(first + 1, len(models)):
            apart = float(means[first] - means[second])
            needed = None
            if distance is not None and abs(apart) > 1e-9:
                # CD falls with the root of the number of data sets.
                needed = math.ceil(len(values) * (distance / apart) ** 2 - 1e-9)
            p = float(table[first, second])
            found.append(RankPair(models[first], models[second], apart, p, needed))
    return tuple(found)


def _against(
    models: tuple[str, ...],
    n: int,
    means: npt.NDArray[np.float64],
    baseline: str,
) -> tuple[Against, ...]:
    k, own = len(models), float(means[models.index(baseline)])
    error = math.sqrt(k * (k + 1) / (6 * n))
    others = [
        (model, own - float(mean))
        for model, mean in zip(models, means, strict=True)
        if model != baseline
    ]
    raw = [2 * float(stats.norm.sf(abs(apart) / error)) for _, apart in others]
    return tuple(
        Against(model, apart, apart / error, p, holm)
        for (model, apart), p, holm in zip(others, raw, corrected(raw), strict=True)
    )
