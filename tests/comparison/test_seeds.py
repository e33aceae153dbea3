"""Tests over seeds: printed examples, statsmodels, and trying everything."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import integrate, stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from recform.comparison.power import detectable, least, power, runs_needed
from recform.comparison.seeds import (
    corrected,
    described,
    flipped,
    hedges,
    mean_interval,
    on_each,
)
from tests.comparison import MAIZE, SLEEP, over_seeds

WHOLE = st.lists(st.integers(-60, 60), min_size=2, max_size=9)


def test_fishers_maize() -> None:
    """The design of experiments, section 21: 863 of 32768 sums are as great, each side."""
    assert flipped([value / 8 for value in MAIZE], True) == 2 * 863 / 2**15


def test_students_sleep_as_r_prints_it() -> None:
    interval = mean_interval(SLEEP, 0.05)
    assert interval == pytest.approx((0.7001142, 2.4598858), abs=1e-7)


@given(WHOLE)
def test_signs_are_flipped_in_every_way(values: list[int]) -> None:
    p = flipped([value / 100 for value in values], True)
    if not any(values):
        assert p is None
        return
    # In whole numbers no rounding plays a part.
    sums = [
        abs(sum(v * s for v, s in zip(values, signs, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(values))
    ]
    assert p == sum(total >= abs(sum(values)) for total in sums) / len(sums)
    assert p >= 2.0 ** (1 - len(values))


@given(st.lists(st.tuples(*2 * [st.integers(0, 12)]), min_size=2, max_size=9),
       st.sampled_from([3, 359, 997, 10_000]))  # fmt: skip
@example([(0, 3), (1, 0), (0, 7), (1, 0), (4, 0), (0, 5), (0, 4), (0, 2)], 359)
def test_shares_of_a_test_set_are_ties_as_counts_are(
    counts: list[tuple[int, int]], size: int
) -> None:
    """Accuracies are counts: sums that are equal as counts are equal as accuracies."""
    table = {
        name: [100 * ((size - row[n]) / size) for row in counts]
        for n, name in enumerate("ab")
    }
    (pair,) = on_each(over_seeds(table), 0.05)[0].pairs
    whole = [first - second for first, second in counts]
    own = abs(sum(whole))
    sums = [
        abs(sum(v * s for v, s in zip(whole, signs, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(whole))
    ]
    if any(whole):
        assert pair.p == sum(total >= own for total in sums) / len(sums)
    else:
        assert pair.p is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_by_hand(values: list[float]) -> None:
    order = sorted(range(len(values)), key=values.__getitem__)
    expected, highest = [0.0] * len(values), 0.0
    for step, place in enumerate(order):
        highest = max(highest, min(1.0, values[place] * (len(values) - step)))
        expected[place] = highest
    assert corrected(values) == pytest.approx(expected)


@given(WHOLE, st.sampled_from([0.01, 0.05, 0.2]))
def test_intervals_and_spread_by_statsmodels(values: list[int], alpha: float) -> None:
    found = described("m", [float(value) for value in values], alpha)
    other = DescrStatsW(values)
    assert found.sd is not None
    assert found.mean == pytest.approx(other.mean)
    assert found.sd == pytest.approx(
        math.sqrt(other.var * len(values) / (len(values) - 1))
    )
    if found.sd:
        assert found.interval == pytest.approx(other.tconfint_mean(alpha))
    else:  # theirs is (mean, mean), as if no further seed could give another score
        assert found.interval is None


def test_hedges_is_cohens_without_its_bias() -> None:
    values = [1.0, 2.0, 4.0, 5.0]
    cohen = 3.0 / math.sqrt(10 / 3)
    exact = math.gamma(1.5) / (math.sqrt(1.5) * math.gamma(1.0))
    assert hedges(values) == pytest.approx(cohen * exact)
    assert hedges([1.0, 1.0, 1.0]) is None and hedges([1.0, 2.0]) is None


def by_integration(n: int, effect: float, level: float) -> float:
    """The power, given the sample's spread, averaged over that spread."""
    bound, shift = stats.t.isf(level / 2, n - 1), effect * math.sqrt(n)

    def given_spread(s: float) -> float:
        width = bound * s / math.sqrt(n - 1)
        over = stats.norm.sf(width - shift) + stats.norm.cdf(-width - shift)
        return float(over * stats.chi.pdf(s, n - 1))

    middle = math.sqrt(n - 1)
    return float(
        integrate.quad(given_spread, max(0, middle - 9), middle + 9, limit=400)[0]
    )


@pytest.mark.parametrize("effect", [0.05, 0.3, 0.8, 2.0, 6.0])
@pytest.mark.parametrize("level", [0.05, 0.005])
def test_power_by_integration_and_by_statsmodels(effect: float, level: float) -> None:
    for n in (3, 6, 20, 150):
        found = power(n, effect, level)
        assert found == pytest.approx(by_integration(n, effect, level), abs=1e-6)
        other = TTestPower().power(effect, n, level)
        # It has no number where nearly all studies find it.
        assert math.isnan(other) or found == pytest.approx(other, abs=1e-6)
    n = runs_needed(effect, 1.0, level)
    assert n is not None and power(n, effect, level) >= 0.8
    assert n == least(level) or power(n - 1, effect, level) < 0.8


def test_what_can_be_seen_is_what_would_be_needed() -> None:
    for n in (6, 10, 40):
        size = detectable(n, 2.0, 0.05)
        assert size is not None
        assert power(n, size / 2, 0.05) == pytest.approx(0.8, abs=1e-4)
        assert runs_needed(size * 1.0001, 2.0, 0.05) == n
    assert detectable(5, 1.0, 0.05) is None  # no p below 1/16


