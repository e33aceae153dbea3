"""Comparisons that train: what is missing is trained, once; a report has all of it."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from recform.cli.app import app
from recform.cli.trials import Compared
from recform.comparison.trained import Entry, Trial, trained, trials
from recform.compiler import Compiled, choose, compile_source, from_text
from recform.diagnostics import CompileError, Diagnostics, Severity
from recform.training.cluster import Cluster, _subject, reaches_workers
from recform.training.many import (
    Failure,
    Job,
    Processes,
    answered,
    outcome,
    train_all,
)
from recform.training.recipe import recipe_of
from recform.training.runs import Result, Run
from recform.training.screen import Silent
from recform.training.session import Wanted, finished, run

TWO = """param classes = 10
input 1 x 8 x 8
stages 4 x 1, 8 x 1 / 2
stem conv(3, 4) > bn > relu
W = conv(3, c, stride=s) > bn > relu
network Res
X_i = X_<i-1> + W_i*X_<i-1>
network Plain
X_i = W_i*X_<i-1>
"""


def entries(folder: Path) -> list[Entry]:
    path = folder / "two.rf"
    path.write_text(TWO)
    source = from_text(TWO, "two.rf")

    def compiling(name: str) -> Callable[[dict[str, Any]], Compiled]:
        return lambda settings: choose(compile_source(source, settings), name)

    return [
        Entry(name, compiling(name), (str(path), "--network", name))
        for name in ("Res", "Plain")
    ]


def wanted(folder: Path, *overrides: str) -> Wanted:
    recipe = recipe_of("quick", ("epochs=3", *overrides))
    return Wanted("", recipe, folder=folder / "runs")


def all_trials(folder: Path, seeds: tuple[int, ...] = (0, 1)) -> list[Trial]:
    words = ("--checkpoint", "0.05")
    return trials(entries(folder), ["digits"], seeds, wanted(folder), words)


def here(job: Job) -> Result:
    """Makes a run in this process."""
    return run(job.plan, Silent())


def quiet(job: Job, found: Result | Failure, done: int) -> None:
    pass


def test_a_study_has_all_that_is_known_and_nothing_is_trained_twice(
    tmp_path: Path,
) -> None:
    report = Diagnostics()
    study = trained(all_trials(tmp_path), here, 1, quiet, report)
    assert not list(report)
    assert study.results.models == ("Res", "Plain")
    for name in ("Res", "Plain"):
        for seed, value in study.results.of(name, "digits").items():
            (folder,) = (tmp_path / "runs").glob(f"{name}-digits-quick-s{seed}-*")
            result = json.loads((folder / "result.json").read_text())
            assert value == pytest.approx(100 * result["accuracy"])
    res, plain = study.models
    assert res.formula is not None
    assert res.formula.splitlines() == ["network Res", "X_i = X_<i-1> + W_i*X_<i-1>"]
    assert res.difference is None
    assert plain.difference is not None
    assert "Res -> Plain" in plain.difference
    assert res.diagram is not None
    assert res.diagram.lstrip().startswith("<")
    names = {curve.name for curve in res.curves}
    assert names == {"training loss", "held-out accuracy"}
    assert {curve.seed for curve in res.curves} == {0, 1}
    assert all(curve.epochs == (1.0, 2.0, 3.0) for curve in res.curves)

    def never(job: Job) -> Result:
        raise AssertionError(job.plan.run.name)

    assert trained(all_trials(tmp_path), never, 1, quiet, report) == study
    other = trained(all_trials(tmp_path), never, 1, quiet, report, "Plain").models
    assert [m.difference is None for m in other] == [False, True]
    assert "Plain -> Res" in str(other[0].difference)
    more = trained(all_trials(tmp_path, (0, 1, 2)), here, 1, quiet, report)
    assert [len(more.results.of(name, "digits")) for name in ("Res", "Plain")] == [3, 3]


def test_a_run_that_fails_is_told_and_left_out(tmp_path: Path) -> None:
    def some(job: Job) -> Result | Failure:
        bad = job.plan.seed == 1 and job.plan.subject.name == "Plain"
        return Failure("RF811: no") if bad else here(job)

    report = Diagnostics()
    study = trained(all_trials(tmp_path), some, 1, quiet, report)
    (item,) = report
    assert item.code == "RF827"
    assert "Plain on digits, seed 1" in item.message
    assert study.results.of("Plain", "digits").keys() == {0}
    # A report that is sent around says so, too.
    assert study.results.missing == ("Plain on digits, seed 1 (RF811: no)",)
    with pytest.raises(CompileError, match="RF827"):
        trained(
            all_trials(tmp_path, (5,)), lambda _: Failure("no"), 1, quiet, Diagnostics()
        )


def test_what_a_run_warns_of_is_handed_on(tmp_path: Path) -> None:
    def odd(job: Job) -> Result | Failure:
        found = here(job)
        assert isinstance(found, Result)
        path = job.plan.run.file("result.json")
        path.write_text(
            json.dumps({**dataclasses.asdict(found), "warnings": ["few bits"]})
        )
        return finished(job.plan) or Failure("no result")

    report = Diagnostics()
    trained(all_trials(tmp_path), odd, 1, quiet, report)
    (item,) = report
    assert (item.code, item.severity) == ("RF832", Severity.WARNING)
    assert item.message == "Res, Plain: few bits"


@pytest.mark.long
def test_a_process_that_is_killed_is_told_and_goes_on_when_asked_again(
    tmp_path: Path,
) -> None:
    (trial,) = trials(
        entries(tmp_path)[:1],
        ["digits"],
        [0],
        wanted(tmp_path, "epochs=30"),
        ("--checkpoint", "0.05"),
    )
    processes = Processes(1)
    folder = trial.job.plan.run.folder

    def kill() -> None:
        for _ in range(600):
            if list(folder.glob("checkpoint/step-*")):
                break
            time.sleep(0.1)
        for process in list(processes._alive):
            process.send_signal(signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    found = processes(trial.job)
    thread.join()
    assert isinstance(found, Failure)
    assert "killed (signal 9)" in found.why
    again = processes(trial.job)
    assert isinstance(again, Result)
    other = dataclasses.replace(
        wanted(tmp_path, "epochs=30"), folder=tmp_path / "other"
    )
    (unbroken,) = trials(entries(tmp_path)[:1], ["digits"], [0], other, ())
    whole = here(unbroken.job)
    assert (again.accuracy, again.loss, again.epoch) == (
        whole.accuracy,
        whole.loss,
        whole.epoch,
    )


def test_what_is_asked_in_vain_is_told_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries(tmp_path)
    (tmp_path / "other.rf").write_text(TWO)
    monkeypatch.setattr(Processes, "__call__", lambda *_: pytest.fail("trains"))
    file = str(tmp_path / "two.rf")
    for words, code in (
        ([f"{file}:Res"], "RF859"),
        ([file, "--baseline", "Ras"], "RF858"),
        ([file, file], "each network is compared once"),
        ([file, f"{tmp_path / 'other.rf'}:Res"], "another name in its file"),
        (["--module", "a:net", "--module", "b:net"], "another name: OTHER = function"),
    ):
        found = CliRunner().invoke(app, ["compare", *words, "--runs", str(tmp_path)])
        assert (found.exit_code, code in found.stderr) == (1, True), found.output


def test_the_form_that_keeps_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processes make the very runs that are asked for, in that form."""

    def begun(self: Processes, job: Job) -> Result | Failure:
        name, text = job.recipe
        (tmp_path / name).write_text(text)
        folder = job.plan.run.folder
        words = [*job.subject, *job.words, "--recipe", str(tmp_path / name)]
        words += ["--runs", str(folder.parent), "--name", folder.name, "--json"]
        found = CliRunner().invoke(app, ["train", *words])
        assert "class Lean" in (folder / "network.py").read_text()
        assert finished(job.plan) is not None
        return outcome(found.stdout, found.exit_code)

    entries(tmp_path)
    monkeypatch.setattr(Processes, "__call__", begun)
    words = [str(tmp_path / "two.rf"), "--runs", str(tmp_path / "runs")]
    words += ["--override", "epochs=1", "--seeds", "0", "--workers", "0", "--json"]
    found = CliRunner().invoke(app, ["compare", *words, "--memory", "lean"])
    assert found.exit_code == 0, found.output
    result = json.loads(found.stdout)["result"]
    assert [score["model"] for score in result["scores"]] == ["Res", "Plain"]
    # What is as it would be is left out of the command, and 0 workers are not.
    assert "--workers 0" in result["command"]
    assert result["command"].count("--memory lean") == 1


