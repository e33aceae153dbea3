"""docs/compare.md: its Python runs, its commands print what it shows."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recform.cli.app import app
from recform.cli.commands.compare import _FORMS
from recform.comparison.results import parse
from recform.diagnostics import Diagnostics
from recform.source import Source

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "compare.md").read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "examples" / "paper", tmp_path / "examples" / "paper")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, scope)
    shown = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[-1]
    assert capsys.readouterr().out.strip() == shown.strip()


def test_console(folder: Path) -> None:
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        command, _, expected = block.removeprefix("$ ").partition("\n")
        result = CliRunner().invoke(app, shlex.split(command)[1:])
        assert result.exit_code == 0, result.output
        shown = [line.rstrip() for line in result.output.split("\n")]
        place = 0
        for line in expected.rstrip("\n").split("\n"):
            if line != "...":
                # In the order of the page.
                place = shown.index(line.rstrip(), place) + 1
    assert "<svg" not in (folder / "table1.html").read_text()
    assert (folder / "table1.html").read_text().count("data:image/svg") == 2


def test_forms_of_tables_are_read() -> None:
    (block,) = [
        b for b in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) if "0,617" in b
    ]
    columns = zip(
        *(re.split(r"\s{2,}", line) for line in block.splitlines()), strict=True
    )
    for lines in columns:
        text = "\n".join(lines).replace("A,CIFAR10,617", "B,CIFAR10,617")
        found = parse([Source("t.csv", text)], Diagnostics())
        assert len(found.models) == 2


def test_every_form_of_a_report_is_named() -> None:
    for ending in _FORMS:
        assert f"-o report{ending}`" in PAGE
