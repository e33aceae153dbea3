"""docs/weights.md: its Python runs, its commands print what it shows."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torchvision
from safetensors.torch import save_file
from typer.testing import CliRunner

from recform.cli.app import app
from recform.weights.record import Record

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "weights.md").read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, scope)
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert capsys.readouterr().out.strip() == shown.strip()


def test_console(folder: Path) -> None:
    save_file(
        torchvision.models.resnet50().state_dict(), folder / "resnet50.safetensors"
    )
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        command, _, expected = block.removeprefix("$ ").partition("\n")
        result = CliRunner().invoke(app, shlex.split(command)[1:])
        assert result.exit_code == 0, result.output
        shown = [line.rstrip() for line in result.output.split("\n")]
        for line in expected.rstrip("\n").split("\n"):
            assert line == "..." or line.rstrip() in shown, (line, shown)
    assert (folder / "resnet50_s.safetensors").exists()


def test_every_entry_of_the_metadata_is_told() -> None:
    (table,) = re.findall(r"\| in the metadata \|.*?\n\n", PAGE, re.DOTALL)
    told = re.findall(r"`(\w+)`", table)
    assert sorted(told) == sorted(Record.__dataclass_fields__)
