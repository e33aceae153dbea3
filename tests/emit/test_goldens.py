"""The generated source of every example, as files to be reviewed as text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recform.compiler import compile_source, emit_source, read
from tests.blocks.test_in_files import sources

ROOT = Path(__file__).resolve().parents[2]
#: What mypy learns of torch is kept: it takes longer than all the networks.
CACHE = ROOT / ".mypy_cache" / "generated"
EXAMPLES = sorted((ROOT / "examples").rglob("*.rf"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT / "examples").with_suffix(".py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_golden(path: Path, golden: Any) -> None:
    source, folder = read(path)
    golden.check(
        f"examples/{name(path)}", emit_source(list(compile_source(source, {}, folder)))
    )


@pytest.mark.parametrize("path", EXAMPLES[:1])
def test_goldens_pass_ruff_and_mypy(path: Path, tmp_path: Path) -> None:
    """All of them at once: the linters take longer to start than to run."""
    for example in EXAMPLES:
        source, folder = read(example)
        text = emit_source(list(compile_source(source, {}, folder)))
        (tmp_path / name(example).replace("/", "_")).write_text(text)
    for number, text in enumerate(sources()):
        (tmp_path / f"operators_{number}.py").write_text(text)
    for command in (
        ["ruff", "check", "--isolated", "."],
        ["ruff", "format", "--isolated", "--check", "."],
        [
            "mypy",
            "--strict",
            "--python-version",
            "3.11",
            "--cache-dir",
            str(CACHE),
            ".",
        ],
    ):
        result = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
