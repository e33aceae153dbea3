"""docs/analysis.md: its commands print what it shows, and its Python runs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recform.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "analysis.md").read_text()
COMMANDS = [
    part.partition("\n")
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_command(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, _, expected = COMMANDS[number]
    before, _, last = command.rpartition(" | ")
    arguments = shlex.split(last)
    assert arguments[0] == "recform"
    text = f"{shlex.split(before)[1]}\n" if before else None
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, arguments[1:], input=text)
    shown = [line.rstrip() for line in result.output.split("\n")]
    for line in expected.rstrip("\n").split("\n"):
        assert line == "..." or line.rstrip() in shown, (line, shown)


def test_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, scope)