def test_a_data_set_counts_once(tmp_path: Path) -> None:
    images, labels = np.zeros((40, 8, 8), np.uint8), np.arange(40) % 2
    path = tmp_path / "a.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    names = [f"npz:{path}", f"npz:{tmp_path}/../{tmp_path.name}/a.npz", f"npz:{path}"]
    found = trials(entries(tmp_path), names, [0], wanted(tmp_path), ())
    assert [trial.data for trial in found] == [f"npz:{path}"] * 2


@pytest.mark.long
def test_a_run_of_another_process_is_waited_for(tmp_path: Path) -> None:
    (trial,) = trials(entries(tmp_path)[:1], ["digits"], [0], wanted(tmp_path), ())
    begun, refused = threading.Event(), threading.Event()

    class Slow(Silent):
        def begin(self, steps: int, epochs: int, done: int) -> None:
            begun.set()
            refused.wait(60)

    class Watched(Processes):
        def _begun(self, words: Sequence[str]) -> subprocess.Popen[str]:
            process = super()._begun(words)
            # The first one is told that the run is another's, and ends.
            threading.Thread(target=lambda: (process.wait(), refused.set())).start()
            return process

    other = threading.Thread(target=run, args=(trial.job.plan, Slow()))
    other.start()
    begun.wait()
    processes = Watched(1)
    with processes.ended():
        found = processes(trial.job)
    other.join()
    assert found == trial.job.plan.run.result()


