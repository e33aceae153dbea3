"""Tables of results: every form that is read, and what is said of those that are not."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from recform.cli.app import app
from recform.comparison.cells import rows
from recform.comparison.model import Results
from recform.comparison.results import parse, read
from recform.diagnostics import CompileError, Diagnostic, Diagnostics
from recform.source import Source

TABLES = Path(__file__).resolve().parents[2] / "examples" / "paper" / "tables"


def results(*texts: str) -> Results:
    report = Diagnostics()
    found = parse([Source(f"t{n}.csv", text) for n, text in enumerate(texts)], report)
    assert not [*report]
    return found


def scores(*texts: str) -> list[tuple[str, str, int | None, float]]:
    found = results(*texts)
    return [(item.model, item.data, item.seed, item.value) for item in found.scores]


def faults(*texts: str) -> list[Diagnostic]:
    report = Diagnostics()
    try:
        parse([Source(f"t{n}.csv", text) for n, text in enumerate(texts)], report)
    except CompileError as error:
        return list(error.diagnostics)
    return [*report]


SEEDS = [("A", "", 0, 1.5), ("A", "", 7, 2.0), ("B", "", 0, 3.0), ("B", "", 7, 4.0)]


@pytest.mark.parametrize(
    "text",
    [
        "model,0,7\nA,1.5,2\nB,3,4\n",
        "model,seed 0,seed=7\nA,1.5,2.0\nB,3.0,4.0",
        "Method;Seed_0;run7\nA;1.5;2\nB;3;4",
        "\tseed 0\t#7\n" "A\t1.5\t2\nB\t3\t4\n".replace("#", "seed"),
        '"model","0","7"\n"A","1.5","2"\n"B","3","4"\n',
        "  model , 0 , 7 \n A , 1.5 , 2 \n\n B , 3 , 4 \n",
        "# made by hand\nmodel,0,7\n# A is first\nA,1.5,2\nB,3,4\n",
        "model,seed,accuracy\nA,0,1.5\nA,7,2\nB,0,3\nB,7,4\n",
        "seed,model,accuracy\n0,A,1.5\n7,A,2\n0,B,3\n7,B,4\n",
        "model,0,7,\nA,1.5,2,\nB,3,4,\n",
        "model,0,7\nA,1.5,+2.\nB,3e0,4,,\n",
    ],
)  # fmt: skip
def test_a_column_a_seed(text: str) -> None:
    text = text.replace("#7", "seed7")
    assert sorted(scores(text)) == SEEDS


def test_a_column_a_data_set() -> None:
    expected = [("A", "C10", None, 93.5), ("A", "C100", None, 70.0)]
    for text in (
        "model,C10,C100\nA,93.5,70\nB,94,71\n",
        "net,C10 (%),C100 [%]\nA,93.5,70\nB,94,71\n",
        "model,C10,C100\nA,93.5%,70 %\nB,94%,71%\n",
        "model,data,accuracy\nA,C10,93.5\nA,C100,70\nB,C10,94\nB,C100,71\n",
    ):
        assert scores(text)[:2] == expected
        assert results(text).unit == ("%" if "%" in text else "")
        assert results(text).data == ("C10", "C100")


def test_a_seed_below_zero() -> None:
    found = results("model,-1,1\nA,1,2\nB,3,4\n")
    assert {item.seed for item in found.scores} == {-1, 1} and found.data == ("",)
    found = results("model,seed-1,seed 2\nA,1,2\nB,3,4\n")
    assert {item.seed for item in found.scores} == {1, 2}


def test_seeds_and_data_sets() -> None:
    expected = [("A", "C10", 0, 1.0), ("A", "C10", 1, 2.0), ("A", "C100", 0, 3.0),
                ("A", "C100", 1, 4.0), ("B", "C10", 0, 5.0), ("B", "C10", 1, 6.0),
                ("B", "C100", 0, 7.0), ("B", "C100", 1, 8.0)]  # fmt: skip
    long = "model,data,seed,top-1\n" + "".join(
        f"{m},{d},{s},{v}\n" for m, d, s, v in expected
    )
    wide = "model,seed,C10,C100\nA,0,1,3\nA,1,2,4\nB,0,5,7\nB,1,6,8\n"
    other = "model,data,0,1\nA,C10,1,2\nA,C100,3,4\nB,C10,5,6\nB,C100,7,8\n"
    for text in (long, wide, other):
        assert sorted(scores(text)) == expected
    assert results(long).measure == "top-1"


def test_several_tables_are_one() -> None:
    first = "model,seed,C10\nA,0,1\nB,0,2\n"
    second = "model,seed,C10\nA,1,3\nB,1,4\n"
    assert len(scores(first, second)) == 4
    (fault,) = faults(first, second.replace("A,1", "A,0"))
    assert (
        fault.code == "RF854"
        and fault.message == "A on C10 with seed 0 has a second score"
    )
    assert [label.span.source.name for label in fault.labels] == ["t1.csv", "t0.csv"]


def test_models_keep_their_order() -> None:
    assert results("model,0\nZ,1\nA,2\nM,3\n").models == ("Z", "A", "M")


WRONG = [
    ("", "RF852", None),
    ("\n\n# nothing\n", "RF852", None),
    ("model,0\n", "RF852", None),
    ("model\nA\nB\n", "RF852", None),
    ("model,0\nA,\0\nB,1\n", "RF852", None),
    ("model,0\nA,one\nB,1\n", "RF853", (2, 3, "one")),
    ("model,0\nA,nan\nB,1\n", "RF853", (2, 3, "nan")),
    ("model,0\nA,-inf\nB,1\n", "RF853", (2, 3, "-inf")),
    ("model,0\nA,1e999\nB,1\n", "RF853", (2, 3, "1e999")),
    ("model,0\nA,-2e100\nB,1\n", "RF853", (2, 3, "-2e100")),
    ("model,0\nA,1_000\nB,1\n", "RF853", (2, 3, "1_000")),
    ("model,0\nA,93.5 ± 0.2\nB,1\n", "RF853", (2, 3, "93.5 ± 0.2")),
    ('model,0\nA,"93,5"\nB,1\n', "RF853", (2, 3, '"93,5"')),
    ("model,seed,acc\nA,first,1\nB,0,1\n", "RF853", (2, 3, "first")),
    ("model,0\nA,1\nB,2\nA,3\n", "RF854", (4, 3, "3")),
    ("model,C10,C10\nA,1,2\nB,3,4\n", "RF854", (1, 11, "C10")),
    ("model,0\nA,93,54\nB,94,1\n", "RF856", (2, 6, "54")),
    ("model,0,1\nA,1\nB,1,2\n", "RF856", (2, 1, "A")),
    ("model,0\nA,1\n", "RF859", (2, 3, "1")),
    ("model,0\nA,\nB,-\n", "RF859", (3, 3, "-")),
    ("A,1.5,2.5\nB,1.5,2.5\n", "RF861", (1, 1, "A")),
    ("x,y\n1,2\n3,4\n", "RF861", (1, 1, "x")),
    ("model,seed\nA,0\nB,1\n", "RF861", (1, 7, "seed")),
    ("model,data,C10,C100\nA,x,1,2\nB,x,1,2\n", "RF861", (1, 12, "C10")),
    ("model,0\n,1\nB,1\n", "RF861", (2, 1, "")),
    ("model,,1\nA,1,2\nB,1,2\n", "RF861", (1, 7, "")),
    ("model,0,1,mean\nA,1,2,1.5\nB,1,2,1.5\n", "RF861", (1, 11, "mean")),
    ("model,C10,7\nA,1,2\nB,1,2\n", "RF861", (1, 7, "C10")),
    ("model,0\nA,93%\nB,0.94\n", "RF862", (3, 3, "0.94")),
]


@pytest.mark.parametrize(("text", "code", "place"), WRONG)
def test_what_is_wrong_has_a_place(
    text: str, code: str, place: tuple[int, int, str] | None
) -> None:
    found = faults(text)
    assert found and {item.code for item in found} == {code}, found
    first = found[0]
    assert first.hint
    if place is None:
        assert first.file == "t0.csv"
    else:
        span = first.labels[0].span
        assert (span.line, span.column, span.text) == place


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ('"93,54"', "decimals are written with a point: 93.54"),
        ("93.5±0.2", "give each run, a column a seed"),
        ("nan", "a run that diverged has a score, too"),
        ("n/k", "a number such as 93.54"),
    ],
)
def test_hints_name_the_mistake(cell: str, hint: str) -> None:
    (fault,) = faults(f"model,0\nA,{cell}\nB,1\n")
    assert hint in fault.hint


def test_what_is_missing_is_said() -> None:
    report = Diagnostics()
    text = "model,0,1\nA,1,2\nB,3,\nC,,n/a\n"
    found = parse([Source("t.csv", text)], report)
    assert found.models == ("A", "B")
    assert found.missing == ("C has none at all", "B with seed 1 has none")
    (warning,) = report
    assert warning.code == "RF855" and warning.labels[0].span.line == 3


def test_scores_that_lower_is_better() -> None:
    report = Diagnostics()
    found = parse(
        [Source("t.csv", "model,C10,C100\nA,1,2\nB,3,4\n")], report, lower=True
    )
    assert not found.higher_is_better and found.measure == "error"


# -------------------------------------------------------------------------- the paper


def test_the_papers_tables() -> None:
    """Means of Tables 5 to 7 are Table 2, but for what the paper rounds or misprints."""
    report = Diagnostics()
    runs = read([TABLES / f"table{n}.csv" for n in (5, 6, 7)], report)
    means = read([TABLES / "table2.csv"], report)
    assert runs.models == means.models and len(runs.models) == 16
    assert len(runs.scores) == 96 and len(means.scores) == 32
    off = {}
    for item in means.scores:
        values = runs.of(item.model, item.data)
        assert list(values) == [0, 617, 1234]
        mean = sum(values.values()) / 3
        if abs(mean - item.value) > 0.0051:
            off[item.model, item.data] = round(mean - item.value, 3)
    assert off == OFF
    for name, n in (("table1", 24), ("table1_top5", 24), ("table3", 8)):
        assert len(read([TABLES / f"{name}.csv"], report).scores) == n
    top1 = read([TABLES / "table1.csv"], report)
    top5 = read([TABLES / "table1_top5.csv"], report)
    for item in top1.scores:
        assert item.value < top5.of(item.model, item.data)[None]
    assert sum(item.value for item in top1.scores) == pytest.approx(
        759.06 + 620.99 + 585.43
    )
    assert not [*report]


#: Where Table 2 is not the mean of the three seeds.
OFF = {
    ("SEResNet18", "CIFAR10"): -0.02,
    ("Res2NeXt4s", "CIFAR10"): -0.08,
    ("ResNeXt4s", "CIFAR100"): 0.007,  # cut off, not rounded
}


# -------------------------------------------------------------------- hostile and odd

CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=("Cs",)),
    max_size=6,
)


def shown(cell: str) -> str:
    """A cell on one line, as a terminal may have it."""
    return (
        re.sub(r"\s+", " ", cell)
        .strip()
        .translate(
            {ord(c): "\N{REPLACEMENT CHARACTER}" for c in cell if not c.isprintable()}
        )
    )


@given(st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=5))
def test_cells_are_those_of_pythons_csv(table: list[list[str]]) -> None:
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [["a", "b"], *table]
    )
    text = stream.getvalue()
    separator, found = rows(Source("t.csv", text))
    expected = [
        [shown(cell) for cell in row]
        for row in csv.reader(io.StringIO(text))
        if any(cell.strip() for cell in row)
    ]
    assert separator == ","
    assert [[cell.text for cell in row] for row in found] == expected
    starts = [cell.span.start for row in found for cell in row]
    assert starts == sorted(set(starts))


@given(st.text(max_size=60) | st.text('model,0123.5%;\n"AB#-\t ', max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for item in faults(text):
        assert item.code.startswith("RF85") or item.code in ("RF861", "RF862")
        assert all(label.span.text is not None for label in item.labels)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "RF852"),
        (bytes(range(256)) * 8, "RF002"),
        (b"model" + b",0" * 1_000_000 + b"\n", "RF004"),
        (b"model," + b",".join(b"%d" % n for n in range(60_000)), "RF852"),
        (b'"' * 50_000, "RF852"),
        (b"model,0\n" + b"A,1\n" * 40_000, "RF854"),
        (b"model,0\n" + b"".join(b"m%d,1\n" % n for n in range(1000)), "RF863"),
    ],
)  # fmt: skip
def test_hostile_files(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    result = CliRunner().invoke(app, ["compare", "--results", str(path)])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert f"error[{code}]" in result.stderr, result.stderr[:500]
    assert len(result.stderr) < 60_000


def test_no_such_file(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("model,0\nA,1\nB,2\n")
    result = CliRunner().invoke(
        app, ["compare", "--results", str(tmp_path / "tabel.csv")]
    )
    assert "RF001" in result.stderr and "table.csv?" in result.stderr


def test_results_from_python_are_checked() -> None:
    from recform.comparison import Score

    for scores_ in (
        (Score("A", "", 0, float("nan")),),
        (Score("A", "", 0, 1.1e100),),
        (Score("C", "", 0, 1.0),),
        (Score("A", "", 0, 1.0), Score("A", "", 0, 1.0)),
    ):
        with pytest.raises(ValueError):
            Results(("A", "B"), scores_)
    for names in (("A", "A"), ("A", "B\n"), ("A", "\x1b[31mB")):
        with pytest.raises(ValueError):
            Results(names, ())
