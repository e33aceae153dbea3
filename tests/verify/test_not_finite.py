"""Networks that make numbers which are not finite: nothing is claimed of these."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import recform
from recform.cli.app import app
from recform.verify.trials import NOT_FINITE, claim_error, error_of, largest
from recform.verify.whole import checks

FRAME = (
    "input 4\nstages 4 x {depth}\nstem none\nW = linear(c)\nX_i = X_<i-1> + {term}\n"
)
POSITIONS = (
    "input 5 x 4\nstages 4 x 2\nstem none\nhead none\ntimes positions\nG = linear(c)\n"
    "H_<i,t> = {term}*H_<i,t-1> + G_i*X_<i-1,t>\nX_<i,t> = X_<i-1,t> + H_<i,t>\n"
    "output X_L\n"
)


def verified(text: str) -> dict[str, tuple[bool | None, str]]:
    return {c.claim: (c.holds, c.detail) for c in checks(recform.compile(text))}


@pytest.mark.parametrize("depth", [1, 3, 17])
@pytest.mark.parametrize("term", ["sqrt(W_i*X_<i-1>)", "log(-abs(W_i*X_<i-1>))"])
def test_what_is_no_number_is_not_tried(term: str, depth: int) -> None:
    found = verified(FRAME.format(term=term, depth=depth))
    assert False not in {holds for holds, _ in found.values()}
    holds, detail = found["the equations are what the module computes"]
    assert holds is None and detail.endswith(f"the output, {NOT_FINITE}")


def test_a_slope_that_is_no_number_leaves_the_rest() -> None:
    found = verified(FRAME.format(term="sqrt(relu(W_i*X_<i-1>))", depth=3))
    assert found["the equations are what the module computes"][0]
    assert found["the whole network is what its equations say"][0]
    assert found["the Jacobian by the input"][0] is None


def test_position_by_position() -> None:
    found = verified(POSITIONS.format(term="sqrt(X_<i-1,t>)"))
    said = found["position by position it makes what it makes at once"]
    assert said == (None, f"5 positions, {NOT_FINITE}")
    found = verified(POSITIONS.format(term="sqrt(abs(X_<i-1,t>))"))
    assert found["position by position it makes what it makes at once"][0]


@pytest.mark.parametrize(
    ("ours", "theirs", "holds"),
    [
        ("torch.sqrt", "torch.log", None),
        *(
            pytest.param(*names, False, marks=pytest.mark.long)
            for names in (("torch.sqrt", "torch.abs"), ("torch.abs", "torch.sqrt"))
        ),
    ],
)
def test_a_module_of_which_nothing_can_be_told(
    tmp_path: Path, ours: str, theirs: str, holds: bool | None
) -> None:
    """All of these numbers are none, so that one function is like the other."""
    function = ours.removeprefix("torch.")
    text = FRAME.format(term=f"{function}(-abs(W_i*X_<i-1>) - 1)", depth=2)
    (tmp_path / "net.rf").write_text(f"network Net\n{text}")
    source = recform.compile(f"network Net\n{text}").source.replace(
        f"{ours}(-", f"{theirs}(-"
    )
    assert f"{theirs}(-" in source
    (tmp_path / "out.py").write_text(source)
    given = ["verify", str(tmp_path / "net.rf"), "--module", str(tmp_path / "out.py")]
    said = CliRunner().invoke(app, given)
    word = {None: "not tried", False: "FAILS"}[holds]
    assert f"{word}: {(tmp_path / 'out.py').as_posix()} is" in said.stdout
    assert said.exit_code == (1 if holds is False else 0)


def test_errors() -> None:
    some, none = torch.ones(3), torch.tensor([1.0, torch.nan, torch.inf])
    assert str(error_of(some, none)) == "nan"
    assert error_of(none, some) == torch.inf
    assert str(claim_error(none, some)) == "nan"
    assert error_of(some, some) == claim_error(some, some) == 0
    assert str(largest([0.0, torch.nan])) == "nan"
    assert largest([torch.nan, 1.0]) == 1.0
    assert largest([]) == 0.0
