"""recform from Python: what a compiled network tells, and how mistakes look."""

from __future__ import annotations

import json
import traceback
import warnings
from pathlib import Path

import pytest

import recform
from recform.diagnostics import CompileError
from tests.warm import recform as run
from tests.warm import shell

ONE = "stages 4 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\n"
TWO = "stages 4 x 2\nX_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.rf").write_text(f"network One\n{ONE}")
    (tmp_path / "two.rf").write_text(f"network Two\n{TWO}")
    return tmp_path


def asked(folder: Path, *arguments: str) -> object:
    return json.loads(run(folder, *arguments, "--json").stdout)["result"]


def as_json(value: object) -> object:
    return json.loads(json.dumps(value))


def test_a_compiled_network_tells_what_the_commands_tell(folder: Path) -> None:
    from recform.report.analysis_json import as_dict

    one, two = (recform.compile(folder / name) for name in ("one.rf", "two.rf"))
    assert as_json(one.summary().as_dict()) == asked(folder, "summary", "one.rf")
    assert as_json(two.diff(one).as_dict()) == asked(folder, "diff", "two.rf", "one.rf")
    found = as_json(as_dict(two.analyze(depth=5, gain=0.25)))
    assert found == asked(folder, "analyze", "two.rf", "--depth", "5", "--gain", "0.25")
    claims = [(check.claim, check.holds) for check in one.verify()]
    assert claims and all(holds is not False for _, holds in claims)
    told = asked(folder, "verify", "one.rf")
    assert isinstance(told, dict)
    assert [(item["claim"], item["holds"]) for item in told["checks"]] == claims


def test_remarks_of_the_analysis_are_warnings() -> None:
    growing = recform.compile("X_i = 1.5*X_<i-1> + W_i*X_<i-1>")
    with pytest.warns(UserWarning, match="RF602") as caught:
        growing.analyze()
    assert caught[0].filename == __file__
    with pytest.raises(CompileError, match="RF603"):
        recform.compile(ONE).analyze(delete=(40,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recform.compile(ONE).analyze()


def test_an_error_has_one_frame_of_ours(folder: Path) -> None:
    for call in (recform.load, recform.compile):
        with pytest.raises(CompileError) as caught:
            call("X_i = X_<i-1> + foo*X_<i-1>")
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert [frame.name for frame in frames[1:]] == ["wrapper"]
        assert caught.value.__cause__ is None and caught.value.__suppress_context__
    code = "import recform; recform.load('X_i = foo')"
    said = shell(folder, f'python -c "{code}"').stderr
    assert said.rstrip().endswith("`const foo = 0.5`")
    assert said.count("/recform/") == 1


def test_an_error_in_a_notebook_is_the_diagnostic() -> None:
    with pytest.raises(CompileError) as caught:
        recform.load("X_i = foo")
    shown = caught.value._render_traceback_()
    assert shown[0] == "error[RF201]: the name 'foo' is not known"
    assert "Traceback" not in "\n".join(shown)


@pytest.mark.parametrize(
    "value", ["many <b>", "__import__('os').getcwd()", "c", [1], float("nan"), object()]
)
def test_a_parameter_is_a_number_and_never_run(value: object) -> None:
    text = (
        "param classes = 5\nstages 4 x 2\nstem conv(3, c)\n"
        "head avgpool > linear(classes)\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    )
    with pytest.raises(CompileError) as caught:
        recform.compile(text, classes=value)
    (item,) = caught.value.diagnostics
    assert item.code == "RF504"
    assert "classes" in item.message
