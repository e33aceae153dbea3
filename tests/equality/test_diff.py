"""``recform diff``: paths against enumeration, figures against the summaries."""

from __future__ import annotations

import json
import subprocess
from itertools import product
from pathlib import Path

import pytest
import sympy

from recform.algebra.formula import Formula
from recform.compiler import compile_source, from_text
from recform.equality.difference import PathDifference, path_difference, path_lines
from recform.report import summarise
from tests import warm

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "paper"


def formula(text: str) -> Formula:
    return compile_source(from_text(text))[0].formula


def compared(left: str, right: str) -> PathDifference:
    return path_difference(formula(left), formula(right))


def test_resnet_and_eq_20() -> None:
    """The paths that Eq. (12) leaves out: those that do not pass the last blocks."""
    found = compared(
        "X_i = (1 + W_i)*X_<i-1>", "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>"
    )
    assert found.paths == ("(skip | W)*", "skip* W*")
    expected = {}
    for length in (1, 2, 3):
        for word in product((0, 1), repeat=length):
            # Newest block first; Eq. (12) keeps words of ones and then zeros.
            if list(word) != sorted(word, reverse=True):
                names = ["W_L", "W_<L-1>", "W_<L-2>"]
                path = "*".join(n for n, on in zip(names, word, strict=False) if on)
                expected[length, path] = (1, 0)
    changes = {(c.blocks, c.path): (c.before, c.after) for c in found.changes}
    assert changes == expected
    assert found.totals == (2**8, 9) and not found.same and not found.more


def test_weights_that_change() -> None:
    found = compared(
        "stages 8 x 3\nX_i = X_<i-1> + W_i*X_<i-1>",
        "stages 8 x 3\nX_i = X_<i-1> - W_i*X_<i-1>",
    )
    lines = path_lines(found)
    assert "  ~ over 1 block: W_L (weight 1 -> -1)" in lines
    assert found.totals == (8, 0)


def test_the_same_paths() -> None:
    found = compared("X_i = X_<i-1> + W_i*X_<i-1>", "X_i = relu((W_i + 1)*X_<i-1>)")
    assert found.same and not found.changes


def test_numbers_that_cannot_be_compared() -> None:
    found = compared(
        "stages 8 x 3\nX_i = exp(1)*X_<i-1> + sqrt(2)*W_i*X_<i-2>",
        "stages 8 x 3\nX_i = W_i*X_<i-1>",
    )
    assert found.paths[0] == "([e] | skip ([sqrt(2)]*W))*"
    assert found.same is None and found.totals is None


def test_no_paths_is_said_with_the_reason() -> None:
    found = compared(
        "stages 8 x 3\nX_i = max(X_<i-1>, W_i*X_<i-1>)",
        "stages 8 x 3\nX_i = W_i*X_<i-1>",
    )
    assert found.same is None and "cannot be linearised" in found.paths[0]


def test_an_operator_may_stand_at_another_block_than_its_own() -> None:
    """Words that differ and read alike are one path."""
    flat = "stages 8 x 4\nX_i = X_<i-1> + {}"
    there = flat.format("W_<i-1>*W_i*X_<i-2>")
    assert compared(there, there).same
    found = compared(there, flat.format("W_i*W_<i-1>*X_<i-2>"))
    assert found.same is False
    assert [(c.path, c.before, c.after) for c in found.changes[:2]] == [
        ("W_<L-1>*W_L", 1, 0),
        ("W_L*W_<L-1>", 0, 1),
    ]
    # W_<i-1>*X_<i-2> may be taken as a step of one block or of the other.
    found = compared(
        flat.format("W_<i-1>*X_<i-2>"),
        flat.format("0*U_<i-2>*X_<i-1> + W_<i-1>*X_<i-2>"),
    )
    assert found.same is not False


def test_what_belongs_to_no_block_may_stand_anywhere() -> None:
    """So that words differ does not say that paths do."""
    text = "stages 8 x 3\nX_i = {}*X_<i-1>"
    assert compared(text.format("W"), text.format("W_i")).same is None
    assert compared(text.format("W"), text.format("W")).same


