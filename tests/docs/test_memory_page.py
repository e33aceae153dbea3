"""docs/memory.md: its commands run, and the code that it shows is what they write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.warm import shell

PAGE = Path(__file__).resolve().parents[2] / "docs" / "memory.md"
TEXT = PAGE.read_text()


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("--memory lean", "    @Lean.forward\n"),
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
    found = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    (tmp_path / "net.rf").write_text("stages 8 x 4\nX_i = W_i*X_<i-1> + X_<i-2>\n")
    shell(tmp_path, "recform compile net.rf --memory reversible -o net.py")
    assert found[1] in (tmp_path / "net.py").read_text()
