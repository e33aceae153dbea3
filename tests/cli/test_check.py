"""`recform check` on many files, `explain`, completion, pre-commit, and progress."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recform.cli import progress
from tests.warm import recform, shell

GOOD = "X_i = X_<i-1> + W_i*X_<i-1>\n"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.rf").write_text(GOOD)
    (tmp_path / "b.rf").write_text("X_i = foo\n")
    (tmp_path / "c.rf").write_text(f"U = bn\n{GOOD}")
    two = f"network A\n{GOOD}network B\nX_i = W_i*X_<i-1>\n"
    (tmp_path / "two.rf").write_text(f"stages 8 x 2\n{two}")
    return tmp_path


def test_many_files(folder: Path) -> None:
    result = recform(folder, "check", "a.rf", "b.rf", "c.rf", "none.rf")
    assert result.returncode == 1
    assert result.stdout == "a.rf: good (A)\nc.rf: good (C)\n4 files: 2 good, 2 not\n"
    codes = [line[:14] for line in result.stderr.splitlines() if "[RF" in line]
    assert codes == ["error[RF201]: ", "warning[RF222]", "error[RF001]: "]
    result = recform(folder, "check", "a.rf", "c.rf")
    assert (result.returncode, result.stdout.splitlines()[-1]) == (
        0,
        "2 files: 2 good, 0 not",
    )
    strict = recform(folder, "check", "a.rf", "c.rf", "--strict")
    assert (strict.returncode, strict.stdout.splitlines()) == (
        1, ["a.rf: good (A)", "2 files: 1 good, 1 not"],
    )  # fmt: skip


def test_one_array_for_all_files(folder: Path) -> None:
    result = recform(folder, "check", "a.rf", "b.rf", "c.rf", "--format", "json")
    assert [item["file"] for item in json.loads(result.stderr)] == ["b.rf", "c.rf"]
    assert result.stdout == ""


def test_a_mistake_in_a_file_that_several_use_is_told_once(folder: Path) -> None:
    (folder / "part.rf").write_text("W = conv(3, c) > bnn\n")
    for name in ("x.rf", "y.rf"):
        (folder / name).write_text(f'use "part.rf"\n{GOOD}')
    result = recform(folder, "check", "x.rf", "y.rf")
    assert result.stderr.count("error[RF202]") == 1
    assert result.stdout == "2 files: 0 good, 2 not\n"


def test_one_network(folder: Path) -> None:
    result = recform(folder, "check", "two.rf", "--network", "B")
    assert (result.returncode, result.stdout) == (0, "two.rf: good (B)\n")
    assert "RF502" in recform(folder, "check", "two.rf", "--network", "C").stderr


def test_usage_is_told_as_a_diagnostic(folder: Path) -> None:
    result = recform(folder, "check")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "error[RF909]: Missing argument 'FILE.rf...'\n  = hint: recform check --help\n"
    )


@pytest.mark.parametrize("code", ["RF204", "rf204", "204"])
def test_explain(folder: Path, code: str) -> None:
    page = (ROOT / "docs" / "diagnostics.md").read_text()
    start = page.index("## RF204:")
    wanted = page[start : page.index("\n## ", start)]
    assert recform(folder, "explain", code).stdout == wanted


def test_explain_what_is_no_code(folder: Path) -> None:
    result = recform(folder, "explain", "RF29O")
    assert (result.returncode, result.stdout) == (1, "")
    assert "error[RF908]: there is no code 'RF29O'" in result.stderr
    assert "= hint: the nearest: RF" in result.stderr


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion(folder: Path, name: str) -> None:
    # The shell is said; without this typer looks for one among the processes.
    said = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1"
    result = shell(folder, f"{said} recform --show-completion {name}")
    assert result.returncode == 0, result.stderr
    assert f"_RECFORM_COMPLETE=complete_{name}" in result.stdout
    asked = (
        "COMP_WORDS='recform ex' COMP_CWORD=1 _RECFORM_COMPLETE=complete_bash recform"
    )
    assert shell(folder, asked).stdout == "explain\n"


def test_the_hook_for_pre_commit(folder: Path) -> None:
    """What pre-commit reads of .pre-commit-hooks.yaml, and what it runs."""
    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    hooks = [
        dict(line.strip(" -").split(": ", 1) for line in part.splitlines())
        for part in re.split(r"(?m)^- ", text)[1:]
    ]
    (fields,) = (hook for hook in hooks if hook["id"] == "recform-check")
    assert fields == {
        "id": "recform-check",
        "name": "recform check",
        "description": "Tell what is wrong with formula files.",
        "entry": "recform check",
        "language": "python",
        "files": r"\.rf$",
        "pass_filenames": "true",
    }
    assert [hook["entry"] for hook in hooks] == ["recform check", "recform fmt"]
    result = recform(folder, *fields["entry"].split()[1:], "a.rf", "c.rf")
    assert result.returncode == 0


@pytest.mark.long
@pytest.mark.skipif(shutil.which("pre-commit") is None, reason="it is not installed")
def test_pre_commit_itself(folder: Path) -> None:
    for command in ("git init -q", "git add a.rf"):
        subprocess.run(command.split(), cwd=folder, check=True)
    run = ["pre-commit", "try-repo", str(ROOT), "recform-check", "--files", "a.rf"]
    subprocess.run(run, cwd=folder, check=True)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [True, False])
def test_progress(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "AFTER", 0.05)
    with progress.shown("recform verify"):
        time.sleep(0.5)
        progress.stop()
        said = stream.getvalue()
        time.sleep(0.2)
        assert stream.getvalue() == said  # what comes then is not written over
    assert ("recform verify" in said) == terminal


def test_what_is_quick_has_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := _Terminal())
    with progress.shown("recform check"):
        pass
    assert stream.getvalue() == ""
