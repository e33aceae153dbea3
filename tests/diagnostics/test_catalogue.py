"""The catalogue: every code is in it, every example earns its code, the page is made of it."""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path

import pytest

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, render_text
from recform.diagnostics.catalogue import CATALOGUE, section
from tests.warm import shell

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "diagnostics.md"
WITH_TEXT = [code for code, entry in CATALOGUE.items() if entry.wrong]


@cache
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
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "net.rf").write_text("stages 8 x 2\nX_i = W_i*X_<i-1>\n")
        return shell(Path(folder), command).stderr


def page() -> str:
    parts = [
        "# Diagnostics\n",
        "Every code that recform gives, with a file that earns it, the answer, and the "
        "file mended.\nMade from `recform/diagnostics/catalogue.py` by `make goldens`.\n",
    ]
    for code, entry in CATALOGUE.items():
        said = run(entry.command) if entry.command else ""
        said = said or (answers(entry.wrong) if entry.wrong else "")
        if entry.command:
            # The command earns the code.
            assert re.search(rf"^(error|warning)\[{code}\]", said, re.M), said
        parts.append(section(code, said))
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
