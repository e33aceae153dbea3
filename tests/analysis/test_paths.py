"""Where paths run and what they weigh, against the enumeration of all of them."""

from __future__ import annotations

import math
import statistics

import pytest

from recform.analysis.paths.ablation import deletion, swap
from recform.analysis.paths.distribution import (
    Distribution,
    Stage,
    flows,
    joined,
    origins,
    paths,
)
from recform.compiler import compile_source, from_text
from recform.linear.model import STEM
from tests.analysis.test_counting import NETWORKS, enumerated, of
from tests.linear.test_linear import linear

STAGES = (Stage(1, 2, 8), Stage(3, 6, 16))


@pytest.mark.parametrize("name", ["ResNet", "A.4.1", "A.4.2", "RevNet"])
def test_through_which_blocks(name: str) -> None:
    _, terms, outputs = NETWORKS[name]
    everything = enumerated(terms, outputs, 6)
    found = paths(of(name), STAGES, 6)
    for k, row in enumerate(found.through):
        some = [passed for _, passed in everything if len(passed) == k]
        assert list(row) == [
            sum(any(w[1:] == str(block) for w in passed) for passed in some)
            for block in range(1, 7)
        ]


def test_the_paths_of_equation_12_run_through_the_widest_blocks() -> None:
    plain, new = paths(of("ResNet"), STAGES, 6), paths(of("Eq. (20)"), STAGES, 6)
    for k in range(1, 7):
        passed = list(range(7 - k, 7))
        assert list(new.through[k]) == [int(block in passed) for block in range(1, 7)]
        assert new.widths[k] == statistics.mean(8 if b <= 2 else 16 for b in passed)
        assert new.widths[k] >= plain.widths[k]  # type: ignore[operator]
    assert new.net.counts == (1,) * 7
    assert new.cancels
    assert not plain.cancels


def test_mean_spread_and_weights() -> None:
    found = Distribution((1, 6, 15, 20, 15, 6, 1))
    lengths = [k for k, n in enumerate(found.counts) for _ in range(n)]
    assert found.mean == statistics.mean(lengths)
    assert found.spread == pytest.approx(statistics.pstdev(lengths))
    # A residual path of k blocks has the weight gain**k: they add up to (1 + gain)**6.
    expected = [math.comb(6, k) * 0.3**k / 1.3**6 for k in range(7)]
    assert found.weighted(0.3) == pytest.approx(expected)


def test_weights_of_huge_numbers() -> None:
    found = Distribution(tuple(math.comb(5000, k) for k in range(5001)))
    shares = found.weighted(1.0)
    assert math.fsum(shares) == pytest.approx(1)
    assert found.mean == 2500
    assert found.spread == pytest.approx(math.sqrt(5000) / 2)


def test_negative_numbers_have_no_mean() -> None:
    assert Distribution((1, -2, 1)).mean is None
    assert Distribution(()).mean is None


@pytest.mark.parametrize("name", ["ResNet", "Eq. (20)", "A.4.1"])
def test_lesions(name: str) -> None:
    _, terms, outputs = NETWORKS[name]
    everything = enumerated(terms, outputs, 6)

    def count(which: list[bool]) -> int:
        pairs = zip(everything, which, strict=True)
        return sum(sign for (sign, _), chosen in pairs if chosen)

    one = ["W2" in passed for _, passed in everything]
    other = ["W5" in passed for _, passed in everything]
    assert deletion(of(name), 6, (2,)).left.total == count([not a for a in one])
    found = swap(of(name), 6, 2, 5)
    both = [a and b for a, b in zip(one, other, strict=True)]
    single = [a != b for a, b in zip(one, other, strict=True)]
    assert found.both == count(both)
    assert found.one == count(single)


def test_gates_do_not_cancel() -> None:
    made = linear(
        "stages 8 x 6\ny_i = f_i(y_<i-1>)*t_i(y_<i-1>) + y_<i-1>*(1 - t_i(y_<i-1>))"
    )
    found = paths(made, STAGES, 2)
    # f behind the gate t, t twice (inside both gates), or past the gate 1 - t.
    assert found.net.counts == (1, 6, 9)
    assert not found.cancels


def test_flows_and_depths() -> None:
    text = "stages 8 x 2, 16 x 4 / 2\nX_i = X_<i-1> + W_i*X_<i-1>"
    formula = compile_source(from_text(text))[0].formula
    (flow,) = flows(formula)
    assert flow.stages == STAGES
    (flow,) = flows(formula, 12)
    assert [(s.first, s.last) for s in flow.stages] == [(1, 4), (5, 12)]
    staged = compile_source(from_text("scope stage\n" + text))[0].formula
    assert [flow.length for flow in flows(staged)] == [2, 4]


def test_origins() -> None:
    made = of("RevNet")
    assert origins(made, 0) == (STEM,)
    assert [source.text() for source in origins(made, 3)] == ["A_3", "B_3"]


def test_stages_one_after_the_other() -> None:
    residual = [
        Distribution(tuple(math.comb(n, k) for k in range(n + 1))) for n in (3, 4)
    ]
    assert joined(residual).counts == tuple(math.comb(7, k) for k in range(8))
    assert joined([residual[0], Distribution(())]).total == 0
