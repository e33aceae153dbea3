"""Verdicts: what is concluded, what is not, and in which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from recform.comparison import Results, Score, Study
from recform.comparison.compare import Asked, compare
from recform.comparison.report import content, latex, markdown, text
from recform.comparison.report.data import as_dict
from recform.comparison.results import read
from recform.comparison.verdict import Outcome, of_seeds, verdict
from recform.diagnostics import CompileError, Diagnostics
from tests.comparison import over_data, over_seeds

TABLES = Path(__file__).resolve().parents[2] / "examples" / "paper" / "tables"


def said(
    results: Results, baseline: str | None = None, alpha: float = 0.05
) -> list[str]:
    return [*verdict(compare(results, Asked(alpha, baseline), Diagnostics()))]


def test_two_models_and_one_seed() -> None:
    (line,) = said(over_seeds({"A": [93.0], "B": [94.0]}))
    assert line.startswith("Each model has one score: whether the differences are more")


@pytest.mark.parametrize("n", range(2, 9))
def test_how_few_seeds_are_too_few(n: int) -> None:
    """The smallest p of n seeds is 2/2^n, so five can never reach 0.05."""
    rows = {
        "A": [90.0 + s / 10 for s in range(n)],
        "B": [99.0 + s / 7 for s in range(n)],
    }
    lines = said(over_seeds(rows))
    if n < 6:
        assert f"{n} seeds cannot settle it at 0.05, however large" in lines[0]
        assert f"is {2 / 2**n:.3g}. It takes 6 seeds." in lines[0]
    else:
        assert lines[0].startswith("B is better than A: by +9")
        assert len(lines) == 1


def test_the_correction_takes_more_seeds() -> None:
    rows = {
        name: [90.0 + 3 * n + s / 10 for s in range(6)] for n, name in enumerate("ABC")
    }
    lines = said(over_seeds(rows))
    assert "is 0.0312, and 3 tests times as much after Holm's correction" in lines[0]
    assert "It takes 7 seeds." in lines[0]  # 2/2^7 <= 0.05/3
    rows = {name: [*values, values[-1] + 0.1] for name, values in rows.items()}
    assert said(over_seeds(rows)) == [
        "B is better than A: by +3.00 (the same with each seed, so there is no interval), "
        "with 7 of 7 seeds, p = 0.0469.",
        "C is better than A and B (each p = 0.0469 or less).",
    ]


@pytest.mark.parametrize("n", [2, 3, 5, 6])
def test_differences_that_are_all_the_same_have_no_interval(n: int) -> None:
    """Which says nothing of further seeds: no interval of width zero."""
    rows = {
        "A": [90.1 + s / 10 for s in range(n)],
        "B": [90.6 + s / 10 for s in range(n)],
    }
    found = compare(over_seeds(rows), Asked(0.05, None), Diagnostics())
    (pair,) = found.each[0].pairs
    assert (pair.sd, pair.interval, pair.visible, pair.effect) == (0, None, None, None)
    words = " ".join(verdict(found))
    assert "+0.50 (the same with each seed, so there is no interval)" in words
    if n < 6:
        assert words.endswith("6 seeds in all are the fewest that may show it.")
    page = markdown.render(content.document(Study(found.results, ()), found))
    assert "no spread" in page and "Nothing is seen of how they spread" in page
    assert "+0.50 to +0.50" not in page


def test_what_is_settled_counts_no_more() -> None:
    """Holm's second step has one test less: six seeds can reach 0.05 behind a first one."""
    rows = {
        "A": [90.0 + s / 10 for s in range(10)],
        "B": [93.0 + s / 10 for s in range(10)],
        "C": [91.0 + s / 10 for s in range(5)] + [90.4],
    }
    lines = said(over_seeds(rows), "A")
    assert lines[0].startswith("B is better than A") and len(lines) == 2
    assert lines[1].startswith("C - A is open: +0.8") and "p = 0.0625" in lines[1]
    rows["C"][-1] = 90.6
    assert "C is better than A: by +0.85" in said(over_seeds(rows), "A")[1]
    lines = said(over_seeds(rows | {"C": rows["C"][:5]}), "A")
    assert "open, and 5 seeds cannot settle it at 0.05" in lines[1]
    assert lines[1].endswith("can give with so few is 0.0625. It takes 6 seeds.")