def test_nobody_waits_behind_the_end(tmp_path: Path) -> None:
    folder, over, begun = Run(tmp_path / "run"), threading.Event(), []

    def begin() -> subprocess.Popen[str]:
        begun.append(1)
        threading.Timer(0.7, over.set).start()
        words = [sys.executable, "-c", "print('\"RF809\"')"]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    with folder.locked():
        assert not folder.free()
        assert answered(begin, folder, over) == ("", 130)
    assert len(begun) == 1
    assert folder.free()


def test_who_interrupts_does_not_wait_for_what_runs(tmp_path: Path) -> None:
    go_on, ended = threading.Event(), threading.Event()

    def slow(job: Job) -> Failure:
        if job.plan.seed == 1:
            go_on.wait(20)
            ended.set()
        return Failure("no")

    def interrupt(job: Job, found: Result | Failure, done: int) -> None:
        raise KeyboardInterrupt

    jobs = [trial.job for trial in all_trials(tmp_path)]
    with pytest.raises(KeyboardInterrupt):
        train_all(jobs, slow, 2, interrupt)
    assert not ended.is_set()
    go_on.set()


def test_what_a_process_answers() -> None:
    failed = {
        "ok": False,
        "diagnostics": [
            {"severity": "warning", "code": "RF222", "message": "w"},
            {"severity": "error", "code": "RF811", "message": "not finite"},
        ],
    }
    assert outcome(json.dumps(failed), 1) == Failure("RF811: not finite")
    assert outcome("", 130) == Failure("stopped; the same command goes on")
    assert outcome("half", -11) == Failure("its process was killed (signal 11)")
    assert outcome("[]", 3) == Failure("its process ended with status 3")


