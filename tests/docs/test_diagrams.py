"""docs/diagrams.md is run, and names all views and formats."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from recform.render import Format, View
from tests.warm import shell

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "diagrams.md").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def test_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, scope)
    assert scope["svg"]


def test_console(folder: Path) -> None:
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            result = shell(folder, command)
            shown = (result.stdout + result.stderr).splitlines()
            for line in expected.splitlines():
                assert line == "..." or line in shown, (command, line, shown)
            target = re.search(r"-o (\S+)", command)
            if target:
                assert (folder / target[1]).stat().st_size > 500


def test_the_page_names_every_view_and_format() -> None:
    for view in View:
        assert f"--view {view.value}" in PAGE
    for form in Format:
        assert f"`.{form.value}`" in PAGE
