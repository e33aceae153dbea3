"""`recform.train` and the command come to the same."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import recform
from recform.cli.app import app
from recform.diagnostics import CompileError
from recform.training import session
from recform.training.recipe import RECIPES
from recform.training.runs import Run
from tests.training.helpers import FAST, TINY, outcome, told
from tests.training.test_resume import Stopping


def test_the_command_and_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.rf").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    words = [word for change in FAST for word in ("--override", change)]
    command = [
        "train",
        "tiny.rf",
        *words,
        "--device",
        "cpu",
        "--name",
        "a",
        "--seed",
        "3",
    ]
    found = CliRunner().invoke(app, [*command, "--json"])
    assert found.exit_code == 0, found.output
    answer = json.loads(found.stdout)
    assert answer["ok"]
    options = {"device": "cpu", "seed": 3, "overrides": FAST}
    result = recform.train(tmp_path / "tiny.rf", name="b", **options)
    assert answer["result"]["accuracy"] == result.accuracy
    assert outcome(tmp_path / "runs" / "a") == outcome(tmp_path / "runs" / "b")
    text = recform.train(TINY, name="c", show=True, **options)
    assert text.loss == result.loss
    # The run of the same name is complete; one without a name has one of its own.
    assert recform.train(TINY, name="c", **options) == text
    assert Path(recform.train(TINY, **options).folder).name.startswith(
        "Tiny-digits-quick-"
    )


def test_a_network_is_trained_in_another_form(tmp_path: Path) -> None:
    """With the same numbers; in a folder of its own, for its code is another."""
    file, runs = tmp_path / "tiny.rf", tmp_path / "runs"
    file.write_text(TINY)
    options = {"device": "cpu", "overrides": FAST, "runs": runs}
    plain = recform.train(file, **options)
    words = [word for change in FAST for word in ("--override", change)]
    command = ["train", str(file), *words, "--device", "cpu", "--runs", str(runs)]
    found = CliRunner().invoke(app, [*command, "--memory", "lean", "--json"])
    assert found.exit_code == 0, found.output
    lean = json.loads(found.stdout)["result"]
    assert lean["folder"] != plain.folder
    assert "class Lean" in (Path(lean["folder"]) / "network.py").read_text()
    assert lean["loss"] == pytest.approx(plain.loss, rel=1e-4)
    refused = CliRunner().invoke(app, ["train", "--module", "a:b", "--memory", "lean"])
    assert refused.exit_code == 2


class Line(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.fc(x.flatten(1))
        return made


def test_a_function_and_a_recipe(tmp_path: Path) -> None:
    import dataclasses

    recipe = dataclasses.replace(RECIPES["quick"], epochs=3)
    result = recform.train(Line, recipe=recipe, runs=tmp_path, device="cpu")
    assert result.accuracy > 0.8
    assert result.parameters == 650
    with pytest.raises(CompileError) as caught:
        recform.train("torchvision.models:resnet18", runs=tmp_path, device="cpu")
    assert told(caught.value).code == "RF807"
    with pytest.raises(CompileError) as caught:
        recform.train("X_i = ", runs=tmp_path, device="cpu")
    assert told(caught.value).code.startswith("RF1")


def test_what_is_odd_is_told_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = np.zeros((60, 8, 8)), np.arange(60) % 3 + 1
    np.savez(tmp_path / "a", x_train=x, y_train=y, x_test=x, y_test=y)
    data = f"npz:{tmp_path / 'a.npz'}"
    (tmp_path / "tiny.rf").write_text(TINY)

    def stopped(*_: object, **__: object) -> None:
        raise session.Stopped

    monkeypatch.setattr(session, "shown", stopped)
    with pytest.warns(UserWarning, match="RF831"), pytest.raises(KeyboardInterrupt):
        recform.train(tmp_path / "tiny.rf", data=data, device="cpu")
    words = ["train", str(tmp_path / "tiny.rf"), "--data", data, "--device", "cpu"]
    assert CliRunner().invoke(app, words).stderr.count("RF831") == 1


def test_a_call_that_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"overrides": FAST, "runs": tmp_path, "name": "run", "device": "cpu"}
    with monkeypatch.context() as patch:
        patch.setattr("recform.training.screen.Live.step", Stopping(7).step)
        with pytest.raises(KeyboardInterrupt):
            recform.train(TINY, **options)
    assert recform.train(TINY, **options).steps == 15


class Odd(nn.Linear):
    """Warns of something, each time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            warnings.warn("few\nbits", stacklevel=1)
        return super().forward(x.flatten(1))


def test_what_python_warns_of_is_kept(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="few"):
        result = recform.train(
            lambda: Odd(64, 10), overrides=["epochs=1"], runs=tmp_path, name="a"
        )
    assert result.warnings == ("few bits",)
    path = tmp_path / "a" / "result.json"
    assert Run(tmp_path / "a").result() == result
    # That of another version says nothing of it.
    said = json.loads(path.read_text())
    del said["warnings"]
    path.write_text(json.dumps(said))
    assert Run(tmp_path / "a").result() == replace(result, warnings=())
