"""A run that was stopped, however that was, ends as if it had not been."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from recform.cli.app import app
from recform.diagnostics import CompileError
from recform.training import checkpoint
from recform.training.engine import Stopped
from recform.training.screen import Silent
from recform.training.session import run, shown
from tests.training.helpers import TINY, lines, outcome, planned, told, trained
from tests.warm import shell


class Stopping(Silent):
    """Sends a signal behind a step: the next one ends, and then the run.

    Args:
        step: counted from 1; 0 for the start.
        number: of the signal.
    """

    def __init__(self, step: int, number: int = signal.SIGINT) -> None:
        self._step, self._number = step, number

    def begin(self, steps: int, epochs: int, done: int) -> None:
        self.step(done)

    def step(self, step: int) -> None:
        if step == self._step:
            os.kill(os.getpid(), self._number)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a run that nobody stopped."""
    known: dict[tuple[str, ...], Path] = {}

    def made(*overrides: str) -> Path:
        if overrides not in known:
            folder = tmp_path_factory.mktemp("whole")
            trained(folder, TINY, *overrides)
            known[overrides] = folder / "run"
        return known[overrides]

    return made


@pytest.mark.parametrize(
    "overrides",
    [
        ("accumulate=2", "select=last", "optimizer=adamw"),
        pytest.param((), marks=pytest.mark.long),
    ],
)
def test_stopped_after_any_step(
    overrides: tuple[str, ...], tmp_path: Path, whole: Callable[..., Path]
) -> None:
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    # Behind steps 1, 2, 5 (the last of an epoch), 6 (the first), 8, 10, 14, and the end.
    for step in (0, 1, 4, 5, 7, 9, 13, 14):
        with pytest.raises(Stopped):
            number = signal.SIGTERM if step % 2 else signal.SIGINT
            run(planned(tmp_path, TINY, *overrides), Stopping(step, number))
        (kept,) = (tmp_path / "run" / "checkpoint").iterdir()
        assert kept.name == f"step-{step + 1:010}"
        assert handlers == [
            signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)
        ]
    trained(tmp_path, TINY, *overrides)
    assert outcome(tmp_path / "run") == outcome(whole(*overrides))
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    class Twice(Silent):
        def step(self, step: int) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(planned(tmp_path), Twice())


def test_a_run_that_is_complete_is_not_run_again(tmp_path: Path) -> None:
    first = trained(tmp_path)
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "run").iterdir()}
    assert trained(tmp_path) == first
    after = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "run").iterdir()}
    assert before == after
    # It ended before it had cleared up.
    (tmp_path / "run" / "checkpoint" / "step-15").mkdir(parents=True)
    assert trained(tmp_path) == first
    assert shown(planned(tmp_path), quiet=True) == first
    assert not (tmp_path / "run" / "checkpoint").exists()


class Died(BaseException):
    """Stands for a process that is no more: nothing may catch it."""


#: What a checkpoint takes, and how often: a process may end before each of them.
CALLS = (
    ("os.fsync", 5),
    ("os.replace", 1),
    ("shutil.rmtree", 3),
    ("recform.training.checkpoint.save_file", 1),
    ("recform.training.checkpoint._remove", 2),
)


@pytest.mark.parametrize(("name", "times"), CALLS)
def test_the_end_comes_within_a_checkpoint(
    name: str,
    times: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: Callable[..., Path],
) -> None:
    # A checkpoint behind every step from the first on.
    monkeypatch.setattr("recform.training.engine.TIMED", 2)
    path, _, attribute = name.rpartition(".")
    owner: Any = sys.modules[path]
    for nth in range(1, times + 1):
        with monkeypatch.context() as patch:
            _end_at(patch, owner, attribute, nth)
            with pytest.raises(Died):
                run(planned(tmp_path, checkpoint=0.0), Silent())
    trained(tmp_path)
    assert outcome(tmp_path / "run") == outcome(whole())


