"""docs/first.md: who follows it gets what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.warm import shell

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(
    r"```(rf|console|python)\n(.*?)```",
    (ROOT / "docs" / "first.md").read_text(),
    re.DOTALL,
)
#: What runs networks takes seconds.
LONG = ("recform verify", "recform train")


def pattern(line: str) -> str:
    """Where a line of the page has dots, anything may stand."""
    return re.escape(line.rstrip()).replace(re.escape("..."), ".*")


def matches(expected: str, printed: str) -> bool:
    """Whether the lines stand there in this order; dots alone are any lines."""
    wanted = "\n".join(pattern(line) for line in expected.rstrip().split("\n"))
    wanted = re.sub(r"^\.\*\n?", r"(?:.*\\n)*?", wanted, flags=re.MULTILINE)
    lines = "\n".join(line.rstrip() for line in printed.rstrip().split("\n"))
    return bool(re.fullmatch(wanted, lines + ("\n" if wanted.endswith("*?") else "")))


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_way(whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A formula is saved as the file, a console runs beside it."""
    monkeypatch.chdir(tmp_path)
    for language, block in BLOCKS:
        if language == "rf":
            (tmp_path / "momentum.rf").write_text(block)
        elif language == "python":
            exec(block, {})
        else:
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, expected = part.partition("\n")
                if not whole and command.startswith(LONG):
                    continue
                done = shell(tmp_path, command)
                printed = done.stdout + done.stderr
                assert matches(expected, printed), (command, printed)
                assert done.returncode == int("error[" in expected), command
    made = {path.name for path in tmp_path.iterdir()}
    assert {"momentum.svg", "momentum.pdf", "momentum.tikz", "momentum.py"} <= made
    assert len(list(tmp_path.glob("runs/*/result.json"))) == int(whole)
