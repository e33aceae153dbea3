"""Tests over data sets: printed examples, and formulas written down a second time."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recform.comparison.datasets import (
    Friedman,
    OverData,
    critical_difference,
    friedman,
    over_data,
    signed,
    steady,
)
from recform.comparison.model import Results, Score
from recform.comparison.results import read
from recform.diagnostics import Diagnostics
from tests import comparison

TABLES = Path(__file__).resolve().parents[2] / "examples" / "paper" / "tables"
#: The paper's Table 4: q for 2 to 10 models.
Q = {
    0.05: (1.960, 2.334, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164),
    0.10: (1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920),
}


def demsar() -> OverData:
    table = comparison.rows(comparison.DEMSAR, 4, 1000)
    # Two AUC are printed alike, and ranked by digits that are not printed.
    table[12][2] += 1e-4
    found = over_data(
        comparison.over_data(table, comparison.DEMSAR_MODELS), 0.05, "C4.5"
    )
    assert found is not None
    return found


def test_demsars_friedman() -> None:
    found = demsar()
    assert [round(mean, 3) for mean in found.means] == [3.143, 2.000, 2.893, 1.964]
    assert found.friedman is not None
    assert round(found.friedman.plain_chi2, 2) == 9.28
    assert round(found.friedman.plain_f, 2) == 3.69
    assert found.friedman.freedom == (3, 39)
    assert found.differ


def test_demsars_nemenyi_and_holm() -> None:
    found = demsar()
    assert found.distance is not None and round(found.distance, 2) == 1.25
    # "The Nemenyi test is not powerful enough": no pair differs by CD.
    assert all(abs(pair.difference) < found.distance for pair in found.pairs)
    printed = {"C4.5+m+cf": (2.416, 0.016), "C4.5+m": (2.342, 0.019),
               "C4.5+cf": (0.512, 0.607)}  # fmt: skip
    for item in found.against:
        z, p = printed[item.model]
        assert item.z == pytest.approx(z, abs=0.003)
        assert item.p == pytest.approx(p, abs=0.002)
    # "The Holm procedure rejects the first and then the second hypothesis."
    assert {item.model: item.p_holm < 0.05 for item in found.against} == {
        "C4.5+m": True, "C4.5+cf": False, "C4.5+m+cf": True,
    }  # fmt: skip


def test_demsars_signed_ranks() -> None:
    table = comparison.rows(comparison.DEMSAR, 4, 1000)
    found = signed(steady(np.array([row[1] - row[0] for row in table]), 1.0))
    assert (found.wins, found.losses) == (10, 2)
    # T = 12 is below 21, the critical value at 0.05.
    assert found.p is not None and found.p < 0.05


def test_hollander_and_wolfe_as_r_prints_them() -> None:
    table = np.array(comparison.rows(comparison.ROUNDING, 3, 100))
    assert table.shape == (22, 3)
    found = friedman(table)
    assert found is not None
    assert found.chi2 == pytest.approx(11.143, abs=5e-4)
    assert found.p_chi2 == pytest.approx(0.003805, abs=5e-7)


def test_the_papers_table_1() -> None:
    """Errata 5 and 6: the statistic, and a claim that does not follow."""
    report = Diagnostics()
    results = read([TABLES / "table1.csv"], report)
    found = over_data(results, 0.05, "ResNet18")
    assert found is not None and found.friedman is not None
    assert [round(mean, 2) for mean in found.means] == [
        7.33, 7.67, 6.00, 4.00, 3.67, 1.67, 3.67, 2.00,
    ]  # fmt: skip
    assert round(found.friedman.chi2, 2) == 18.11
    assert found.friedman.plain_chi2 == pytest.approx(found.friedman.chi2)
    assert round(found.friedman.f, 2) == 12.54
    assert found.friedman.p == pytest.approx(4.6e-5, abs=5e-7)
    assert found.distance is not None and round(found.distance, 2) == 6.06
    assert max(abs(pair.difference) for pair in found.pairs) < found.distance


@pytest.mark.parametrize("alpha", Q)
def test_critical_values_are_those_printed(alpha: float) -> None:
    for k, printed in enumerate(Q[alpha], 2):
        q = critical_difference(1, k, alpha) / math.sqrt(k * (k + 1) / 6)
        # Printed values were rounded along the way: 2.344 is printed as 2.334, too.
        assert q == pytest.approx(printed, abs=0.0105)


# ------------------------------------------------------------------ a second formula


def ranked(row: list[int]) -> list[Fraction]:
    """Ranks, the greatest first; ties share."""
    return [
        Fraction(1)
        + sum(other > value for other in row)
        + Fraction(sum(other == value for other in row) - 1, 2)
        for value in row
    ]


TABLE = st.integers(3, 5).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(0, 6), min_size=k, max_size=k), min_size=2, max_size=6
    )
)


@given(TABLE)
def test_friedman_by_fractions(table: list[list[int]]) -> None:
    n, k = len(table), len(table[0])
    ranks = [ranked(row) for row in table]
    sums = [sum(row[j] for row in ranks) for j in range(k)]
    spread = sum((s - Fraction(n * (k + 1), 2)) ** 2 for s in sums)
    within = sum((r - Fraction(k + 1, 2)) ** 2 for row in ranks for r in row)
    found = friedman(-np.array(table, dtype=float))
    if within == 0:
        assert found is None
        return
    assert isinstance(found, Friedman)
    # The sum of squares of models over that within a data set, as in an analysis of
    # variance of the ranks; F is that analysis's.
    chi2 = spread * (k - 1) / within
    assert found.chi2 == pytest.approx(float(chi2))
    rest = within - spread / n
    if rest == 0:
        assert found.f == math.inf and found.p is None
    else:
        f = (spread / n / (k - 1)) / (rest / ((n - 1) * (k - 1)))
        assert found.f == pytest.approx(float(f), abs=1e-9)
    results = comparison.over_data([list(map(float, row)) for row in table])
    whole = over_data(results, 0.05, "m0")
    assert whole is not None
    assert whole.ranks == tuple(tuple(map(float, row)) for row in ranks)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9))
def test_signed_ranks_by_trying_all_signs(values: list[int]) -> None:
    found = signed([float(value) for value in values])
    told = [value for value in values if value]
    if not told:
        assert found.p is None
        return
    sizes = ranked([-abs(value) for value in told])
    own = sum(r if v > 0 else -r for r, v in zip(sizes, told, strict=True))
    sums = [
        sum(r * s for r, s in zip(sizes, signs, strict=True))
        for signs in itertools.product((1, -1), repeat=len(told))
    ]
    assert found.balance == own
    extreme = sum(abs(total) >= abs(own) for total in sums)
    assert found.p == pytest.approx(extreme / len(sums))
    assert found.p >= found.floor


def test_steps_of_one_size_are_a_tie() -> None:
    """Means of three seeds: five steps of 1/30 up, and one of them down, six ties."""
    ups = ([90.1, 90.2, 90.3], [90.1, 90.2, 90.4]), ([0.1, 0.1, 0.2], [0.2, 0.1, 0.2])
    pairs = [*ups, *([[m + d for m in one] for one in ups[0]] for d in (0.3, 1.1, 4.7))]
    pairs.append((ups[0][1], ups[0][0]))
    scores = tuple(
        Score(model, f"d{n}", seed, value)
        for n, pair in enumerate(pairs)
        for model, values in zip("ab", pair, strict=True)
        for seed, value in enumerate(values)
    )
    found = over_data(Results(("a", "b"), scores), 0.05, "a")
    assert found is not None and found.signed is not None
    # Ranks are shared, 3.5 each: 14 of 64 sums are as far from zero.
    assert found.signed.balance == 4 * 3.5
    assert found.signed.p == 14 / 64


@given(TABLE, st.randoms(use_true_random=False))
def test_order_of_models_changes_nothing(
    table: list[list[int]], random: object
) -> None:
    rows = [list(map(float, row)) for row in table]
    order = list(range(len(rows[0])))
    random.shuffle(order)  # type: ignore[attr-defined]
    names = tuple(f"m{n}" for n in order)
    one = over_data(comparison.over_data(rows), 0.05, "m0")
    other = over_data(
        comparison.over_data([[row[n] for n in order] for row in rows], names),
        0.05,
        "m0",
    )
    assert one is not None and other is not None
    assert dict(zip(one.models, one.means, strict=True)) == pytest.approx(
        dict(zip(other.models, other.means, strict=True))
    )
    assert one.differ == other.differ
    mine = {(pair.first, pair.second): pair for pair in one.pairs}
    for pair in other.pairs:
        turned = (pair.first, pair.second) not in mine
        same = mine[(pair.second, pair.first) if turned else (pair.first, pair.second)]
        assert same.p == pytest.approx(pair.p, abs=1e-9)
        assert same.difference == pytest.approx(
            -pair.difference if turned else pair.difference
        )


def test_data_sets_without_all_models_are_left_out() -> None:
    results = comparison.over_data([[1.0, 2.0, 3.0], [2.0, 3.0, 1.0], [3.0, 1.0, 2.0]])
    scores = tuple(item for item in results.scores if item != results.scores[4])
    cut = type(results)(results.models, scores)
    found = over_data(cut, 0.05, "m0")
    assert found is not None and found.data == ("d0", "d2")
    assert over_data(comparison.over_data([[1.0, 2.0]]), 0.05, "m0") is None


def test_lower_is_better_turns_ranks() -> None:
    table = [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]
    results = comparison.over_data(table)
    turned = type(results)(
        results.models, results.scores, higher_is_better=False, measure="error"
    )
    high, low = (over_data(item, 0.05, "m0") for item in (results, turned))
    assert high is not None and low is not None
    assert high.means == (3.0, 1.5, 1.5)
    assert low.means == (1.0, 2.5, 2.5)
