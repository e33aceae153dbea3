"""README.md: its Python runs, and its commands print what it shows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.warm import shell

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
CONSOLE = re.findall(r"```console\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "wrong.rf").write_text("X_i = X_<i-1> + W_i X_<i-1>\n")
    return tmp_path


def test_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(block, scope)


@pytest.mark.parametrize("number", range(len(CONSOLE)))
def test_console(number: int, folder: Path) -> None:
    for part in re.split(r"^\$ ", CONSOLE[number], flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        result = shell(folder, command)
        shown = [line.rstrip() for line in (result.stdout + result.stderr).split("\n")]
        assert result.returncode == int("error[" in expected), (command, shown)
        at = 0
        for line in expected.rstrip("\n").split("\n"):
            if line and line != "...":
                assert line.rstrip() in shown[at:], (command, line, shown[at:])
                at = shown.index(line.rstrip(), at) + 1


def test_no_page_has_traces_of_a_merge() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for line in page.read_text().split("\n"):
            assert not line.startswith(("<<<<<<<", ">>>>>>>")), page.name
