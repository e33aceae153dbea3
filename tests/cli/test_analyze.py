"""`recform analyze` and `recform verify`, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recform.cli.app import app
from tests.thinned import thinned

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT / "examples" / "paper"
EQ20 = str(PAPER / "eq20.rf")


def run(*arguments: str, status: int = 0, text: str | None = None) -> Any:
    result = CliRunner().invoke(app, list(arguments), input=text)
    assert result.exit_code == status, result.output
    return result


def data(*arguments: str) -> Any:
    return json.loads(run("analyze", *arguments, "--json").stdout)["result"]


def test_text() -> None:
    shown = run("analyze", EQ20).stdout
    assert (
        "for any i: dX_L/dX_<L-i> = 1 + sum(k, 1, i, prod(j, 0, k-1, W_<L-j>))" in shown
    )
    assert "X_i - W_i*X_<i-1> = X_0: whatever the operators compute" in shown
    assert "all: 7-8" in shown


@pytest.mark.parametrize(
    "path", thinned(sorted(PAPER.glob("*.rf")), 4, lambda p: p.stem)
)
def test_every_example_of_the_paper(path: Path) -> None:
    found = data(str(path))
    networks = found if isinstance(found, list) else [found]
    for network in networks:
        paths = network["flows"][0]["paths"][0]
        assert paths["total"] == sum(paths["by_length"])
    if len(networks) == 1:
        assert networks[0]["name"] in run("analyze", str(path)).stdout


def test_json() -> None:
    found = data(EQ20, "--depth", "30", "--gain", "0.25")
    (flow,) = found["flows"]
    assert flow["paths"][0]["by_length"] == [1] * 31
    assert flow["paths"][0]["mean"] == 15
    assert found["invariants"][0]["equal_form"] == "X_i = W_i*X_<i-1> + X_0"
    assert found["inverse"]["exists"] is False
    weights = [0.25**k for k in range(31)]
    expected = [weight / sum(weights) for weight in weights]
    assert flow["paths"][0]["share_with_gain"] == pytest.approx(expected)


def test_numbers_of_any_size() -> None:
    found = data(str(PAPER / "a41.rf"), "--depth", "4000")
    counts = found["flows"][0]["paths"][0]["by_length"]
    # Fibonacci's numbers: paths of steps of one and two blocks.
    a, b = 1, 1
    for _ in range(4000):
        a, b = b, a + b
    assert sum(counts) == a
    assert (
        "e+835 in all"
        in run("analyze", str(PAPER / "a41.rf"), "--depth", "4000").stdout
    )


def test_from_a_block() -> None:
    found = data(EQ20, "--from", "5")
    (paths,) = found["flows"][0]["paths"]
    assert paths["origin"] == "X_5"
    assert paths["by_length"] == [1] * 4


def test_latex() -> None:
    shown = run("analyze", EQ20, "--latex").stdout
    assert (
        r"\frac{\partial X_{L}}{\partial X_{L-2}} = 1 + W_{L} + W_{L} \cdot W_{L-1}"
        in shown
    )
    assert shown.count("{") == shown.count("}")


def test_activations() -> None:
    found = data(str(PAPER / "resnet18.rf"), "--activations")
    assert "relu'_<L-i+1>" in found["jacobians"][0]["recurrence"]["text"]


def test_lesions() -> None:
    file = str(PAPER / "resnet18.rf")
    found = data(file, "--delete", "3", "--delete", "4", "--swap", "2,6")
    (flow,) = found["flows"]
    assert [sum(row["left"]) for row in flow["deleted"]] == [128, 128]
    assert flow["swapped"]["through_both"] == 64


def test_lesions_measured(tmp_path: Path) -> None:
    file = tmp_path / "net.rf"
    file.write_text(
        "input 3 x 8 x 8\nstages 4 x 3\nW = conv(3, c)\nX_i = X_<i-1> + W_i*X_<i-1>\n"
        "names W = '.'\n".replace("'", '"')
    )
    found = data(str(file), "--delete", "2", "--swap", "1,3", "--measure")
    deleted, swapped = found["measured"]
    assert deleted["change"] > 1e-3
    assert swapped["change"] > 1e-3
    # In a plain network nothing is left without a block but what does not pass any.
    file.write_text(
        "input 3 x 8 x 8\nstages 4 x 3\nW = conv(3, c)\nX_i = W_i*X_<i-1>\n"
        "head avgpool\n"
    )
    (deleted,) = data(str(file), "--delete", "2", "--measure")["measured"]
    assert deleted["change"] == pytest.approx(1)


@pytest.mark.parametrize("kind", thinned(["svg", "png", "pdf"], 3))
def test_plot(kind: str, tmp_path: Path) -> None:
    first, second = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    for path in (first, second):
        run("analyze", EQ20, "-o", str(path))
    content = first.read_bytes()
    assert content == second.read_bytes()
    if kind == "svg":
        tags = {
            element.tag.rsplit("}", 1)[-1] for element in ET.fromstring(content).iter()
        }
        assert {"path", "text"} <= tags
        assert "blocks passed" in content.decode()
    else:
        assert content.startswith({"png": b"\x89PNG\r\n", "pdf": b"%PDF-"}[kind])


def test_plot_without_matplotlib(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    path = tmp_path / "paths.svg"
    shown = run("analyze", EQ20, "-o", str(path), status=1).stderr
    assert "error[RF604]" in shown
    assert "pip install 'recform[analysis]'" in shown
    assert not path.exists()


def test_stages_and_several_networks() -> None:
    language = ROOT / "examples" / "language"
    flows = data(str(language / "densenet.rf"))["flows"]
    assert [flow["blocks"] for flow in flows] == [3, 4, 3]
    both = data(str(language / "several.rf"))
    assert [item["name"] for item in both] == ["Residual", "Skipping"]
    one = data(str(language / "several.rf"), "--network", "Skipping")
    assert one["inverse"]["equations"] == ["X_<i-2> = X_i - W_i*X_<i-1>"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--from", "40"], "RF603"),
        (["--delete", "9"], "RF603"),
        (["--swap", "1,9"], "RF603"),
        (["-o", "plot.gif"], "RF604"),
        (["-o", "no/such/folder/plot.svg"], "RF503"),
    ],
)
def test_mistakes(arguments: list[str], code: str) -> None:
    assert f"error[{code}]" in run("analyze", EQ20, *arguments, status=1).stderr


def test_the_stages_are_underlined() -> None:
    text = "stages 8 x 2, 16 x 3 / 2\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    shown = run("analyze", "-", "--delete", "6", text=text, status=1).stderr
    assert "there is no block 6: the blocks are 1 to 5" in shown
    assert "--> <stdin>:1:15" in shown


@pytest.mark.parametrize(
    "arguments", [["--swap", "1"], ["--swap", "2,2"], ["--gain", "0"], ["--depth", "0"]]
)
def test_wrong_usage(arguments: list[str]) -> None:
    run("analyze", EQ20, *arguments, status=2)


def test_no_linearisation() -> None:
    """A sentence says why there is no Jacobian; all else is there, of each network."""
    text = "network A\nX_i = max(X_<i-1>, W_i*X_<i-1>)\nnetwork B\nX_i = W_i*X_<i-1>"
    shown = run("analyze", "-", text=text).stdout
    why = "max has no linearisation: which argument is the largest depends on the input"
    assert f"  none for any block: {why}\n" in shown
    assert f"  no characteristic polynomial: {why}\n" in shown
    assert "  256 in all; mean length 4" in shown
    assert "  characteristic polynomial: z - w\n" in shown
    found = json.loads(run("analyze", "-", "--json", text=text).stdout)["result"]
    assert found[0]["no_linearisation"] == why and found[1]["no_linearisation"] is None
    assert found[0]["reads"][0]["reads"] == [{"where": "i-1", "weights": ["fixed"]}]
    assert found[0]["flows"][0]["reads"]["2"] == [1]


def test_deep_networks_without_laws() -> None:
    text = "X_i = max(X_<i-1>, W_i*X_<i-1>)"
    shown = run("analyze", "-", "--depth", "300", "--delete", "3", text=text).stdout
    assert "  not counted: there are more than 256 blocks\n" in shown
    arguments = ["analyze", "-", "--depth", "300", "-o", "paths.svg"]
    assert "no paths to draw" in run(*arguments, text=text, status=1).stderr


def test_growth_is_a_warning() -> None:
    shown = run("analyze", "-", text="X_i = 1.5*X_<i-1> + W_i*X_<i-1>").stderr
    assert "warning[RF602]" in shown


def test_analysis_does_not_import_torch() -> None:
    code = (
        "import sys\nfrom recform.cli.app import app\n"
        f"app(['analyze', {EQ20!r}, '--json'], standalone_mode=False)\n"
        "assert not {'torch', 'matplotlib', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True
    )


# -- verify


def test_verify() -> None:
    shown = run("verify", EQ20).stdout
    assert shown.count("  holds: ") == 6
    compared = (
        "8 blocks: forward in eval, one training pass with seed 0, "
        "gradients of 48 parameters and of the input, 48 buffers, relative error "
    )
    assert compared in shown
    assert "the whole network is what its equations say (8 blocks, widths 32 x" in shown
    found = json.loads(run("verify", EQ20, "--json").stdout)["result"]
    assert all(check["holds"] for check in found["checks"])


def test_verify_without_a_linearisation() -> None:
    text = "input 5\nstages 5 x 3\nX_i = W_i*max(X_<0..i-1>) + X_<i-1>"
    shown = run("verify", "-", text=text).stdout
    assert "  not tried: the Jacobians (max has no" in shown
    assert shown.count("  holds: ") == 2
    assert "3 blocks: forward in eval" in shown


RANGES = str(ROOT / "examples" / "language" / "ranges.rf")


def test_blocks_with_equations_of_their_own() -> None:
    shown = run("analyze", RANGES, "--swap", "2,5").stdout
    assert "  X_<6..8> = X_<i-2> + W_i*X_<i-1>\n  X_7 = X_6 + W_7*X_6\n" in shown
    assert "\n  for any i: " not in shown
    assert "operators of blocks 2 and 5 swapped: " in shown
    typeset = run("analyze", RANGES, "--latex").stdout
    assert "% Jacobian, for L-i = 3, 8 and more\n" in typeset
    assert "% general formula, for L-i = 8 and more\n" in typeset
    assert "% characteristic polynomial, blocks 1-3\nz -  w\n" in typeset
    found = data(RANGES)
    assert found["boundaries"][0] == "X_<1..3> = W_i*X_<i-1>"
    # Nothing is told as if the general equations held in all blocks.
    row = found["jacobians"][0]
    assert (row["recurrence"], row["written_out"], row["closed_form"]) == (
        None,
        [],
        None,
    )
    assert found["stability"]["roots"] == []
    assert found["stability"]["growth"] is None
    own = row["own_equations"]
    assert "prod(j, 0, i-1, 1 + W_<L-j>)" in own["closed_form"]["text"]
    assert [case["blocks"] for case in own["recurrences"]] == [
        [3, 8, 9],
        [1, 2, 5, 7],
        [4],
        [6],
    ]
    assert own["closed_form_from_block"] == 8
    by_blocks = found["stability"]["by_blocks"]
    assert [row["blocks"] for row in by_blocks] == [[4, 5, 9, 10], [1, 2, 3]]
    (flow,) = found["flows"]
    assert set(flow["variance"][0]["terms_of_other_blocks"]) == {"3", "7", "8"}


def test_no_two_blocks_with_the_same_equations() -> None:
    text = "stages 8 x 3\nX_i = X_<i-1> + W_i*X_<i-1>\nX_2 = W_2*X_1"
    shown = run("analyze", "-", text=text).stdout
    assert "  no two blocks in a row have the same equations\n" in shown
    assert "characteristic polynomial" not in shown


def test_an_inverse_is_for_blocks_in_a_row() -> None:
    text = (
        "stages 8 x 9\nX_i = 0.5*X_<i-2> + W_i*X_<i-1>\nX_<4..5> = W_i*X_<i-1>\n"
        "output X_L + X_<L-1>"
    )
    shown = run("analyze", "-", text=text).stdout
    assert "not across blocks that have an equation of their own: 4-5" in shown
    # Blocks 6 to 9: X_<i-2> = 2*X_i, the square root of 2 a block.
    assert (
        "grow by 1.414 a block in the long run with operators left out (at most 4 times "
        "over 4 blocks)" in shown
    )
