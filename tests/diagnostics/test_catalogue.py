"""The catalogue: every code is in it, every example earns its code, the page is made of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, render_text
from recform.diagnostics.catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "diagnostics.md"
WITH_TEXT = [code for code, entry in CATALOGUE.items() if entry.wrong]


def answers(text: str) -> str:
    """What recform says of a file."""
    try:
        compiled = compile_source(from_text(text, "net.rf"))
        assert all(network.source for network in compiled)
    except CompileError as error:
        return render_text(error.diagnostics)
    return render_text(compiled[0].warnings)


def run(command: str) -> str:
    """What a command prints on standard error, in a folder with one small network."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "net.rf").write_text("stages 8 x 2\nX_i = W_i*X_<i-1>\n")
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
    return result.stderr


def page() -> str:
    parts = [
        "# Diagnostics\n",
        "Every code that recform gives, with a file that earns it, the answer, and the "
        "file mended.\nMade from `recform/diagnostics/catalogue.py` by `make goldens`.\n",
    ]
    commands = [entry.command for entry in CATALOGUE.values() if entry.command]
    with ThreadPoolExecutor() as pool:
        printed = dict(zip(commands, pool.map(run, commands), strict=True))
    for code, entry in CATALOGUE.items():
        cause = textwrap.fill(
            entry.cause, 99, break_long_words=False, break_on_hyphens=False
        )
        parts.append(f"## {code}: {entry.title}\n\n{cause}\n")
        if entry.command:
            shown = printed[entry.command].rstrip()
            # The command earns the code.
            assert re.search(rf"^(error|warning)\[{code}\]", shown, re.M), shown
            parts.append(f"```text\n$ {entry.command}\n{shown}\n```\n")
        if not entry.wrong:
            continue
        if len(entry.wrong) < 400:
            wrong = entry.wrong.rstrip()
            parts.append(f"```\n{wrong}\n```\n")
        parts.append(f"```text\n{answers(entry.wrong).rstrip()}\n```\n")
        parts.append(f"Mended:\n\n```rf\n{entry.mended.rstrip()}\n```\n")
    return "\n".join(parts)


def test_every_code_is_in_the_catalogue() -> None:
    used = set()
    for path in (ROOT / "recform").rglob("*.py"):
        if path.name != "catalogue.py":
            used |= set(re.findall(r'"(RF\d{3})"', path.read_text()))
    assert sorted(used) == sorted(CATALOGUE)


@pytest.mark.parametrize("code", WITH_TEXT)
def test_the_wrong_example_earns_the_code(code: str) -> None:
    text = answers(CATALOGUE[code].wrong)
    assert set(re.findall(r"\[(RF\d{3})\]", text)) == {code}, text


@pytest.mark.parametrize("code", WITH_TEXT)
def test_the_mended_example_compiles(code: str) -> None:
    compile_source(from_text(CATALOGUE[code].mended))


@pytest.mark.golden
def test_page_is_up_to_date(request: pytest.FixtureRequest) -> None:
    made = page()
    if request.config.getoption("--update-goldens"):
        PAGE.write_text(made)
    assert PAGE.read_text() == made, "run `make goldens`"
