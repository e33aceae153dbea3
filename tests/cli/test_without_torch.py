"""What runs a network says what to install where there is no torch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import recform
from recform.cli.app import app
from recform.diagnostics import CompileError
from recform.weights import roles

FORMULA = "stages 8 x 3\nX_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n"


@pytest.fixture
def formula(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "one.rf"
    path.write_text(FORMULA)
    return path


@pytest.mark.parametrize(
    "command",
    [
        "verify {}",
        "verify {} --module {}.py",
        "analyze {} --delete 1 --measure",
        "analyze {} --swap 1,2 --measure",
        "transplant weights.safetensors {}",
    ],
)
def test_a_command_says_what_is_missing(command: str, formula: Path) -> None:
    words = [word.replace("{}", str(formula)) for word in command.split()]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "error[RF906]: " in result.stderr
    assert "pip install 'recform[torch]'" in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_python_says_what_is_missing(formula: Path) -> None:
    compiled = recform.compile(formula)
    assert compiled.source
    for attempt in (
        lambda: recform.load(formula),
        compiled.module,
        lambda: recform.transplant("weights.safetensors", formula),
        lambda: roles(compiled),
    ):
        with pytest.raises(CompileError) as caught:
            attempt()
        assert [item.code for item in caught.value.diagnostics] == ["RF906"]


def test_a_torch_that_cannot_be_imported_is_told_from_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text(
        "raise OSError('libcudart.so.12: no such file')\n"
    )
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CompileError) as caught:
        recform.load(FORMULA)
    (item,) = caught.value.diagnostics
    assert item.code == "RF906"
    assert item.message.endswith("cannot be imported: libcudart.so.12: no such file")
