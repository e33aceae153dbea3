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


HEAD = (
    "# Diagnostics\n\nEvery code that recform gives, with a file that earns it, the answer, "
    "and the file mended.\nMade from `recform/diagnostics/catalogue` by `make goldens`.\n"
)
#: Answers that take seconds: they run networks, or import what the server has not.
SLOW = [
    code
    for code, entry in CATALOGUE.items()
    if re.search(r"recform (verify|train)|python -c|safetensors", entry.command)
]
#: What every run tries: one of those, and one in some of the commands; the long one
#: tries all.
SAMPLE = (
    "RF703",
    *[c for c in CATALOGUE if CATALOGUE[c].command and c not in SLOW][::4],
)


def part(code: str) -> str:
    """What the page has about a code."""
    entry = CATALOGUE[code]
    if not entry.command:
        return section(code, answers(entry.wrong) if entry.wrong else "")
    said = run(entry.command)
    # The command earns the code.
    assert re.search(rf"^(error|warning)\[{code}\]", said, re.M), said
    return section(code, said)


def test_every_code_is_in_the_catalogue() -> None:
    used = set()
    for path in (ROOT / "recform").rglob("*.py"):
        if "catalogue" not in path.parts:
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
    if request.config.getoption("--update-goldens"):
        PAGE.write_text("\n".join([HEAD, *map(part, CATALOGUE)]))
    head, *parts = re.split(r"\n(?=## RF)", PAGE.read_text())
    assert head == HEAD
    assert [text[3:8] for text in parts] == list(CATALOGUE)
    for code, text in zip(CATALOGUE, parts, strict=True):
        if code in SAMPLE or not CATALOGUE[code].command:
            assert text.rstrip() == part(code).rstrip(), "run `make goldens`"


@pytest.mark.long
@pytest.mark.parametrize("code", [c for c in CATALOGUE if CATALOGUE[c].command])
def test_answers_of_commands_are_up_to_date(code: str) -> None:
    assert part(code) in PAGE.read_text()
