"""Every command answers: by a result, or by what is wrong. Never by a traceback."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from recform import compiler
from recform.cli.app import app
from recform.compiler import Compiled, compile_source
from tests import Tried
from tests.oracle.files import recurrences, split_starts, timed
from tests.oracle.search import search
from tests.splicing.splice import SPLICED
from tests.thinned import small as smaller
from tests.thinned import thinned

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.rf"))

#: What stands for the file is replaced by its name.
COMMANDS: dict[str, list[str]] = {
    "check": ["check", "FILE"],
    "check, as data": ["check", "FILE", "--format", "json"],
    "summary": ["summary", "FILE"],
    "summary of stages": ["summary", "FILE", "--table"],
    "summary, as data": ["summary", "FILE", "--json"],
    "memory": ["summary", "FILE", "--memory", "--batch", "64"],
    "summary in TeX": ["summary", "FILE", "--latex"],
    "compile": ["compile", "FILE"],
    "block": ["render", "FILE", "--to", "svg"],
    "opened": ["render", "FILE", "--to", "json", "--depth", "9"],
    "network": ["render", "FILE", "--to", "mermaid", "--view", "network"],
    "unrolled": [
        "render",
        "FILE",
        "--to",
        "tikz",
        "--view",
        "unrolled",
        "--blocks",
        "3",
    ],
    "paths": ["render", "FILE", "--to", "dot", "--view", "paths", "--blocks", "3"],
    "derive": ["derive", "FILE"],
    "derive, as data": ["derive", "FILE", "--json"],
    "analyze": ["analyze", "FILE"],
    "analyze, as data": ["analyze", "FILE", "--json"],
    "analyze in TeX": ["analyze", "FILE", "--latex"],
    "analyze a gate": [
        "analyze",
        "FILE",
        "--gain",
        "0.5",
        "--activations",
    ],
    "verify": ["verify", "FILE"],
    "equiv": ["equiv", "FILE", "FILE"],
    "equiv of linear operators": ["equiv", "FILE", "FILE", "--linear"],
    "diff": ["diff", "FILE", "FILE"],
}
NAMES = list(COMMANDS)


#: What needs no run. A modern file has all of these in each run of the tests, or one of
#: the others.
CHEAP = ["check", "summary", "memory", "analyze", "block", "opened", "derive"]
HEAVY = ["analyze, as data", "network", "unrolled", "paths", "equiv", "diff", "verify"]
MODERN = [file for file in FILES if file.startswith("modern/")]
MODERN += [
    f"zoo/{name}.rf"
    for name in (
        "efficientnet_v2_s",
        "gpt2",
        "mnasnet1_0",
        "mobilenet_v3_small",
        "squeezenet1_1",
    )
]
#: All that commands say for want of a better reason, or of options that there are not.
EVASIONS = re.compile(r"\binternal\b|RF90[019]|Traceback")


def answer(command: str, file: str, settings: Iterable[str] = ()) -> str:
    """Runs a command in this process; whether it had a result, or told what is wrong."""
    torch.manual_seed(0)
    arguments = [file if word == "FILE" else word for word in COMMANDS[command]]
    arguments += settings
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert not EVASIONS.search(result.output), result.output
    assert "FAILS" not in result.output, result.output
    assert result.exit_code in (0, 1, 2), result.output
    assert result.output or result.exit_code == 0
    return "answered" if result.exit_code == 0 else "told what is wrong"


@pytest.fixture(autouse=True)
def _among_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)


def over(file: str, names: list[str], settings: Iterable[str] = ()) -> Counter[str]:
    return Counter(answer(name, file, settings) for name in names)


def small(file: str) -> list[str]:
    """The last network of a file, as small as its parameters make it."""
    text = (EXAMPLES / file).read_text()
    networks = re.findall(r"^network\s+(\w+)", text, re.MULTILINE)
    chosen = [f"--network={networks[-1]}"] if len(networks) > 1 else []
    settings = smaller(EXAMPLES / file)
    return [*chosen, *(f"--set={name}={value}" for name, value in settings.items())]


@pytest.mark.parametrize("number", range(2, len(FILES), 13), ids=FILES[2::13])
def test_examples(number: int) -> None:
    """Each command with a file; the long run has each file with each command."""
    over(FILES[number], [NAMES[number % len(NAMES)]])


@pytest.fixture
def _compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiles a file once for all commands that are tried with it."""
    made: dict[str, tuple[Compiled, ...]] = {}

    def compile_once(*given: Any, **options: Any) -> tuple[Compiled, ...]:
        key = repr((given, options))
        if key not in made:
            made[key] = compile_source(*given, **options)
        return made[key]

    monkeypatch.setattr(compiler, "compile_source", compile_once)


@pytest.mark.parametrize("file", thinned(MODERN, 8))
@pytest.mark.usefixtures("_compiled_once")
def test_modern(file: str) -> None:
    """An analysis that does not reach a modern formula says why."""
    found = over(file, CHEAP, small(file))
    assert found["answered"] >= len(CHEAP) - 2, found


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", thinned(range(len(MODERN)), 8, MODERN.__getitem__, 2)
)
def test_modern_in_turn(number: int) -> None:
    """One more command a file; the long run has each file with each command."""
    file = MODERN[number]
    over(file, [HEAVY[number // 8 % len(HEAVY)]], small(file))


@pytest.mark.long
@pytest.mark.parametrize("file", MODERN)
def test_modern_by_all_commands(file: str) -> None:
    over(file, HEAVY, small(file))


@pytest.mark.long
@pytest.mark.parametrize("file", FILES)
def test_every_command(file: str, tried: Tried) -> None:
    tried(over(file, NAMES))


@contextlib.contextmanager
def written(text: str, folder: Path) -> Iterator[str]:
    path = folder / "drawn.rf"
    path.write_text(text)
    yield str(path)


DRAWN = st.one_of(
    recurrences(1, 10, histories=2), timed(1, 4), split_starts(1, 6), SPLICED
)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=DRAWN, start=st.integers(0, len(NAMES) - 1))
def test_random_files(
    text: str, start: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with written(text, tmp_path_factory.getbasetemp()) as file:
        over(file, [NAMES[(start + 7 * n) % len(NAMES)] for n in range(3)])


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_search(name: str, scale: float, tmp_path: Path, tried: Tried) -> None:
    def run(text: str) -> str:
        with written(text, tmp_path) as file:
            return answer(name, file)

    tried(search(DRAWN, run, max(1, round(60 * scale))))
