"""The command `equiv`, and what stands around the equations that it compares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recform.cli.app import app
from recform.compiler import compile_source, from_text
from recform.equality.compare import compare
from recform.equality.verdict import ANY
from tests import warm
from tests.equality.test_equiv import EQ20, EQ21, EXAMPLES, ONLY_LINEAR

FRAME = """input 3 x 8 x 8
stem {stem}
stages {stages}
head avgpool > linear(10)
B = {body}
X_i = X_<i-1> + B_i*X_<i-1>
"""


SAME = {"stem": "conv(3, c) > bn", "stages": "4 x 2", "body": "conv(3, c) > bn > relu"}


@pytest.mark.parametrize(
    ("part", "other", "shown"),
    [
        ("stem", "conv(5, c) > bn", "stem: conv(3, c) > bn in A, conv(5, c) > bn in B"),
        ("stages", "4 x 2, 8 x 2 / 2", "stages: 4 x 2 in A, 4 x 2, 8 x 2 / 2 in B"),
        (
            "body",
            "conv(3, c) > relu",
            "B: conv(3, c) > bn > relu in A, conv(3, c) > relu in B",
        ),
        # The same pipeline in other words.
        ("stem", "first: conv(kernel=3, width=c) > bn", None),
        ("body", "conv(3, c, stride=1) > bn > relu", None),
    ],
)
def test_the_frame_is_compared(part: str, other: str, shown: str | None) -> None:
    first, second = (
        compile_source(from_text(FRAME.format(**values)))[0].formula
        for values in (SAME, SAME | {part: other})
    )
    found = compare(first, second)
    assert found.answer == ANY
    assert [change.text(("A", "B")) for change in found.frame] == [shown] * bool(shown)


def test_the_frame_counts_for_the_status(tmp_path: Path) -> None:
    for name, stem in (("a.rf", "conv(3, c)"), ("b.rf", "conv(3, c) > relu")):
        (tmp_path / name).write_text(FRAME.format(**SAME | {"stem": stem}))
    files = [str(tmp_path / name) for name in ("a.rf", "b.rf")]
    result = CliRunner().invoke(app, ["equiv", *files])
    assert result.exit_code == 3
    assert "equal, but not all that stands around the equations\n" in result.output
    assert "Around the equations they differ" in result.output
    assert CliRunner().invoke(app, ["equiv", *files, "--ignore-frame"]).exit_code == 0


@pytest.mark.parametrize(
    ("left", "right", "options", "status"),
    [
        (EQ20, EQ21, (), 0),
        (EQ21, "X_i = W_i*X_<i-1> + X_<i-2>", (), 1),
        # A term that reaches back nine blocks is in no network of eight.
        (f"{EQ21} + X_<i-9>", EQ21, (), 4),
        ("X_i = W_i*(X_<i-1> + X_0)", "X_i = W_i*X_<i-1> + W_i*X_0", (), 1),
        ("X_i = W_i*(X_<i-1> + X_0)", "X_i = W_i*X_<i-1> + W_i*X_0", ("--linear",), 0),
    ],
)
def test_the_status(
    left: str, right: str, options: tuple[str, ...], status: int, tmp_path: Path
) -> None:
    files = [str(tmp_path / name) for name in ("a.rf", "b.rf")]
    for file, text in zip(files, (left, right), strict=True):
        Path(file).write_text(f"stages 4 x 8\n{text}")
    result = CliRunner().invoke(app, ["equiv", *files, *options])
    assert result.exit_code == status, result.output
    assert ": equal\n" not in result.output or status == 0


def test_the_command(tmp_path: Path) -> None:
    files = [str(EXAMPLES / name) for name in ("eq20.rf", "eq21.rf", "a41.rf")]
    result = warm.recform(tmp_path, "equiv", *files[:2])
    assert result.returncode == 0
    assert result.stdout.startswith("Eq20 and Eq21: equal\n")
    assert "X_1 = (1 + W_1)*X_0" in result.stdout
    result = warm.recform(
        tmp_path, "equiv", files[0], files[2], "-o", "out.py", "--json"
    )
    assert result.returncode == 1
    data = json.loads(result.stdout)["result"]
    assert (data["answer"], data["differs_at_depth"]) == ("different", 1)
    assert (tmp_path / "out.py").read_text() == data["example"]["program"]


def test_linear_is_enough_if_asked_for(tmp_path: Path) -> None:
    for name, text in zip(("a.rf", "b.rf"), ONLY_LINEAR[0], strict=True):
        (tmp_path / name).write_text(f"stages 4 x 8\n{text}\n")
    assert warm.recform(tmp_path, "equiv", "a.rf", "b.rf").returncode == 1
    assert warm.recform(tmp_path, "equiv", "a.rf", "b.rf", "--linear").returncode == 0


STARTS = """input 4
stages 4 x 6
W = linear(c)
scalar a_i = {start}
init linear = {rule}
X_i = W_i*X_<i-1> + a_i*X_<i-1>
"""


@pytest.mark.parametrize(
    ("start", "rule", "shown"),
    [
        ("0.3", "normal(0.02)", []),
        ("3/10", "normal(0.02)", []),
        ("0.5", "normal(0.02)", ["a: 0.3 in A, 0.5 in B"]),
        (
            "0.1*i",
            "zeros",
            [
                "a: 0.3 in A, i/10 in B",
                "init linear: normal(std=0.02) in A, zeros in B",
            ],
        ),
    ],
)
def test_other_start_values_are_told(
    start: str, rule: str, shown: list[str], tmp_path: Path
) -> None:
    """As functions of what is learned they are equal, and the status is that of equal ones."""
    files = [str(tmp_path / name) for name in ("a.rf", "b.rf")]
    told = {"start": "0.3", "rule": "normal(0.02)"}, {"start": start, "rule": rule}
    for file, values in zip(files, told, strict=True):
        Path(file).write_text(STARTS.format(**values))
    result = CliRunner().invoke(app, ["equiv", *files])
    assert result.exit_code == 0
    assert [f"  {line}" in result.output.splitlines() for line in shown] == [
        True
    ] * len(shown)
    first = "A and B: equal" + ", from other start values" * bool(shown)
    assert result.output.splitlines()[0] == first
    result = CliRunner().invoke(app, ["equiv", *files, "--json"])
    begin = json.loads(result.output)["result"]["start_values"]
    assert [change["what"] for change in begin] == [
        line.partition(":")[0] for line in shown
    ]


def test_start_values_inside_of_definitions() -> None:
    """A scalar of a definition by equations is one for each place where that stands."""
    text = "G(x) = s*relu(x)\n    where scalar s = {}\nW = conv(3, c) > G\nX_i = W_i*X_<i-1>"
    first, second = (
        compile_source(from_text(text.format(start)))[0].formula for start in ("1", "2")
    )
    (change,) = compare(first, second).begin
    assert change.text(("A", "B")) == "W.2.s: 1 in A, 2 in B"


def test_names_that_one_network_alone_has_are_told() -> None:
    first, second = (
        compile_source(
            from_text(f"scalar {x}_i = 1\nX_i = W_i*X_<i-1> + {x}_i*X_<i-1>")
        )[0].formula
        for x in "ab"
    )
    notes = compare(first, second).notes
    assert (
        "operators and learned scalars of one name and block are the same in both"
        in notes
    )
    assert [n.partition(" alone has ")[2][:2] for n in notes if "alone has" in n] == [
        "a:",
        "b:",
    ]


def test_parameters_of_the_constructor_are_compared() -> None:
    text = "param classes = {}\ninput 4\nhead linear(classes)\nX_i = W_i*X_<i-1>"
    first, second = (
        compile_source(from_text(text.format(number)))[0].formula
        for number in (10, 100)
    )
    (change,) = compare(first, second).frame
    assert change.text(("A", "B")) == "param classes: 10 in A, 100 in B"