def test_what_was_seen_would_not_have_shown() -> None:
    """A t test would have found 0.8 in four of five studies; this is the fifth."""
    differences = [1.0, 1.0, 1.0, 1.0, 1.0, -0.1]
    results = over_seeds({"A": [90.0] * 6, "B": [90 + value for value in differences]})
    (pair,) = compare(results).each[0].pairs
    assert pair.p == 0.0625 and pair.visible is not None
    assert 0 < pair.visible < pair.difference
    (line,) = said(results)
    assert line.startswith("B - A is open: +0.82") and "would have shown" not in line


def test_runs_without_a_score() -> None:
    scores = [Score("A", "", 0, 90.0), Score("A", "", 1, 91.0), Score("B", "", 1, 92.0)]
    missing = ("B with seed 0 has none",)
    assert said(Results(("A", "B"), tuple(scores), missing=missing)) == [
        "No two models have scores with the same two seeds: whether the differences are "
        "more than chance cannot be said. Run each with several seeds, or on several data "
        "sets.",
        "Scores are missing, and all of this is of those that are there. Where a run "
        "failed, that favours its model.",
    ]


def test_a_difference_that_is_open_says_what_it_takes() -> None:
    rows = {"A": [0.2, 0.3, 0.1, 0.4, 0.2, 0.3], "B": [0.3, 0.2, 0.3, 0.4, 0.3, 0.2]}
    (line,) = said(over_seeds(rows))
    found = re.fullmatch(
        r"B - A is open: \+0\.0333 \(95% interval -0\.0938 to \+0\.1604\), p = 0\.75\. "
        r"If the true difference and spread are what was seen, (\d+) seeds in all would "
        r"show it in four of five studies; a difference of \+0\.\d+ would have shown with "
        r"6\.",
        line,
    )
    assert found is not None, line
    assert 90 < int(found.group(1)) < 120


def test_scores_that_are_all_the_same() -> None:
    (line,) = said(over_seeds({"A": [90.0] * 6, "B": [90.0] * 6}))
    assert line == (
        "A and B have the same score with each of 6 seeds; nothing tells them apart."
    )
    assert said(over_seeds({name: [90.0] * 6 for name in "ABCD"})) == [
        "6 of 6 pairs have the same score with each seed; nothing tells the two apart."
    ]
    lines = said(over_data([[1.0, 1.0, 1.0]] * 3))
    assert lines[0] == (
        "On each of 3 data sets all models have one score; nothing tells them apart."
    )
    assert (
        said(over_data([[1.0, 1.0]] * 3))[0]
        == "m0 and m1 have one score on each of 3 data sets."
    )


