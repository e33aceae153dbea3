"""What `verify` says is the same at each run, to the last digit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from recform.cli.app import app

VECTORS = "input 4\nstages 4 x 3\nW = linear(c) > tanh\n"
TEXTS = {
    "the inverse": f"{VECTORS}scalar q = 2\nX_i = q*W_i*X_<i-1> + X_<i-2>",
    "position by position": "input 9 of 11\nstages 8 x 2\n"
    "A = ln > attention(2, causal=true) > linear(c)\nX_i = X_<i-1> + A_i*X_<i-1>",
}


@pytest.mark.parametrize("name", TEXTS)
def test_whatever_was_drawn_before(name: str, tmp_path: Path) -> None:
    file, said = tmp_path / "network.rf", []
    file.write_text(TEXTS[name])
    for seed in (3, 4, 5):
        torch.manual_seed(seed)
        said.append(CliRunner().invoke(app, ["verify", str(file)]).output)
    assert "relative error" in said[0]
    assert said[1:] == said[:-1]
