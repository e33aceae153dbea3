"""docs/generation.md: its commands and its program run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.warm import recform

PAGE = Path(__file__).resolve().parents[2] / "docs" / "generation.md"
TEXT = PAGE.read_text()


def command(name: str) -> tuple[list[str], str]:
    """The arguments of a command of recform's, and what the page shows of its answer."""
    found = re.search(rf"\$ recform ({name} .*)\n((?:.*\n)*?)```", TEXT)
    assert found is not None
    return found[1].split(), found[2]


def test_the_program_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(PAGE.parents[1] / "examples")
    assert recform(tmp_path, *command("compile")[0]).returncode == 0
    monkeypatch.syspath_prepend(tmp_path)
    found = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    exec(found[1], {})


def test_what_the_summary_says() -> None:
    arguments, shown = command("summary")
    told = recform(PAGE.parents[1], *arguments).stdout
    for line in shown.splitlines():
        assert line == "..." or line in told
