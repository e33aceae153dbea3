"""``recform verify --module``: a file of which nothing is known, run on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recform.cli.app import app
from recform.verify.worker import load
from tests.verify.networks import NETWORKS

TEXT = (
    "input 4\nstages 4 x 3\nstem none\nhead none\nW = linear(c)\n"
    "X_i = X_<i-1> + W_i*X_<i-1>\n"
)


def verify(folder: Path, module: str, *options: str) -> Any:
    """What verify says of a file; ``$SOURCE`` in it is what was compiled."""
    (folder / "net.rf").write_text(TEXT)
    made = CliRunner().invoke(app, ["compile", str(folder / "net.rf"), "-o", "-"])
    out = folder / "out.py"
    out.write_text(module.replace("$SOURCE", made.stdout))
    arguments = ["verify", str(folder / "net.rf"), "--module", str(out), *options]
    return CliRunner().invoke(app, arguments)


def test_what_was_compiled(tmp_path: Path) -> None:
    shown = verify(tmp_path, "print('a line')\n$SOURCE")
    assert shown.exit_code == 0, shown.output
    out = (tmp_path / "out.py").as_posix()
    assert (
        f"  holds: {out} is the network of the formula (3 blocks: 6 start values, "
        "forward in eval, one training pass with seed 0, gradients of 6 parameters and of "
        "the input, and eval after it, relative error 0.0e+00)\n"
    ) in shown.stdout
    assert f"{out} is run, in a process of its own\n" in shown.stderr
    assert f"{out}: a line\n" in shown.stderr


def test_a_fault(tmp_path: Path) -> None:
    module = (
        "$SOURCE\nold = Net.forward\nNet.forward = lambda self, x: 2 * old(self, x)"
    )
    shown = verify(tmp_path, module, "--json")
    assert shown.exit_code == 1
    *checks, last = json.loads(shown.stdout)["result"]["checks"]
    assert all(check["holds"] is not False for check in checks)
    assert last["holds"] is False
    assert "forward in eval: the output differs" in last["detail"]


@pytest.mark.parametrize(
    ("module", "code", "said"),
    [
        # Ends that look like success.
        pytest.param(
            "import sys; sys.exit(0)", "RF605", "SystemExit: 0", marks=pytest.mark.long
        ),
        (
            "import os, sys, pathlib\n"
            "(pathlib.Path(sys.argv[1]) / 'answer').write_bytes(b'yes')\nos._exit(0)",
            "RF609",
            "(status 0) before all was tried",
        ),
        ("while True: print(' ')", "RF609", "gave no answer within 1 seconds"),
        # What is no such network.
        pytest.param(
            "class Other: pass",
            "RF605",
            "has no attribute 'Net'",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "def Net(): return 5",
            "RF605",
            "it makes a int, no nn.Module",
            marks=pytest.mark.long,
        ),
        ("$SOURCE\nNet.forward = None", "RF608", "fails at forward in eval: TypeError"),
        ("from torch import nn\nclass Net(nn.Module): pass", "RF610", "it lacks: "),
    ],
)
def test_no_answer_and_no_network(
    tmp_path: Path, module: str, code: str, said: str
) -> None:
    limit = ["--time-limit", "1"] if "while" in module else []
    shown = verify(tmp_path, module, *limit)
    assert shown.exit_code == 1
    assert f"error[{code}]" in shown.stderr
    assert said in " ".join(shown.stderr.split())
    assert not isinstance(shown.exception, BaseException) or isinstance(
        shown.exception, SystemExit
    )


@pytest.mark.parametrize(("name", "code"), [("no.py", "RF001"), (".", "RF006")])
def test_what_is_no_file(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "net.rf").write_text("stages 4 x 1\nX_i = X_<i-1> + W_i*X_<i-1>\n")
    module = str(tmp_path / name)
    given = ["verify", str(tmp_path / "net.rf"), "--module", module]
    shown = CliRunner().invoke(app, given)
    assert shown.exit_code == 1
    assert shown.stderr.startswith(f"error[{code}]")


def test_the_interface_of_timm_is_the_same_network(tmp_path: Path) -> None:
    file, out = tmp_path / "formula.rf", tmp_path / "out.py"
    file.write_text(NETWORKS["droppath"])
    run = [sys.executable, "-m", "recform"]
    subprocess.run([*run, "compile", file, "--timm", "-o", out], check=True)
    shown = CliRunner().invoke(app, ["verify", str(file), "--module", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "is the network of the formula" in shown.stdout


def test_a_file_that_has_changed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same second, and as long as it was: bytecode that is kept would fit."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    out = tmp_path / "out.py"
    for value in (1, 2):
        out.write_text(f"Net = {value}\n")
        os.utime(out, (1, 1))
        assert load(out, "Net") == value
    assert [path.name for path in tmp_path.iterdir()] == ["out.py"]
