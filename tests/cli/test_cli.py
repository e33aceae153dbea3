"""The command line, as processes: what it prints, writes and returns."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recform.cli.app import app
from tests.warm import recform

ONE_LINE = "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.rf").write_text(ONE_LINE)
    return tmp_path


def test_compile_writes_the_module(folder: Path) -> None:
    result = recform(folder, "compile", "one.rf", "-o", "one.py")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    source = (folder / "one.py").read_text()
    assert "class One(nn.Module)" in source
    assert '__all__ = ["One"]' in source
    assert "one.rf" in source.split('"""')[1]


def test_compile_to_standard_output_is_the_same(folder: Path) -> None:
    recform(folder, "compile", "one.rf", "-o", "one.py")
    result = recform(folder, "compile", "one.rf")
    assert result.stdout == (folder / "one.py").read_text()


@pytest.mark.parametrize("command", ["compile", "render"])
def test_a_dash_is_standard_output(folder: Path, command: str) -> None:
    dashed = recform(folder, command, "one.rf", "-o", "-")
    assert dashed.stdout == recform(folder, command, "one.rf").stdout != ""
    assert not (folder / "-").exists()


def test_a_formula_is_not_written_over(folder: Path) -> None:
    result = recform(folder, "compile", "one.rf", "-o", "one.rf")
    assert result.returncode == 1
    assert "RF503" in result.stderr
    assert (folder / "one.rf").read_text() == ONE_LINE


def test_a_program_is_not_written_over(folder: Path) -> None:
    """`-o train.py` was meant otherwise; what was generated is written anew."""
    two = "X_i = X_<i-1> + W_i*X_<i-1>\n"
    (folder / "two.rf").write_text(two)
    for command in (("compile", "one.rf"), ("equiv", "one.rf", "two.rf")):
        (folder / "own.py").write_text("precious\n")
        result = recform(folder, *command, "-o", "own.py")
        assert result.returncode == 1 and "RF503" in result.stderr
        assert (folder / "own.py").read_text() == "precious\n"
        (folder / "own.py").unlink()
        for _ in range(2):
            result = recform(folder, *command, "-o", "own.py")
            assert "RF503" not in result.stderr
        assert "precious" not in (folder / "own.py").read_text()


def test_a_link_stays_a_link(folder: Path) -> None:
    (folder / "real.py").write_text("\n")
    (folder / "link.py").symlink_to("real.py")
    assert recform(folder, "compile", "one.rf", "-o", "link.py").returncode == 0
    assert (folder / "link.py").is_symlink()
    assert "class One" in (folder / "real.py").read_text()


def test_a_pipe_is_written_to(folder: Path) -> None:
    import os
    import threading

    os.mkfifo(folder / "pipe.py")
    found: list[str] = []
    reader = threading.Thread(
        target=lambda: found.append((folder / "pipe.py").read_text())
    )
    reader.start()
    assert recform(folder, "compile", "one.rf", "-o", "pipe.py").returncode == 0
    reader.join(20)
    assert "class One" in found[0]


def test_standard_input(folder: Path) -> None:
    result = recform(folder, "compile", "-", text=ONE_LINE)
    assert result.returncode == 0
    assert "class Stdin(nn.Module)" in result.stdout


def test_check_option(folder: Path) -> None:
    recform(folder, "compile", "one.rf", "-o", "one.py")
    assert (
        recform(folder, "compile", "one.rf", "-o", "one.py", "--check").returncode == 0
    )
    (folder / "one.rf").write_text("X_i = X_<i-1> + W_i*X_<i-1>\n")
    before = (folder / "one.py").read_text()
    result = recform(folder, "compile", "one.rf", "-o", "one.py", "--check")
    assert result.returncode == 1
    assert result.stdout.startswith("--- one.py")
    assert "stale" in result.stderr
    assert (folder / "one.py").read_text() == before


def test_check_option_without_a_file(folder: Path) -> None:
    result = recform(folder, "compile", "one.rf", "-o", "one.py", "--check")
    assert result.returncode == 1
    assert "does not exist" in result.stderr
    assert recform(folder, "compile", "one.rf", "--check").returncode == 2


def test_errors_leave_the_output_as_it_was(folder: Path) -> None:
    (folder / "one.py").write_text("precious\n")
    (folder / "one.rf").write_text("X_i = X_i + W_i*X_<i-1>\n")
    result = recform(folder, "compile", "one.rf", "-o", "one.py")
    assert result.returncode == 1
    assert "error[RF301]" in result.stderr
    assert result.stdout == ""
    assert (folder / "one.py").read_text() == "precious\n"
    assert sorted(p.name for p in folder.iterdir()) == ["one.py", "one.rf"]


