"""Every command on files with wild numbers: an answer or a reason, never a traceback."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recform.cli.app import app
from tests.analysis.random_files import random_file, sister
from tests.thinned import thinned

#: Seconds of the processor that any command may take: more than the five that are the
#: bound, for machines differ, and few enough to notice what grows without one.
MOST = 10.0
#: Files that found something once.
SEEDS = (13, 35, 46, 56, 75)

COMMANDS = (
    ("analyze",),
    ("analyze", "--json", "--activations"),
    ("analyze", "--latex"),
    ("derive",),
    ("derive", "--latex"),
    ("summary",),
)


def answered(*arguments: str) -> str:
    """What a command says; fails on anything but an answer in time."""
    start = time.process_time()
    result = CliRunner().invoke(app, list(arguments))
    took = time.process_time() - start
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 3, 4, 5), result.output
    assert took < MOST
    return result.output


@pytest.mark.parametrize("seed", thinned(SEEDS, 5, first=3))
def test_no_traceback(seed: int, tmp_path: Path) -> None:
    first, second = tmp_path / "a.rf", tmp_path / "b.rf"
    first.write_text(random_file(seed))
    second.write_text(sister(seed))
    for command in COMMANDS:
        assert answered(*command, str(first))
    for name in ("equiv", "diff"):
        assert answered(name, str(first), str(second))


NUMBERS = (
    "1/sqrt(L)",
    "sigmoid(p_i)",
    "sigmoid(q)",
    "tanh(q)*i",
    "sqrt(q)*sqrt(L)",
    "1/(1 + exp(q))",
    "log(1 + exp(p_i))/L",
    "i^2/(i + q)",
    "exp(-i/L)",
)


@pytest.mark.parametrize("number", thinned(NUMBERS, 2))
@pytest.mark.parametrize("term", ["W_i*X_<i-1>", "X_<i-1>"])
def test_numbers_that_are_no_polynomials(
    number: str, term: str, tmp_path: Path
) -> None:
    """``scalar p_i = 0``, roots of L, functions of scalars: all of it is analysed."""
    file = tmp_path / "a.rf"
    scalars = "scalar p_i = 0\nscalar q = 0.5\n"
    file.write_text(
        f"input 4\nstages 4 x 3\n{scalars}X_i = X_<i-1> + W_i*X_<i-1> + {number}*{term}"
    )
    shown = answered("analyze", str(file))
    assert "characteristic polynomial: z" in shown
    assert "random blocks of gain 1" in shown


def test_a_number_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.rf"
    file.write_text(
        "input 4\nstages 4 x 3\nscalar q = 0\nX_i = W_i*X_<i-1> + 1/q*X_<i-1>"
    )
    shown = answered("analyze", str(file))
    reason = "1/q is no real number where its scalars start"
    assert f"no roots: {reason}\n" in shown
    assert f"variances are not followed: {reason}\n" in shown
    assert reason in answered("analyze", "--json", str(file))
