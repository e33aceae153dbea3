"""docs/memory.md: its commands run, and the code that it shows is what they write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.warm import shell

PAGE = Path(__file__).resolve().parents[2] / "docs" / "memory.md"
TEXT = PAGE.read_text()


def _shown(language: str, number: int) -> str:
    """A block of code on the page."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)[number]


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("--memory lean", "    @Lean.forward\n"),
        ("--memory checkpoint", '    @Lean.planned(("lean", 1), ("checkpoint", 16)'),
        ("--memory-budget 4GiB --batch 128 --dtype bf16", _shown("text", 0)),
        ("--memory-budget 4GiB --batch 128 --dtype bf16", _shown("python", 1)),
        ("--memory reversible", '    @Reversible.forward("F", "G")\n'),
    ],
)
def test_commands(command: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(PAGE.parents[1] / "examples")
    found = re.search(rf"\$ (recform .*{command} .*-o (\S+))", TEXT)
    assert found is not None
    assert shell(tmp_path, found[1]).returncode == 0
    assert shown in (tmp_path / found[2]).read_text()


def test_the_code(tmp_path: Path) -> None:
    code = _shown("python", 2)
    (tmp_path / "net.rf").write_text("stages 8 x 4\nX_i = W_i*X_<i-1> + X_<i-2>\n")
    shell(tmp_path, "recform compile net.rf --memory reversible -o net.py")
    assert code in (tmp_path / "net.py").read_text()