def test_power_at_its_ends() -> None:
    assert runs_needed(0.0, 1.0, 0.05) is None
    assert runs_needed(1e-6, 1.0, 0.05) is None
    assert runs_needed(1.0, 0.0, 0.05) == least(0.05) == 6
    assert runs_needed(1e6, 1.0, 1e-12) == least(1e-12) == 41
    assert detectable(10, 0.0, 0.05) == 0.0
    for n, effect in ((3, 1e9), (10_000, 5.0), (2, 1e-9)):
        assert 0 <= power(n, effect, 1e-9) <= 1


# ------------------------------------------------------------------------ properties

SCORES = st.integers(2, 4).flatmap(
    lambda n: st.lists(
        st.lists(st.integers(9000, 9100), min_size=n, max_size=n),
        min_size=2,
        max_size=4,
    )
)


def table(rows: list[list[int]], shift: int = 0) -> dict[str, list[float]]:
    return {f"m{n}": [(v + shift) / 100 for v in row] for n, row in enumerate(rows)}


@given(SCORES, st.integers(-9000, 900))
def test_a_constant_changes_no_difference(rows: list[list[int]], shift: int) -> None:
    (one,) = on_each(over_seeds(table(rows)), 0.05)
    (other,) = on_each(over_seeds(table(rows, shift)), 0.05)
    for mine, its in zip(one.pairs, other.pairs, strict=True):
        assert (mine.p, mine.p_holm, mine.wins, mine.losses, mine.needed) == (
            its.p, its.p_holm, its.wins, its.losses, its.needed,
        )  # fmt: skip
        assert mine.difference == pytest.approx(its.difference, abs=1e-9)


@given(SCORES)
def test_models_in_another_order(rows: list[list[int]]) -> None:
    known = table(rows)
    (one,) = on_each(over_seeds(known), 0.05)
    (other,) = on_each(over_seeds(dict(reversed(known.items()))), 0.05)
    turned = {(pair.second, pair.first): pair for pair in other.pairs}
    for pair in one.pairs:
        its = turned[pair.first, pair.second]
        assert pair.difference == pytest.approx(-its.difference, abs=1e-9)
        assert (pair.p, pair.p_holm) == (its.p, its.p_holm)
        assert (pair.wins, pair.losses, pair.ties) == (its.losses, its.wins, its.ties)


@given(SCORES)
def test_lower_is_better_turns_the_sign(rows: list[list[int]]) -> None:
    (one,) = on_each(over_seeds(table(rows)), 0.05)
    (other,) = on_each(over_seeds(table(rows), higher_is_better=False), 0.05)
    for mine, its in zip(one.pairs, other.pairs, strict=True):
        assert mine.difference == -its.difference
        assert (mine.wins, mine.losses) == (its.losses, its.wins)
        assert mine.p == its.p


def test_pairs_use_the_seeds_that_both_have() -> None:
    results = over_seeds({"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 4.5, 100.0]})
    (found,) = on_each(results, 0.05)
    (pair,) = found.pairs
    assert (pair.n, pair.wins, pair.losses) == (3, 3, 0)
    assert pair.difference == pytest.approx(3.5 / 3)
    assert (pair.p, pair.floor) == (0.25, 0.25)


def test_decimals_that_are_ties_are_ties() -> None:
    """0.3 - 0.2 and 0.2 - 0.1 are two floats, and one difference."""
    (found,) = on_each(over_seeds({"a": [0.1, 0.2, 0.3], "b": [0.2, 0.3, 0.4]}), 0.05)
    assert found.pairs[0].sd == 0.0 and found.pairs[0].effect is None


def test_the_family_is_all_that_is_tested() -> None:
    rows = {name: [90.0 + n * 0.1 + s * 0.01 * (n % 2) for s in range(8)]
            for n, name in enumerate("abcd")}  # fmt: skip
    (whole,) = on_each(over_seeds(rows), 0.05)
    (against,) = on_each(over_seeds(rows), 0.05, "b")
    assert len(whole.pairs) == 6 and len(against.pairs) == 3
    assert {pair.first for pair in against.pairs} == {"b"}
    assert [pair.p for pair in whole.pairs] == [2 / 256] * 6
    assert [pair.p_holm for pair in whole.pairs] == pytest.approx([12 / 256] * 6)
    assert [pair.p_holm for pair in against.pairs] == pytest.approx([6 / 256] * 3)


@pytest.mark.parametrize("n", [14, 16])
def test_t_stands_for_what_is_too_many_to_try(n: int) -> None:
    for shift in (0.02, 0.1, 0.2):
        values = [shift + math.sin(7 * s) / 10 for s in range(n)]
        exact, quick = flipped(values, True), flipped(values, False)
        assert exact is not None and quick is not None
        # Close where it matters, and no bolder than flipping signs could ever be.
        assert quick == pytest.approx(exact, rel=0.15, abs=2e-4)
        assert quick >= 2.0 ** (1 - n)
    assert flipped([0.5] * n, False) == flipped([0.5] * n, True) == 2.0 ** (1 - n)


def test_many_seeds_settle_many_pairs() -> None:
    rows = {
        f"m{k}": [k + s % 7 / 10 + s % 3 * k / 50 for s in range(40)] for k in range(40)
    }
    (found,) = on_each(over_seeds(rows), 0.05)
    assert len(found.pairs) == 780
    assert not any(pair.exact for pair in found.pairs)
    assert all(pair.p_holm is not None and pair.p_holm < 1e-6 for pair in found.pairs)
