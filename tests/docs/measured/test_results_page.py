"""docs/results.md: what it says of the accuracies is what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recform.cli.app import app

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "results.md").read_text()
BLOCKS = re.findall(r"```console\n\$ (.*?)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("command", "expected"), BLOCKS, ids=lambda _: "")
def test_console(command: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    shown = [line.rstrip() for line in result.output.splitlines()]
    wanted = [line.rstrip() for line in expected.splitlines() if line != "..."]
    assert [line for line in shown if line in wanted] == wanted


def test_figures_in_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict over all pairs, of which the text tells."""
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(
        app, ["compare", "--results", "docs/results/digits.csv"]
    )
    said = " ".join(result.output.split())
    better = re.findall(r"- (\w+) is better than (\w+):", said)
    better += [(b, a) for a, b in re.findall(r"- (\w+) is worse than (\w+):", said)]
    assert {a for a, b in better} == {"ResNetS", "A5Printed", "A41"}
    assert {b for a, b in better} == {"Plain"}
    assert "+0.06 (95% interval -0.50 to +0.61)" in said or "-0.50 to +0.61" in said
    told = ["compare", "--results", "docs/results/digits.csv", "--baseline", "ResNet"]
    said = " ".join(CliRunner().invoke(app, told).output.split())
    found = re.findall(r"- (\w+) is (better|worse) than (\w+):(.*?)\. -", said)
    (winner, _, loser, more), *others = found
    assert (winner, loser, others) == ("ResNet", "Plain", [])
    assert "with 9 of 10 seeds, p = 0.035" in more


def test_how_far_the_plain_network_is_behind() -> None:
    ahead = []
    for name in ("cifar5k", "cifar5k_six"):
        _, *rows = (ROOT / f"docs/results/{name}.csv").read_text().split()
        scores = {r.split(",")[0]: list(map(float, r.split(",")[1:])) for r in rows}
        plain = scores.pop("Plain")
        for found in scores.values():
            ahead += [a - b for a, b in zip(found, plain, strict=True)]
    told = f"with every seed, by {min(ahead):.1f} to {max(ahead):.0f} points"
    assert told in " ".join(PAGE.split())
