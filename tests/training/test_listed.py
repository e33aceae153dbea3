"""`recform runs`: what was trained, and the command that makes a run again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recform.cli.app import app
from recform.training.runs import Run
from tests.training.helpers import FAST, TINY, trained
from tests.training.test_data import Cifar


def asked(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_runs_are_listed_and_shown(tmp_path: Path) -> None:
    assert "has no runs" in asked("runs", "--runs", str(tmp_path))
    result = trained(tmp_path)
    assert f"{result.accuracy:.2%}" in asked("runs", "list", "--runs", str(tmp_path))
    shown = asked("runs", "show", "ru", "--runs", str(tmp_path))
    assert "Tiny, 2,786 parameters" in shown
    # The name of a recipe says nothing of what was changed of it.
    assert "quick, epochs=3, batch=256, warmup=1.0\n" in shown
    assert f"{result.accuracy:.2%} of the test set" in shown
    # One that several processes began is made again by as many.
    path = tmp_path / "run" / "run.json"
    facts = json.loads(path.read_text())
    assert facts["surroundings"]["processes"] == 1
    facts["surroundings"]["processes"] = 3
    path.write_text(json.dumps(facts))
    shown = asked("runs", "show", "ru", "--runs", str(tmp_path))
    assert ", 3 processes of " in shown
    assert "torchrun --nproc-per-node 3 -m recform train " in shown


def test_a_run_can_be_made_again_from_its_folder(tmp_path: Path) -> None:
    first = trained(tmp_path, TINY.replace("1 x 8 x 8", "3 x 16 x 16"))
    told = json.loads(asked("runs", "show", "run", "--json", "--runs", str(tmp_path)))
    words = shlex.split(told["result"]["again"])
    assert words[:2] == ["recform", "train"]
    asked(*words[1:], "--runs", str(tmp_path))
    again = json.loads((tmp_path / "run-again" / "result.json").read_text())
    assert (again["accuracy"], again["loss"]) == (first.accuracy, first.loss)


def test_it_is_made_again_in_the_form_and_from_the_folder_that_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.rf").write_text(TINY)
    monkeypatch.setattr("torchvision.datasets.CIFAR10", Cifar)
    words = ["--data", "cifar10", "--data-root", str(tmp_path), "--memory", "lean"]
    words += ["--override", "epochs=1", "--override", "select=last"]
    words += ["--runs", str(tmp_path), "--name", "run"]
    asked("train", str(tmp_path / "net.rf"), *words)
    told = json.loads(asked("runs", "show", "run", "--json", "--runs", str(tmp_path)))
    again = shlex.split(told["result"]["again"])[1:]
    assert again[again.index("--data-root") + 1] == str(tmp_path)
    asked(*again)  # which goes to the same folder of runs
    keys = {Run(tmp_path / name).facts()["key"] for name in ("run", "run-again")}
    assert len(keys) == 1
    assert "class Lean" in (tmp_path / "run-again" / "network.py").read_text()


PLUGIN = """
from recform.blocks import Emitted, Operator


class Twice(Operator):
    name = "twice"
    about = "doubles"

    def emit(self, x, a):
        return Emitted("{x} + {x}")
"""


def test_a_run_with_operators_of_ones_own_can_be_made_again(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(PLUGIN)
    (tmp_path / "net.rf").write_text(TINY.replace("relu > dropout(0.1)", "twice"))
    words = ["train", str(tmp_path / "net.rf"), "--plugin", str(tmp_path / "own.py")]
    words += ["--runs", str(tmp_path), "--name", "run", "--device", "cpu"]
    for setting in FAST:
        words += ["--override", setting]
    first = json.loads(asked(*words, "--json"))["result"]
    told = json.loads(asked("runs", "show", "run", "--json", "--runs", str(tmp_path)))
    again = shlex.split(told["result"]["again"])[1:]
    result = json.loads(asked(*again, "--runs", str(tmp_path), "--json"))["result"]
    assert (result["accuracy"], result["loss"]) == (first["accuracy"], first["loss"])


def test_what_a_folder_holds_is_no_command_for_the_screen(tmp_path: Path) -> None:
    trained(tmp_path, TINY, "epochs=2", name="run")
    path = tmp_path / "run" / "run.json"
    facts = json.loads(path.read_text())
    facts["data"]["name"] = facts["surroundings"]["command"] = "rings\a"
    path.write_text(json.dumps(facts))
    for words in (["list"], ["show", "run"]):
        shown = asked("runs", *words, "--runs", str(tmp_path))
        assert "rings\N{REPLACEMENT CHARACTER}" in shown and "\a" not in shown


def test_names_of_runs(tmp_path: Path) -> None:
    trained(tmp_path)
    runner = CliRunner()
    wrong = runner.invoke(app, ["runs", "show", "rum", "--runs", str(tmp_path)])
    assert wrong.exit_code == 1
    assert "RF826" in wrong.stderr
    assert "did you mean run?" in wrong.stderr
    for words in (["show"], ["list", "run"], ["drop"]):
        assert runner.invoke(app, ["runs", *words]).exit_code == 2


@pytest.mark.parametrize("more", [[], ["show", "a"]])
def test_a_file_in_the_place_of_the_folder(more: list[str], tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    arguments = ["runs", *more, "--runs", str(tmp_path / "runs")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "RF006" in result.stderr