@pytest.mark.parametrize("names", [("resnet18", "resnet18_s"), ("a41", "a42")])
def test_the_command(names: tuple[str, str], tmp_path: Path) -> None:
    files = [str(EXAMPLES / f"{name}.rf") for name in names]

    def run(*more: str) -> str:
        done = warm.recform(tmp_path, "diff", *files, *more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    data = json.loads(run("--json"))["result"]
    summaries = [
        summarise(compile_source(from_text(Path(file).read_text()))[0].graph)
        for file in files
    ]
    for key in ("order", "parameters", "multiply_adds", "kept"):
        assert data[key] == [getattr(s, key) for s in summaries]
    assert data["state"] == [[row.what for row in s.state] for s in summaries]
    text = run()
    for summary in summaries:
        assert f"{summary.parameters:,}" in text


NUMBERS = """
stages 8 x 2, 8 x 1
W = conv(k, c)
X_i = X_<i-1> + W_i*X_<i-1>
const k = ({}) per stage
"""


def test_numbers_of_stages_that_differ(tmp_path: Path) -> None:
    """What is equal is not listed as a change; what differs around it is."""
    for name, numbers in (("A", "3, 5"), ("B", "3, 7")):
        (tmp_path / f"{name}.rf").write_text(NUMBERS.format(numbers))

    def run(command: str, *more: str) -> subprocess.CompletedProcess[str]:
        return warm.recform(tmp_path, command, "A.rf", "B.rf", *more)

    shown = run("diff").stdout
    assert "    X_i = X_<i-1> + W_i*X_<i-1>" in shown
    assert "- X_i" not in shown and "+ X_i" not in shown
    assert "k: (3, 5) per stage -> (3, 7) per stage" in shown
    data = json.loads(run("diff", "--json").stdout)["result"]
    assert data["frame"] == [
        {"what": "k", "texts": ["(3, 5) per stage", "(3, 7) per stage"]}
    ]
    assert run("equiv").returncode == 3
    assert run("equiv", "--ignore-frame").returncode == 0


def test_ways_through_a_block_that_are_too_many_are_told() -> None:
    text = (EXAMPLES.parent / "zoo" / "feedback.rf").read_text()
    found = compared(text, text)
    assert found.paths == ("none (they lead through a block in too many ways)",) * 2
    assert found.same is None


def _sums(right: str, blocks: int, boundary: str = "") -> PathDifference:
    frame = f"stages 4 x {blocks}\n"
    frame += "".join(f"scalar {name} = 0.5\n" for name in "abd")
    left, other = (
        f"{frame}X_i = {text}\n{boundary}" for text in (right, f"{right} + X_<i-3>")
    )
    return compared(left, other)


ROOTS = "sqrt(a)*X_<i-1> + sqrt(b)*W_i*X_<i-1> - sqrt(d)*X_<i-2>"


@pytest.mark.parametrize("boundary", ["", "X_4 = X_3 + W_4*X_3"])
@pytest.mark.parametrize(
    ("right", "weights"),
    [
        (ROOTS, "sqrt(a) + sqrt(b), -sqrt(d)"),
        ("X_<i-1>/(1 + a) + W_i*X_<i-2>/d", "1/(1 + a), 1/d"),
    ],
)
def test_sums_of_weights_are_those_of_the_recurrence(
    right: str, weights: str, boundary: str
) -> None:
    first, second = sympy.sympify(weights)
    values = [sympy.S.Zero, sympy.S.One]
    for block in range(1, 7):
        if boundary and block == 4:
            values.append(2 * values[-1])
        else:
            values.append(first * values[-1] + second * values[-2])
    found = _sums(right, 6, boundary)
    assert found.totals is not None and not found.too_many
    assert sympy.simplify(found.totals[0] - values[-1]) == 0


@pytest.mark.parametrize(
    "right", [ROOTS, "X_<i-1>/(1 + a) + b/a*W_i*X_<i-1> - d/2*X_<i-2>"]
)
@pytest.mark.parametrize("boundary", ["", "X_4 = X_3 + W_4*X_3"])
def test_sums_of_too_many_weights_are_not_written_out(
    right: str, boundary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand blocks make millions of terms of three numbers."""
    monkeypatch.setattr("recform.equality.difference._WORK", 2_000)
    found = _sums(right, 1000, boundary)
    assert found.totals is None and found.too_many
    assert path_lines(found)[-1] == "  in all: too many terms to write out"
    assert found.changes and found.same is False