def _end_at(patch: pytest.MonkeyPatch, owner: Any, attribute: str, nth: int) -> None:
    """Ends at the n-th call of a function within checkpoints, of the second or later."""
    saving, real = checkpoint.save, getattr(owner, attribute)
    saves, calls = iter(range(1, 100)), iter(range(1, 100))
    inside: list[int] = []

    def save(*arguments: Any) -> None:
        inside[:] = [next(saves)]
        saving(*arguments)
        inside.clear()

    def call(*arguments: Any, **options: Any) -> Any:
        if inside > [1] and next(calls) == nth:
            raise Died
        return real(*arguments, **options)

    patch.setattr(checkpoint, "save", save)
    patch.setattr(owner, attribute, call)


def test_a_checkpoint_that_is_half_away_is_none(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    with pytest.raises(Stopped):
        run(plan, Stopping(3))
    folder = tmp_path / "run" / "checkpoint"
    (folder / "step-0000000005").mkdir()  # it has lost progress.json, the first to go
    trained(tmp_path)
    assert lines(tmp_path / "run")[-1]["step"] == 15


@pytest.mark.parametrize(
    "name", ["progress.json", "model.safetensors", "optimizer.bin", "best.safetensors"]
)
def test_a_checkpoint_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(planned(tmp_path), Stopping(6))
    kept = tmp_path / "run" / "checkpoint" / "step-0000000007"
    (kept / name).write_bytes(b"\0" * 100)
    with pytest.raises(CompileError) as caught:
        trained(tmp_path)
    item = told(caught.value)
    assert item.code == "RF818"
    assert kept.as_posix() in item.message
    shutil.rmtree(kept)
    assert trained(tmp_path).steps == 15


#: The command, in a process that ends after some seconds as SIGKILL ends it: at once,
#: with no word to Python.
KILLED = """
import signal, sys
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[-1]))
sys.argv = ["recform", *sys.argv[-OPTIONS-1:-1]]
from recform.training import engine
engine.TIMED = 2
from recform.cli import main
main()
"""
OPTIONS = (
    "train tiny.rf --override batch=256 --override epochs=3 --override warmup=1 "
    "--device cpu --name run --checkpoint 0.02"
)


def killed(folder: Path, times: int) -> int:
    """Starts a run until it is complete; it is killed so many times at most.

    Returns:
        How often it was.
    """
    (folder / "tiny.rf").write_text(TINY)
    count = str(len(OPTIONS.split()))
    (folder / "killed.py").write_text(KILLED.replace("OPTIONS", count))
    draw = random.Random(folder.name)
    kills = 0
    while True:
        seconds = draw.uniform(0.1, 3) if kills < times else 600
        found = shell(folder, f'python -c "$(cat killed.py)" {OPTIONS} {seconds}')
        assert "Traceback" not in found.stderr, found.stderr
        if (folder / "runs" / "run" / "result.json").exists():
            return kills
        kills += 1


@pytest.mark.long
def test_killed_at_random_moments(tmp_path: Path, whole: Callable[..., Path]) -> None:
    killed(tmp_path, 3)
    assert outcome(tmp_path / "runs" / "run") == outcome(whole())


@pytest.mark.long
def test_killed_at_thirty_random_moments(
    tmp_path: Path, whole: Callable[..., Path]
) -> None:
    kills = tries = 0
    while kills < 30:
        folder = tmp_path / str(tries)
        folder.mkdir()
        kills += killed(folder, 30 - kills)
        assert outcome(folder / "runs" / "run") == outcome(whole())
        tries += 1


def test_the_command_says_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Callable[..., Path]
) -> None:
    (tmp_path / "tiny.rf").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("recform.training.screen.Live.step", Stopping(7).step)
        found = CliRunner().invoke(app, OPTIONS.split())
    assert found.exit_code == 130
    assert found.stderr == "stopped; the same command goes on\n"
    found = CliRunner().invoke(app, OPTIONS.split())
    assert found.exit_code == 0
    assert "goes on behind step 8 of 15" in found.stdout
    assert outcome(tmp_path / "runs" / "run") == outcome(whole())
    found = CliRunner().invoke(app, OPTIONS.split())
    assert found.stdout.splitlines()[0] == "runs/run is complete already"


def test_random_numbers_are_those_of_the_step(tmp_path: Path) -> None:
    torch.manual_seed(1)
    trained(tmp_path, name="a")
    torch.manual_seed(2)
    trained(tmp_path, name="b")
    assert outcome(tmp_path / "a") == outcome(tmp_path / "b")
