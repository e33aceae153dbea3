"""docs/derivation.md: its commands print what it shows, and its Python runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.warm import shell

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "derivation.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_commands(number: int, tmp_path: Path) -> None:
    """The commands of a block, one after the other in one folder."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for part in re.split(r"^\$ ", BLOCKS[number], flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        result = shell(tmp_path, command)
        shown = [line.rstrip() for line in (result.stdout + result.stderr).split("\n")]
        for line in expected.rstrip("\n").split("\n"):
            assert line in ("...", "") or line.rstrip() in shown, (line, shown)


def test_python() -> None:
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, scope)


def test_the_table_of_the_paper() -> None:
    from recform.compiler import from_text
    from recform.report.derive import forward

    rows = re.findall(r"^\| `(.*?)` \| .* \| `(X_i = .*?)` \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    for paths, recursion in rows:
        text = "paths " + paths.replace("\\|", "|")
        derived = forward(from_text(text), None, {}, None, None)
        assert derived is not None
        assert derived.reports[0].found.recursion.equations() == (recursion,)
