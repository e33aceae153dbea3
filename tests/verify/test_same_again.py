"""What `verify` says is the same at each run, to the last digit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import recform
from recform.cli.app import app
from recform.verify.whole import checks

VECTORS = "input 4\nstages 4 x 3\nW = linear(c) > tanh\n"
TEXTS = {
    "the inverse": f"{VECTORS}scalar q = 2\nX_i = q*W_i*X_<i-1> + X_<i-2>",
    "position by position": "input 9 of 11\nstages 8 x 2\n"
    "A = ln > attention(2, causal=true) > linear(c)\nX_i = X_<i-1> + A_i*X_<i-1>",
}


#: One operator on two unknowns that have the same value: they are two tensors, unless
#: their equations are one application.
TWICE = {
    "another name": "Y_i = X_<i-1>\nX_i = X_<i-1> + W_i*Y_i + W_i*X_<i-1>",
    "equal numbers": "Y_i = 2*X_<i-1>\nZ_i = 2*X_<i-1>\n"
    "X_i = X_<i-1> + W_i*Y_i + W_i*Z_i",
    "what is left at the start": "U = linear(c)\nY_0 = 0\nY_i = Y_<i-1> + U_i*X_<i-1>\n"
    "X_i = X_<i-1> + W_i*Y_i + W_i*U_i*X_<i-1>",
    "an application": "Y_i = W_i*X_<i-1>\n"
    "X_i = X_<i-1> + tanh(W_i*Y_i) + W_i*W_i*X_<i-1>",
    "applications at the start": "U = linear(c)\nY_0 = U*input\nZ_0 = U*input\n"
    "Y_i = Y_<i-1> + X_<i-1>\nZ_i = 2*Z_<i-1> + X_<i-1>\n"
    "X_i = X_<i-1> + W_i*Y_<i-1> + W_i*Z_<i-1>",
}


#: Under two names an unknown, and a function of it, is one; what comes in is no block's to
#: hand back; what moves tokens is no number.
RIGHT = {
    **{name: f"{VECTORS}{said}\noutput X_L" for name, said in TWICE.items()},
    "functions at two times": f"{VECTORS}times 2\nU = linear(c)\n"
    "X_<i,t> = X_<i-1,t> + W_i*X_<i,t-1> + U_i*tanh(X_<i-1,t>)\noutput X_<L,T>",
    "means at two times": f"{VECTORS}times 2\nU = linear(c)\n"
    "X_<i,t> = W_i*X_<i,t-1> + U_i*mean(X_<0..i-1,t>)\noutput X_<L,T>",
    "the inverse with a further input": f"{VECTORS}input e = 4\n"
    "X_i = X_<i-2> + W_i*X_<i-1> + e",
    "the inverse with the input": f"{VECTORS}X_i = X_<i-2> + W_i*X_<i-1> + W_i*input",
    "paths with a shift": "input 5 x 4\nstages 4 x 3\nW = linear(c)\n"
    "X_i = X_<i-1> + W_i*X_<i-1> - shift(X_<i-1>)",
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right(name: str) -> None:
    """Of each it was said that it fails."""
    found = checks(recform.compile(RIGHT[name]))
    assert not [check for check in found if check.holds is False]


@pytest.mark.parametrize("name", TEXTS)
def test_whatever_was_drawn_before(name: str, tmp_path: Path) -> None:
    file, said = tmp_path / "network.rf", []
    file.write_text(TEXTS[name])
    for seed in (3, 4, 5):
        torch.manual_seed(seed)
        said.append(CliRunner().invoke(app, ["verify", str(file)]).output)
    assert "relative error" in said[0]
    assert said[1:] == said[:-1]
