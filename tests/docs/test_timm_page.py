"""docs/timm.md: its commands print what it shows, its Python runs."""

from __future__ import annotations

import inspect
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from recform.emit.classifier.image_classifier import ImageClassifier
from tests.warm import shell

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "timm.md").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def test_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, scope)
    assert scope["backbone"]


def test_console(folder: Path) -> None:
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            result = shell(folder, command)
            shown = (result.stdout + result.stderr).splitlines()
            for line in expected.splitlines():
                assert line == "..." or line in shown, (command, line, shown)


def test_the_page_names_all_of_the_interface() -> None:
    public = [name for name in vars(ImageClassifier) if not name.startswith("_")]
    arguments = list(inspect.signature(ImageClassifier.__init__).parameters)[1:]
    for name in {*public, *arguments} - {"forward"}:
        assert re.search(rf"`{name}\b", PAGE), name
