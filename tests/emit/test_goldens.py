"""The generated source of examples, as files to be reviewed as text."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import recform
from tests.blocks.test_in_files import sources
from tests.compiled import NAMES, written
from tests.interface.test_sources import sources as classifiers

ROOT = Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "tests" / "goldens"
#: Examples of which each shows something of its own.
SHOWN = sorted(
    str(path.relative_to(GOLDENS / "examples").with_suffix(""))
    for path in (GOLDENS / "examples").rglob("*.py")
)


@pytest.mark.parametrize("name", SHOWN)
def test_golden(name: str, golden: Any) -> None:
    golden.check(f"examples/{name}.py", written(f"{name}.rf"))


def test_the_page_says_what_each_shows() -> None:
    rows = re.findall(
        r"^\| `(\S+)` \| (.+) \|$", (GOLDENS / "README.md").read_text(), re.M
    )
    assert [name for name, _ in rows] == SHOWN
    assert len({what for _, what in rows}) == len(SHOWN)


@pytest.mark.parametrize("every", [24, pytest.param(1, marks=pytest.mark.long)])
def test_all_examples_pass_ruff_and_mypy(every: int, tmp_path: Path) -> None:
    """All of them at once: the linters take longer to start than to run.

    Ruff has all files in each run of the tests, and mypy one in some.
    """
    texts = {
        name.replace("/", "_").removesuffix(".rf"): written(name) for name in NAMES
    }
    small = ROOT / "examples" / "zoo" / "resnet18.rf"
    texts["lean"] = recform.compile(small, memory="lean", timm=True).source
    revnet = ROOT / "examples" / "language" / "revnet.rf"
    texts["back"] = recform.compile(revnet, memory="reversible", timm=True).source
    for kind, made in (("operators", sources()), ("classifier", classifiers())):
        texts |= {f"{kind}_{number}": text for number, text in enumerate(made)}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    names = [f"{name}.py" for name in texts]
    # Under the settings of `make lint`, which are strict, what torch has is read once.
    strict = ["--config-file", str(ROOT / "pyproject.toml")]
    strict += ["--cache-dir", str(ROOT / ".mypy_cache")]
    for command in (
        ["ruff", "check", "--isolated", "."],
        ["ruff", "format", "--isolated", "--check", "."],
        ["mypy", *strict, *names[::every]],
    ):
        result = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