def test_output_that_cannot_be_written(folder: Path) -> None:
    result = recform(folder, "compile", "one.rf", "-o", "no/such/folder/one.py")
    assert result.returncode == 1
    assert "error[RF503]" in result.stderr
    (folder / "taken.py").mkdir()
    result = recform(folder, "compile", "one.rf", "-o", "taken.py")
    assert result.returncode == 1
    assert "error[RF503]" in result.stderr
    assert sorted(p.name for p in folder.iterdir()) == ["one.rf", "taken.py"]


def test_mode_of_an_existing_output_is_kept(folder: Path) -> None:
    out = folder / "one.py"
    out.write_text("")
    out.chmod(0o640)
    recform(folder, "compile", "one.rf", "-o", "one.py")
    assert out.stat().st_mode & 0o777 == 0o640


def test_json_diagnostics(folder: Path) -> None:
    (folder / "one.rf").write_text("X_i = W_i*X_<i+1>\nY_i = foo(X_<i-1>)\n")
    result = recform(folder, "check", "one.rf", "--format", "json")
    assert result.returncode == 1
    items = json.loads(result.stderr)
    assert [item["code"] for item in items] == ["RF202"]
    place = items[0]["places"][0]
    assert (place["line"], place["column"]) == (2, 7)


def test_json_of_a_good_file(folder: Path) -> None:
    result = recform(folder, "check", "one.rf", "--format", "json")
    assert (result.returncode, result.stdout) == (0, "")
    assert json.loads(result.stderr) == []


def test_missing_file(folder: Path) -> None:
    result = recform(folder, "compile", "on.rf")
    assert result.returncode == 1
    assert "RF001" in result.stderr
    assert "did you mean one.rf?" in result.stderr


def test_settings(folder: Path) -> None:
    result = recform(folder, "compile", "one.rf", "--set", "classes=100")
    assert "classes: int = 100" in result.stdout
    assert "--set classes=100" in result.stdout
    wrong = recform(folder, "compile", "one.rf", "--set", "clases=100")
    assert wrong.returncode == 1
    assert "did you mean 'classes'" in wrong.stderr
    assert recform(folder, "compile", "one.rf", "--set", "classes").returncode == 2
    assert recform(folder, "compile", "one.rf", "--set", "classes=1/0").returncode == 2
    zero = recform(folder, "compile", "one.rf", "--set", "classes=0")
    assert zero.returncode == 1
    assert "Traceback" not in zero.stderr


def test_several_networks(folder: Path) -> None:
    text = (
        "stages 8 x 2\nnetwork A\nX_i = X_<i-1> + W_i*X_<i-1>\n"
        "network B\nX_i = W_i*X_<i-1>\n"
    )
    (folder / "two.rf").write_text(text)
    both = recform(folder, "compile", "two.rf")
    assert '__all__ = ["A", "B"]' in both.stdout
    one = recform(folder, "compile", "two.rf", "--network", "B")
    assert '__all__ = ["B"]' in one.stdout
    wrong = recform(folder, "compile", "two.rf", "--network", "C")
    assert wrong.returncode == 1
    assert "RF502" in wrong.stderr


def test_mistakes_of_other_networks_do_not_matter(folder: Path) -> None:
    text = f"stages 8 x 2\nnetwork A\n{ONE_LINE}network B\nX_i = rleu(X_<i-1>)\n"
    (folder / "two.rf").write_text(text)
    assert "RF202" in recform(folder, "compile", "two.rf").stderr
    one = recform(folder, "compile", "two.rf", "--network", "A")
    assert (one.returncode, one.stderr) == (0, "")
    assert '__all__ = ["A"]' in one.stdout
    assert "RF202" in recform(folder, "compile", "two.rf", "--network", "B").stderr
    wrong = recform(folder, "compile", "two.rf", "--network", "C")
    assert "its networks: A, B" in wrong.stderr


