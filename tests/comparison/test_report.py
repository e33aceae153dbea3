"""Reports: well formed, self-contained, and the same bytes each time."""

from __future__ import annotations

import base64
import itertools
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from recform.cli.app import app
from recform.comparison import Curve, ModelFacts, Results, Study
from recform.comparison.compare import Asked, compare
from recform.comparison.report import content, figures, html, latex, markdown, text
from recform.comparison.report.data import as_dict
from recform.comparison.results import read
from recform.diagnostics import Diagnostics
from tests.cli.test_json import faults
from tests.comparison import over_data, over_seeds
from tests.conftest import Golden

TABLES = Path(__file__).resolve().parents[2] / "examples" / "paper" / "tables"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9"/></svg>'
)
ODD = "<b>&\"'$x_1$%#{}\\|`*~^"


def seeds() -> Results:
    return over_seeds(
        {
            "ResNet-18": [93.54, 93.41, 93.80, 93.22, 93.61, 93.50, 93.33],
            "Eq. (20)": [93.90, 93.95, 94.03, 93.84, 93.77, 93.91, 93.70],
            "Eq. (21)": [92.32, 92.41, 91.90, 92.70, 92.55, 92.10, 92.65],
        }
    )


def study(results: Results) -> Study:
    """All that a trainer could tell."""
    facts = tuple(
        ModelFacts(
            name,
            "X_i = W_i*X_<i-1>",
            11_000_000 + 100_000 * number,
            550_000_000,
            0.02 + 0.01 * number,
            SVG,
            "- a\n+ b" if number else None,
            tuple(
                Curve("loss", seed, (1.0, 2.0, 3.0), (2.0, 1.5, 1.0 + seed / 10))
                for seed in (0, 1)
            ),
        )
        for number, name in enumerate(results.models)
    )
    return Study(results, facts, "recform compare a.rf b.rf", (("recform", "1"),))


def whole(given: Study) -> content.Document:
    return content.document(given, compare(given.results, Asked(), Diagnostics()))


