"""recform fmt: what it writes, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from recform.cli.app import app

UGLY = "X_i=X_<i-1>+W_i*X_<i-1>\n"
GOOD = "X_i = X_<i-1> + W_i*X_<i-1>\n"


def fmt(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["fmt", *arguments], input=given)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("a.rf").write_text(UGLY)
    Path("sub/b.rf").write_text(GOOD)
    Path("sub/bad.rf").write_text("X_i = (X_0\n")
    return tmp_path


def test_files_and_folders(folder: Path) -> None:
    result = fmt("a.rf", "sub")
    assert result.exit_code == 1
    assert result.stdout == "formatted: a.rf\n1 formatted, 1 as they were\n"
    assert "error[RF102]" in result.stderr and "sub/bad.rf:1:7" in result.stderr
    assert Path("a.rf").read_text() == GOOD
    assert Path("sub/bad.rf").read_text() == "X_i = (X_0\n"
    Path("sub/bad.rf").unlink()
    assert fmt(".").stdout == "0 formatted, 2 as they were\n"


def test_check_and_diff_write_nothing(folder: Path) -> None:
    for options in (["--check"], ["--diff"], ["--check", "--diff"]):
        result = fmt("a.rf", *options)
        assert result.exit_code == 1
        assert "would be formatted: a.rf\n" in result.stderr
        assert (f"-{UGLY}+{GOOD}" in result.stdout) == ("--diff" in options)
        assert Path("a.rf").read_text() == UGLY
        assert fmt("sub/b.rf", *options).exit_code == 0


def test_a_folder_without_formulas_is_told(folder: Path) -> None:
    (folder / "none").mkdir()
    shown = fmt("none")
    assert shown.exit_code == 1
    assert "error[RF001]: none has no formula file" in shown.stderr


def test_standard_input(folder: Path) -> None:
    result = fmt("-", given=UGLY)
    assert (result.exit_code, result.stdout, result.stderr) == (0, GOOD, "")
    assert fmt("-", "--check", given=UGLY).exit_code == 1
    assert fmt("-", "--check", given=GOOD).exit_code == 0


def test_as_json(folder: Path) -> None:
    made = json.loads(fmt("a.rf", "sub", "--check", "--json").stdout)
    assert made["result"]["files"] == [
        {"file": "a.rf", "changed": True, "good": True},
        {"file": "sub/b.rf", "changed": False, "good": True},
        {"file": "sub/bad.rf", "changed": False, "good": False},
    ]
    assert [item["code"] for item in made["diagnostics"]] == ["RF102"]


def test_newlines_and_links_stay(folder: Path) -> None:
    Path("dos.rf").write_bytes(UGLY.replace("\n", "\r\n").encode())
    Path("link.rf").symlink_to("dos.rf")
    assert fmt("link.rf").exit_code == 0
    assert Path("link.rf").is_symlink()
    assert Path("dos.rf").read_bytes() == GOOD.replace("\n", "\r\n").encode()


def test_what_cannot_be_written(folder: Path) -> None:
    result = fmt("none.rf")
    assert result.exit_code == 1 and "error[RF001]" in result.stderr


def test_what_is_not_written_is_not_counted(folder: Path) -> None:
    """It was: `formatted: net.py`, and `-1 as they were`."""
    other = folder / "net.py"
    other.write_text("X_i=W_i*X_<i-1>\n")
    made = fmt(str(other))
    assert made.exit_code == 1
    assert "RF503" in made.output
    assert "0 formatted, 0 as they were" in made.output
