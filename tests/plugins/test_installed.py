"""Operators of installed packages: they are there, and a broken one is in nobody's way."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import recform
from recform.cli.app import app
from recform.diagnostics import CompileError
from recform.operators import plugins
from tests.plugins.commands import run_recform

FRAME = "input 3 x 8 x 8\nstages 8 x 2\n"
NET = f"{FRAME}W = conv(3, c) > mine\nX_i = X_<i-1> + W_i*X_<i-1>"
#: A file that needs nothing of a package.
OTHER = NET.replace("mine", "relu")
MINE = """
from recform.blocks import Emitted, Operator

class Mine(Operator):
    name = "mine"
    about = "twice its input"

    def emit(self, x, a):
        return Emitted("{x} * 2")
"""


def install(folder: Path, module: str, points: str, package: str = "mine") -> None:
    """A package with an entry point, as pip would leave it."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
    (info / "METADATA").write_text(head)
    (info / "entry_points.txt").write_text(points)
    (folder / f"{package}.py").write_text(module)
    (folder / "net.rf").write_text(NET)
    (folder / "other.rf").write_text(OTHER)


def group(value: str) -> str:
    return f"[recform.operators]\nmy-ops = {value}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose packages are installed in this process."""
    monkeypatch.syspath_prepend(str(tmp_path))
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    """What this test, or one before it, has imported."""
    plugins.installed.cache_clear()
    sys.modules.pop("mine", None)
    sys.modules.pop("ours", None)


@pytest.mark.parametrize("value", ["mine", "mine:Mine"])
def test_it_is_there(value: str, tmp_path: Path) -> None:
    # What a module prints while it is imported is no part of the code.
    install(tmp_path, f"print('hello'){MINE}", group(value))
    result = run_recform(tmp_path, "compile", "net.rf")
    assert (result.returncode, result.stderr) == (0, "hello\n")
    assert "x * 2" in result.stdout
    assert "hello" not in result.stdout
    assert "--plugin" not in result.stdout
    # The same operators by their name as well are no clash.
    result = run_recform(tmp_path, "check", "net.rf", "--plugin", "mine")
    assert (result.returncode, result.stderr) == (0, "hello\n")


def without(old: str, new: str = "") -> str:
    assert old in MINE
    return MINE.replace(old, new)


RULE = "    def emit"
BROKEN = [
    ("import nothing_of_this_name", "mine", "RF511", "ModuleNotFoundError"),
    ("def f(:", "mine", "RF511", "SyntaxError"),
    ("raise SystemExit(3)", "mine", "RF511", "SystemExit: 3"),
    ("class E(BaseException): ...\nraise E('x')", "mine", "RF511", "E: x"),
    ("x = 1", "mine", "RF511", "no operator"),
    ("x = 1", "mine:x", "RF511", "no operator"),
    ("x = 1", "mine:y", "RF511", "has no attribute 'y'"),
    ("x = 1", "not there!", "RF511", "names no module"),
    (without("    about"), "mine", "RF511", "IndentationError"),
    (without('    name = "mine"\n'), "mine", "RF513", "the name None"),
    (without(RULE, f"    arguments = 3\n{RULE}"), "mine", "RF513", "not a tuple"),
    (without(RULE, f"    support = None\n{RULE}"), "mine", "RF513", "not a tuple"),
    (
        without(RULE, f"    def __init__(self): 1/0\n{RULE}"),
        "mine",
        "RF513",
        "ZeroDivisionError",
    ),
    (without('"mine"', '"conv"'), "mine", "RF512", "recform has one"),
    (
        without(RULE, f"    elementwise = True\n    def cost(self, x, a): 1/0\n{RULE}"),
        "mine",
        "RF514",
        "ZeroDivisionError",
    ),
]


@pytest.mark.parametrize(("module", "value", "code", "text"), BROKEN)
def test_a_broken_one_is_left_out(
    module: str, value: str, code: str, text: str, here: Path
) -> None:
    install(here, module, group(value))
    (warning,) = recform.compile(OTHER).warnings
    assert warning.code == code
    assert text in warning.message
    # Who is to be told: the package, and what it calls the plugin.
    assert "my-ops (mine 1.0)" in warning.message
    assert "uninstall" in warning.hint
    with pytest.raises(CompileError) as caught:
        recform.compile(NET)
    assert {item.code for item in caught.value.diagnostics} == {code, "RF202"}


@pytest.mark.parametrize(
    "points", [b"[recform.operators]\nno value\n", b"\xff[recform.operators]"]
)
def test_metadata_that_nobody_can_read(points: bytes, here: Path) -> None:
    install(here, MINE, group("mine"))
    install(here, "", "", "ours")
    (here / "ours-1.0.dist-info" / "entry_points.txt").write_bytes(points)
    compiled = recform.compile(NET)
    assert "x * 2" in compiled.source
    (warning,) = compiled.warnings
    assert warning.code == "RF511"
    assert "the plugin of ours 1.0 is left out" in warning.message


def test_metadata_of_something_else(here: Path) -> None:
    install(here, MINE, group("mine"))
    install(here, "", "[console_scripts]\nno value\n", "ours")
    assert recform.compile(NET).warnings == ()


def test_two_of_one_name(here: Path) -> None:
    """No order of packages decides what a formula means."""
    install(here, MINE, group("mine"))
    install(here, MINE, group("ours"), "ours")
    (warning,) = recform.compile(OTHER).warnings
    assert warning.code == "RF512"
    assert "my-ops (mine 1.0)" in warning.message
    assert "my-ops (ours 1.0)" in warning.message
    with pytest.raises(CompileError):
        recform.compile(NET)


def test_a_page_of_a_code_tells_nothing_of_packages(here: Path) -> None:
    before = CliRunner().invoke(app, ["explain", "RF203"])
    install(here, "x = 1", group("mine"))
    plugins.installed.cache_clear()
    after = CliRunner().invoke(app, ["explain", "RF203"])
    assert "RF511" not in after.output
    assert (before.exit_code, before.output) == (after.exit_code, after.output)


def test_a_module_that_fails_is_its_fault(tmp_path: Path) -> None:
    """Of a package as of a plugin that is named."""
    install(tmp_path, without("{x} * 2", "{x}[:, :, :1]"), group("mine"))
    (tmp_path / "net.rf").write_text(
        "input 3 x 8 x 8\nstages 4 x 2\nstem conv(3, 4)\nW = conv(3, c)\n"
        "head mine > flatten > linear(10)\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    )
    result = run_recform(tmp_path, "analyze", "net.rf", "--delete", "1", "--measure")
    assert result.returncode == 1
    assert "error[RF514]" in result.stderr
    assert "Traceback" not in result.stderr


EVERYWHERE: list[tuple[tuple[str, ...], Callable[[str], object]]] = [
    (("--help",), str),
    (("check", "other.rf", "--json"), json.loads),
    (("fmt", "other.rf"), str),
    (("equiv", "other.rf", "other.rf", "--json"), json.loads),
    (("render", "other.rf", "-o", "other.svg"), str),
    (("explain", "RF202"), str),
]


@pytest.mark.parametrize(("arguments", "read"), EVERYWHERE)
def test_commands(
    arguments: tuple[str, ...], read: Callable[[str], object], tmp_path: Path
) -> None:
    install(tmp_path, "import nothing_of_this_name", group("mine"))
    result = run_recform(tmp_path, *arguments)
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    read(result.stdout)