class Page(HTMLParser):
    """Elements that are open, and what is loaded from where."""

    VOID = ("meta", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.alternatives: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name in ("src", "href", "data", "action"):
                self.sources.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name == "alt":
                self.alternatives.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> tuple[Page, list[str]]:
    """A page that is as it should be, and its pictures."""
    found = Page()
    found.feed(page)
    found.close()
    assert not found.open
    assert len(set(found.ids)) == len(found.ids)
    assert not found.tags & {"script", "link", "iframe", "object", "base", "form"}
    assert "url(" not in page and "@import" not in page
    start = "data:image/svg+xml;base64,"
    assert all(source.startswith(start) for source in found.sources)
    assert len(found.alternatives) == len(found.sources) and all(found.alternatives)
    assert not re.search(r"https?://", re.sub(r"base64,[^\"]*", "", page))
    pictures = [base64.b64decode(s.removeprefix(start)).decode() for s in found.sources]
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        ids = [item.get("id") for item in root.iter() if item.get("id")]
        assert len(set(ids)) == len(ids)
        links = [
            v for item in root.iter() for k, v in item.attrib.items() if "href" in k
        ]
        assert all(link.startswith("#") for link in links)
        outside = set(re.findall(r"https?://[\w./]*", picture))
        assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    return found, pictures


def test_a_page_of_everything() -> None:
    found, pictures = checked(html.render(whole(study(seeds()))))
    assert {"verdict", "scores", "pairs-over-seeds", "costs", "training", "formulas",
            "how-it-was-computed", "to-make-it-again"} <= set(found.ids)  # fmt: skip
    # Scores, costs, one curve, three steps.
    assert len(pictures) == 6 and pictures[-1] == SVG
    for picture in pictures[:3]:
        assert "var(--ink)" in picture and "prefers-color-scheme:dark" in picture
        # No colour is left that the dark theme would not change.
        styled = re.sub(r"<style.*?</style>", "", picture, flags=re.DOTALL)
        left = set(re.findall(r"#[0-9a-f]{6}\b", styled))
        assert left <= {"#000000"} and "fill: #000000" not in styled, left


def test_a_page_of_data_sets() -> None:
    results = read([TABLES / "table1.csv"], Diagnostics())
    page = html.render(whole(Study(results)))
    found, pictures = checked(page)
    assert len(pictures) == 2
    for picture in pictures:
        for model in results.models:
            assert f"{model}" in picture
    # One bar joins all eight: no pair differs.
    assert (
        "ResNet50s 1.67" in found.alternatives[0]
        and "CD: 6.06" in found.alternatives[0]
    )


@given(
    st.lists(st.integers(2, 40), min_size=2, max_size=8).map(sorted),
    st.integers(0, 20) | st.none(),
)
def test_bars_join_what_is_not_told_apart(
    ranks: list[int], distance: int | None
) -> None:
    joined = figures.alike([float(rank) for rank in ranks], distance)
    pairs = list(itertools.combinations(range(len(ranks)), 2))
    under = {(a, b) for a, b in pairs if any(i <= a and b <= j for i, j in joined)}
    assert under == {
        (a, b) for a, b in pairs if distance is None or ranks[b] - ranks[a] <= distance
    }
    # None lies within another one.
    assert all(i < k and j < m for (i, j), (k, m) in itertools.pairwise(joined))


def test_what_bars_say_where_nothing_is_found() -> None:
    """Friedman's p is 0.064, and the widest mean ranks are 2.8 apart; CD is 2.73."""
    ranks = ("32145", "15423", "15432", "14352", "15423")
    found = compare(over_data([[-float(rank) for rank in row] for row in ranks]))
    assert found.over is not None and found.over.distance is not None
    means = found.over.means
    assert max(means) - min(means) > found.over.distance and not found.over.differ
    page = html.render(content.document(Study(found.results), found))
    assert "bars that do not overlap are no sign of one" in page
    assert "two models differ (Nemenyi)" not in page


def test_names_are_text_and_nothing_else() -> None:
    rows = {ODD: [1.0, 2.0, 3.0], "B" * 200: [2.0, 3.0, 4.5]}
    given = study(over_seeds(rows))
    page = html.render(whole(given))
    _, pictures = checked(page)
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;&quot;&#x27;$x_1$" in page
    assert any("$x_1$" in picture for picture in pictures)
    typeset = latex.render(whole(given))
    assert r"\textless{}b\textgreater{}\&" in typeset and r"\$x\_1\$\%\#\{\}" in typeset
    assert r"\<b\>&" in markdown.render(whole(given))


@pytest.mark.filterwarnings("error")
def test_letters_of_all_kinds(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    names = [
        "模型一",
        "модель",
        "نموذج",
        "🙂" * 30,
        "\x1b[31mred\u202e",
        '"two\nlines"',
    ]
    table.write_text(
        "model,a,b\n" + "".join(f"{n},{k},{k + 1}\n" for k, n in enumerate(names))
    )
    code, stdout, stderr = run("--results", table, "-o", tmp_path / "r.html")
    assert (code, stderr) == (0, "")
    _, pictures = checked((tmp_path / "r.html").read_text())
    assert "模型一" in pictures[0] and "\x1b" not in stdout + pictures[0]
    assert "two lines" in stdout


def test_latex_is_balanced() -> None:
    # One of many models has a table that goes over pages: a float would be cut off.
    many = over_seeds({f"m{n}": [n, n + 0.5] for n in range(10)})
    for results in (seeds(), read([TABLES / "table1.csv"], Diagnostics()), many):
        typeset = latex.render(whole(study(results)))
        assert ("longtable" in typeset) == (results is many)
        assert re.findall(r"\\begin\{(\w+)\}", typeset)
        for name in set(re.findall(r"\\begin\{(\w+)\}", typeset)):
            begin, end = (typeset.count(rf"\{w}{{{name}}}") for w in ("begin", "end"))
            assert begin == end
        for table in re.findall(r"\\toprule\n(.*?)\\bottomrule", typeset, re.DOTALL):
            lines = (r"\midrule", r"\endhead")
            rows = [line for line in table.splitlines() if line not in lines]
            assert len({line.count("&") for line in rows}) == 1
            assert all(line.endswith(r"\\") for line in rows)


@pytest.mark.parametrize("name", ["seeds", "table1"])
def test_markdown(name: str, golden: Golden) -> None:
    results = (
        seeds() if name == "seeds" else read([TABLES / "table1.csv"], Diagnostics())
    )
    given = Study(results, command=f"recform compare --results {name}.csv")
    golden.check(f"compare/{name}.md", markdown.render(whole(given)))
    golden.check(f"compare/{name}.tex", latex.render(whole(given)))


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_what_a_time_of_a_step_is(
    jobs: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs that share a machine are slower, which every form says."""
    given = replace(study(seeds()), at_once=jobs)
    made = compare(given.results, Asked(), Diagnostics())
    report = content.document(given, made)
    text.render(report)
    for said in (
        capsys.readouterr().out,
        *(form.render(report) for form in (html, latex, markdown)),
        json.dumps(as_dict(given, made)),
    ):
        words = " ".join(said.split())
        assert "measured while they train" in words
        assert (f"Up to {jobs} runs were made at a time" in words) == (jobs > 1)


def test_json_is_of_the_schema() -> None:
    for results in (seeds(), read([TABLES / "table2.csv"], Diagnostics())):
        given = study(results)
        result = as_dict(given, compare(results, Asked(), Diagnostics()))
        made = json.loads(json.dumps(result | {"report": None}, allow_nan=False))
        answer = {"schema": 1, "command": "compare", "recform": "1", "ok": True,
                  "status": 0, "diagnostics": [], "result": made}  # fmt: skip
        assert faults(answer, json.loads(SCHEMA.read_text())) == []


SCHEMA = Path(__file__).resolve().parents[2] / "recform" / "cli" / "answer.schema.json"


# ------------------------------------------------------------------------ the command


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["compare", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.slow
def test_the_same_bytes_in_every_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here, where hashes are random, and where they are not."""
    tables = [
        word for n in (5, 6, 7) for word in ("--results", str(TABLES / f"table{n}.csv"))
    ]
    words = ["compare", *tables, "--baseline", "SEResNet18", "-o", "report.html"]
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, words).exit_code == 0
    here = (tmp_path / "report.html").read_bytes()
    subprocess.run(
        [sys.executable, "-m", "recform", *words],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": str(TABLES.parents[2])},
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "report.html").read_bytes() == here
    assert str(tmp_path).encode() not in here


def test_every_form_says_the_same(tmp_path: Path) -> None:
    table = TABLES / "table3.csv"
    _, printed, _ = run("--results", table)
    verdicts = " ".join(printed.partition("Verdict")[2].split())
    assert verdicts.startswith("- Each model has one score")
    for ending in ("html", "md", "tex", "json"):
        out = tmp_path / f"r.{ending}"
        assert run("--results", table, "-o", out)[0] == 0
        assert "Each model has one score" in out.read_text()
    answer = json.loads(run("--results", table, "--json", "-o", tmp_path / "r.md")[1])
    assert answer["result"]["report"] == str(tmp_path / "r.md")
    assert (
        answer["result"]["verdict"]
        == json.loads((tmp_path / "r.json").read_text())["verdict"]
    )


def test_options_reach_the_statistics(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("model,0,1,2,3,4\nA,1,2,3,4,5\nB,2,3,4,5,7\nC,9,9,9,9,9\n")
    given = ("--results", table, "--baseline", "B", "--alpha", "0.2", "--json")
    result = json.loads(run(*given, "--lower-is-better")[1])["result"]
    pairs = result["data_sets"][0]["pairs"]
    assert [(p["first"], p["second"]) for p in pairs] == [("B", "A"), ("B", "C")]
    assert [p["second_is"] for p in pairs] == ["better", "worse"]
    assert (result["alpha"], result["baseline"], result["higher_is_better"]) == (
        0.2, "B", False,
    )  # fmt: skip
    words = (
        f"recform compare --results {table} --baseline B --alpha 0.2 --lower-is-better"
    )
    assert result["command"] == words


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 1, "RF851"),
        ([], 1, "there is nothing to compare"),
        (["net.rf"], 1, "RF001"),
        (["scores.csv"], 1, "scores.csv is no formula = hint: --results scores.csv"),
        (["net.rf", "--results", "T"], 1, "RF851"),
        (["--results", "T", "--alpha", "0"], 2, "above 0 and below 0.5"),
        (["--results", "T", "--alpha", "nan"], 2, "is no number"),
        (["--results", "T", "--alpha", "5"], 2, "above 0 and below 0.5"),
        (["--results", "T", "-o", "r.pdf"], 1, "RF860"),
        (["--results", "T", "-o", "-"], 1, "RF860"),
        (["--results", "T", "-o", "none/r.md"], 1, "RF503"),
        (["none.rf", "-o", "none/r.html"], 1, "there is no folder none"),
        (["--results", "T", "--baseline", "ResNet"], 1, "RF858"),
        (["--results", "T", "--seeds", "0"], 2, "nothing is trained with --results"),
        (["--results", "T", "--memory", "lean"], 2, "--memory: nothing is trained"),
        (["net.rf", "--lower-is-better"], 2, "trained is compared by its accuracy"),
        (["--module", "a:b", "--memory", "lean"], 2, "does not go with --module"),
    ],
)
def test_wrong_usage(arguments: list[str], status: int, said: str) -> None:
    given = [str(TABLES / "table3.csv") if word == "T" else word for word in arguments]
    code, _, stderr = run(*given)
    assert code == status and said in " ".join(stderr.split())


@pytest.mark.parametrize("package", ["scipy", "statsmodels", "scikit_posthocs"])
def test_without_packages(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    code, _, stderr = run("--results", TABLES / "table1.csv")
    assert code == 1 and f"error[RF857]: compare needs {package}" in stderr
    assert "pip install 'recform[train]'" in stderr


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, stderr = run("--results", TABLES / "table1.csv", "-o", tmp_path / "r.html")
    assert code == 1 and "a report in HTML needs matplotlib" in stderr
    assert not (tmp_path / "r.html").exists()