_RAY = """
import json, os, signal, subprocess, sys, threading, time
from pathlib import Path
sys.path[:0] = {path!r}
import ray
ray.init(num_cpus={count}, include_dashboard=False, log_to_driver=False)
from recform.diagnostics import Diagnostics
from recform.training.cluster import Cluster, _subject
from tests.comparison.test_trained import all_trials, quiet, trained

def workers():
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True)
    lines = found.stdout.splitlines()
    rows = [line.split(None, 1) for line in lines]
    return [int(pid) for pid, args in rows if args.startswith("ray::_trained")]

def kill():
    for _ in range(600):
        if len(workers()) == {count}:
            break
        time.sleep(0.1)
    time.sleep(1)
    os.kill(workers()[0], signal.SIGKILL)

if {dies}:
    threading.Thread(target=kill, daemon=True).start()
cluster = Cluster("auto")
found = all_trials(Path({folder!r}), (0,))[:{count}]
study = trained(found, cluster, cluster.at_once, quiet, Diagnostics())
print(json.dumps([[s.model, s.seed, s.value] for s in study.results.scores]))
"""


@pytest.mark.long
@pytest.mark.parametrize(("count", "dies"), [(1, False), (2, True)])
def test_a_cluster_gives_the_same_though_a_worker_dies(
    count: int, dies: bool, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    there, local = tmp_path / "there", tmp_path / "local"
    there.mkdir()
    local.mkdir()
    folder = str(there)
    script = _RAY.format(path=[os.getcwd()], folder=folder, count=count, dies=dies)
    process = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled"},
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    study = trained(all_trials(local, (0,))[:count], here, 1, quiet, Diagnostics())
    known = [[s.model, s.seed, s.value] for s in study.results.scores]
    assert json.loads(process.stdout.splitlines()[-1]) == known
    kept = sorted(p.name for p in next((there / "runs").iterdir()).iterdir())
    assert {"result.json", "weights.safetensors", "metrics.jsonl"} <= set(kept)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:{}", "ray://localhost:{}", "no.:{}1234"]
)
def test_a_cluster_that_is_not_there(address: str) -> None:
    """Ray itself asks again for longer than nine minutes."""
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        told = address.format(free.getsockname()[1])
    with pytest.raises(CompileError, match=r"RF825.*there is no Ray cluster at"):
        Cluster(told)


def test_a_module_of_this_folder_reaches_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told before anything trains; whether Ray is there plays no part."""
    (tmp_path / "ours.py").write_text(
        "from torch import nn\n"
        "def one(num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))\n"
        "def two(num_classes): return one(num_classes)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    given = [*("compare", "--module", "ours:one", "--module", "ours:two")]
    given += ["--set", "input=1x8x8", "--ray", "auto"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 1
    assert "RF813" in result.stderr
    assert "ours:one is in a file of this folder" in result.stderr
    reaches_workers("torch.nn:Linear")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # which workers here have as well
    reaches_workers("ours:one")


def test_a_cluster_gets_all_words_of_a_network(tmp_path: Path) -> None:
    """What is behind its file says in which form it is trained."""
    entry = entries(tmp_path)[0]
    kept = dataclasses.replace(entry, words=(*entry.words, "--memory", "lean"))
    (trial,) = trials([kept], ["digits"], (0,), wanted(tmp_path), ())
    words = ("formula/two.rf", "--network", "Res", "--memory", "lean")
    assert _subject(trial.job) == words


def test_another_run_is_not_taken_for_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (trial.job for trial in all_trials(tmp_path)[:2])
    result = here(one)
    answer = json.dumps({"ok": True, "result": dataclasses.asdict(result)})
    monkeypatch.setattr("recform.training.many.answered", lambda *_: (answer, 0))
    assert Processes(1)(one) == result
    why = "what was trained is not what was asked for"
    assert Processes(1)(other) == Failure(why)


def test_seeds_of_the_command_line() -> None:
    """As large as those of a table of scores."""
    assert Compared(seeds="3, 99999999999,3").numbers == [3, 99999999999]
    for words in ("", "1,,2", "-1", "1.5", "a", "9" * 19):
        with pytest.raises(typer.BadParameter):
            _ = Compared(seeds=words).numbers