def test_a_file_that_names_no_network_is_named_after_itself(folder: Path) -> None:
    assert recform(folder, "compile", "one.rf", "--network", "One").returncode == 0
    (folder / "wanted.rf").write_text("paths skip* pass*\n")
    options = ("--network", "Wanted", "-o", "made.rf")
    assert recform(folder, "derive", "wanted.rf", *options).returncode == 0
    assert "W_<i-1>*X_<i-2>" in (folder / "made.rf").read_text()


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("summary", "one.rf", "--table", "--network", "One"), "--network"),
        (("summary", "one.rf", "--table", "--latex"), "--latex"),
        (("summary", "one.rf", "--json", "--latex"), "--latex"),
        (("summary", "one.rf", "--memory", "--latex"), "--latex"),
        (("summary", "one.rf", "--batch", "8"), "--batch"),
        (("derive", "one.rf", "--order", "1"), "--order"),
        (("derive", "one.rf", "-o", "other.rf"), "-o"),
        (("analyze", "one.rf", "--measure"), "--measure"),
        (("transplant", "w.safetensors", "one.rf", "--other", "A"), "--other"),
        (("compile", "one.rf", "--check", "-o", "-"), "--check"),
        (("render", "one.rf", "--to", "png", "-o", "one.svg"), "--to"),
        (("render", "one.rf", "--view", "paths", "--block", "2"), "--block"),
        (("render", "one.rf", "--blocks", "2"), "--blocks"),
        (("render", "one.rf", "--expand"), "--expand"),
    ],
    ids=" ".join,
)
def test_no_option_is_ignored(
    folder: Path,
    arguments: tuple[str, ...],
    option: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, arguments)
    answer, nothing = result.stderr, result.stdout
    if "--json" in arguments:
        answer, nothing = nothing, answer
    assert (result.exit_code, nothing) == (2, "")
    assert f"Invalid value for {option}:" in answer
    assert [path.name for path in folder.iterdir()] == ["one.rf"]


def test_summary(folder: Path) -> None:
    result = recform(folder, "summary", "one.rf")
    assert result.returncode == 0
    for text in (
        "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
        "Order 2",
        "State: 2 tensors",
        "W_i*X_<i-1>",
        "minimum cut between two blocks has size 2",
        "512 x 4 x 4",
        "11,347,786",
    ):
        assert text in result.stdout


def test_summary_as_json(folder: Path) -> None:
    data = json.loads(recform(folder, "summary", "one.rf", "--json").stdout)["result"]
    assert data["parameters"] == 11_347_786
    assert [row["what"] for row in data["state"]] == ["X_i", "W_i*X_<i-1>"]
    assert data["bound"] == 2


def test_memory(folder: Path) -> None:
    given = ("summary", "one.rf", "--memory", "--batch", "128", "--optimizer", "adam")
    said = recform(folder, *given).stdout
    # 11,347,786 parameters of four bytes, and two more numbers for each of them.
    for text in ("128 examples at once, fp32, Adam", "43.29 MiB", "86.58 MiB", "H100"):
        assert text in said
    found = json.loads(recform(folder, *given, "--json").stdout)["result"]["memory"]
    assert found["total"]["parameters"] == 4 * 11_347_786
    assert found["training"] > found["total"]["kept"] > found["inference"]


@pytest.mark.parametrize(("plan", "shown"), [("reversible", True), ("plain", False)])
def test_what_runs_again_has_a_column_with_a_heading(
    folder: Path, plan: str, shown: bool
) -> None:
    file = Path(__file__).resolve().parents[2] / "examples" / "language" / "revnet.rf"
    said = recform(folder, "summary", str(file), "--memory", "--plan", plan).stdout
    (heading,) = [line for line in said.splitlines() if "at least" in line]
    columns = [part for part in re.split(r"\s{2,}", heading.strip()) if part]
    again = ["run again in it"] if shown else []
    assert columns[1:-1] == ["training step", *again, "inference"]


def test_version_and_usage(folder: Path) -> None:
    from recform import __version__

    assert recform(folder, "--version").stdout == f"recform {__version__}\n"
    assert recform(folder, "nonsense").returncode == 2


def test_compiling_does_not_import_torch(folder: Path) -> None:
    code = (
        "import sys; sys.argv = ['recform', 'compile', 'one.rf', '-o', 'one.py']\n"
        "from recform.cli import main\n"
        "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code, e.code\n"
        "assert 'torch' not in sys.modules\nassert 'numpy' not in sys.modules\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert (folder / "one.py").exists()


@pytest.mark.skipif(os.name != "posix", reason="pipes of a shell")
def test_closed_pipe_is_no_traceback(folder: Path) -> None:
    command = f"{sys.executable} -m recform compile one.rf | head -1"
    result = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "given", [("fmt", ""), ("check", ""), ("compile", "one.rf", "-o", "")]
)
def test_an_empty_name_is_no_folder(folder: Path, given: tuple[str, ...]) -> None:
    """A variable that is not set would have had all files of this folder written."""
    text = "X_i=X_<i-1>+W_i*X_<i-1>\n"
    (folder / "one.rf").write_text(text)
    result = recform(folder, *given)
    assert result.returncode == 2
    assert "error[RF909]" in result.stderr
    assert "it is empty" in result.stderr
    assert (folder / "one.rf").read_text() == text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("train", "--memory-budget"), "recform compile, recform summary take it"),
        (("compare", "--timm"), "recform compile takes it"),
    ],
)
def test_an_option_of_another_command(
    folder: Path, given: tuple[str, str], said: str
) -> None:
    result = recform(folder, given[0], "one.rf", given[1])
    assert result.returncode == 2
    assert said in result.stderr