def test_data_sets_that_are_too_few_for_any_pair() -> None:
    lines = said(over_data([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
    assert "With 2 data sets no two of 3 models can be told apart" in lines[1]


def test_all_data_sets_in_one_order() -> None:
    lines = said(over_data([[1.0, 2.0, 3.0]] * 9))
    assert lines[0].startswith(
        "Over 9 data sets the 3 models do not all do equally well"
    )
    assert lines[1] == "m2 is better than m0 (Nemenyi, CD = 1.10)."
    assert lines[2] == "Against the baseline m0 alone (Holm): m1 and m2 are better."


def test_models_that_do_not_differ_are_not_paired() -> None:
    table = [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0], [2.0, 3.0, 1.0]]
    lines = said(over_data(table))
    assert "are not told apart (Friedman, p = 1)" in lines[0]
    assert lines[1] == "So no two are compared by their ranks."
    assert not any("baseline" in line for line in lines)


@pytest.mark.parametrize("n", range(2, 9))
def test_two_models_over_data_sets(n: int) -> None:
    lines = said(over_data([[1.0 + s, 2.0 + s + s / 10] for s in range(n)]))
    if n < 6:
        assert f"m0 and m1 are not told apart: m1 is better on {n}, and" in lines[0]
        assert f"they can give is {2 / 2**n:.3g}" in lines[1]
    else:
        assert lines[0] == (
            f"Over {n} data sets m1 is better than m0: on {n}, and worse on 0 "
            f"(Wilcoxon, p = {2 / 2**n:.3g})."
        )
        turned = said(over_data([[2.0 + s + s / 10, 1.0 + s] for s in range(n)]))
        assert turned[0].startswith(f"Over {n} data sets m0 is better than m1: on {n},")


def test_lower_is_better() -> None:
    rows = {"A": [9.0 + s / 10 for s in range(6)], "B": [5.0 + s / 7 for s in range(6)]}
    (line,) = said(over_seeds(rows, higher_is_better=False))
    assert line.startswith("B is better than A: by +3.")


def test_the_papers_claims() -> None:
    """Figure 4's claim is not shown by its own test (erratum 6); nor A.2 by its seeds."""
    report = Diagnostics()
    lines = said(read([TABLES / "table1.csv"], report))
    assert lines[0].endswith("do not all do equally well (Friedman, p = 4.6e-05).")
    assert lines[1].startswith(
        "No two mean ranks differ by more than CD = 6.06 (Nemenyi)"
    )
    runs = read([TABLES / f"table{n}.csv" for n in (5, 6, 7)], report)
    found = compare(runs, Asked(), report)
    outcomes = {of_seeds(p, 0.05) for each in found.each for p in each.pairs}
    assert outcomes == {Outcome.open}
    assert any("3 seeds cannot settle it at 0.05" in line for line in verdict(found))


def test_a_baseline_that_is_none() -> None:
    report = Diagnostics()
    with pytest.raises(CompileError, match="did you mean ResNet"):
        compare(
            over_seeds({"ResNet": [1.0], "B": [2.0]}), Asked(baseline="Resnet"), report
        )


def test_too_much_to_compare() -> None:
    def many(models: int, data: int) -> Results:
        names = tuple(f"m{n}" for n in range(models))
        return Results(
            names, tuple(Score(m, f"d{d}", 0, 1.0) for m in names for d in range(data))
        )

    for results, baseline in ((many(61, 1), None), (many(40, 3), None)):
        with pytest.raises(CompileError, match="RF863"):
            compare(results, Asked(baseline=baseline), Diagnostics())
    assert compare(many(40, 3), Asked(baseline="m0"), Diagnostics()).each


# --------------------------------------------------------------- whatever the scores are

VALUES = st.sampled_from(
    [0.0, 1.0, 50.0, 93.54, 100.0, -3.0, 1e-300, 1e-9, 1e12, 1e100, -1e100]
)


def test_small_losses_have_digits() -> None:
    for size, wanted in ((1.0, 4), (0.5, 4), (0.02, 5), (0.00013, 7), (1e-300, 12)):
        assert Results(("A", "B"), (Score("A", "", 0, -size),)).digits == wanted
    scores = (
        Score(m, "", n, (8 + n + x) * 1e-5)
        for m, x in (("A", 0), ("B", 2))
        for n in range(6)
    )
    lines = verdict(compare(Results(("A", "B"), tuple(scores))))
    assert "by +0.0000200 " in lines[0]


@st.composite
def any_results(draw: st.DrawFn) -> Results:
    models = tuple(f"m{n}" for n in range(draw(st.integers(2, 4))))
    keys = [
        (model, data, seed)
        for model in models
        for data in ("", "b", "c")[: draw(st.integers(1, 3))]
        for seed in draw(
            st.sampled_from([(None,), (0,), (0, 1), (0, 1, 2, 3, 4, 5, 6)])
        )
    ]
    kept = [key for key in keys if draw(st.integers(0, 9))] or keys
    scores = tuple(Score(*key, draw(VALUES)) for key in kept)
    return Results(models, scores, higher_is_better=draw(st.booleans()))


@given(any_results())
def test_whatever_the_scores_are_it_ends_in_words(results: Results) -> None:
    found = compare(results, Asked(), Diagnostics())
    study = Study(results)
    document = content.document(study, found)
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    text.render(document, console)
    console.file.close()
    printed = [
        *verdict(found),
        markdown.render(document),
        latex.render(document),
        console.export_text(),
    ]
    assert verdict(found)
    for part in printed:
        assert not re.search(r"\b(nan|inf|None|True|False)\b", part), part
    import json

    json.dumps(as_dict(study, found), allow_nan=False)
