"""Many runs: those that are not complete are trained, several at a time.

A run is a process of its own (`recform train`), so that one that dies takes no other with
it, and goes on where it was when it is asked for again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any

from recform.files import Json
from recform.training.engine import Plan
from recform.training.recipe import to_toml
from recform.training.runs import Result, Run
from recform.training.session import finished


@dataclass(frozen=True)
class Job:
    """A run that a process of its own makes.

    Attributes:
        plan: what the run is made of.
        subject: the words of `recform train` that name the network.
        words: all others; paths in them are absolute, and the recipe is not in them.
    """

    plan: Plan
    subject: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def recipe(self) -> tuple[str, str]:
        """The name of a file for the recipe, and what it holds."""
        return f"{self.plan.recipe.name}.toml", to_toml(self.plan.recipe)


@dataclass(frozen=True)
class Failure:
    """Why a run came to nothing, in a line."""

    why: str


#: Is told of a run that ended: the job, what came out, how many have ended.
Told = Callable[[Job, Result | Failure, int], None]
#: Makes a run.
Runner = Callable[[Job], Result | Failure]


def train_all(
    jobs: Sequence[Job], runner: Runner, at_once: int, told: Told
) -> list[Result | Failure]:
    """What came out of each job; runs that are complete are not made again.

    Args:
        jobs: in any order.
        runner: makes a run.
        at_once: how many at a time.
        told: of every run that ended.
    """
    found: dict[int, Result | Failure] = {}
    for number, job in enumerate(jobs):
        if (done := finished(job.plan)) is not None:
            found[number] = done
    pool = ThreadPoolExecutor(max(1, at_once))
    try:
        waiting: dict[Future[Result | Failure], int] = {
            pool.submit(runner, job): number
            for number, job in enumerate(jobs)
            if number not in found
        }
        while waiting:
            ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ended:
                number = waiting.pop(future)
                found[number] = future.result()
                told(jobs[number], found[number], len(found))
    finally:
        # Whoever interrupts this does not wait: the runner ends what it has begun.
        pool.shutdown(wait=False, cancel_futures=True)
    return [found[number] for number in range(len(jobs))]


class Processes:
    """Makes runs as processes of this machine.

    Args:
        at_once: how many there are at a time: they share the cores.
    """

    def __init__(self, at_once: int) -> None:
        cores = len(os.sched_getaffinity(0))
        threads = max(1, cores // max(1, at_once))
        self._surroundings = {"OMP_NUM_THREADS": str(threads), **os.environ}
        self._lock = Lock()
        self._alive: list[subprocess.Popen[str]] = []
        self._over = Event()

    def __call__(self, job: Job) -> Result | Failure:
        run = job.plan.run
        name, recipe = job.recipe
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_text(recipe)
            words = [*job.subject, *job.words, "--recipe", str(path)]
            words += ["--runs", str(run.folder.parent), "--name", run.name]
            found = outcome(*answered(lambda: self._begun(words), run, self._over))
        return made(job) if isinstance(found, Result) else found

    def _begun(self, words: Sequence[str]) -> subprocess.Popen[str]:
        with self._lock:
            process = training(words, env=self._surroundings)
            self._alive.append(process)
            if self._over.is_set():
                process.terminate()
            return process

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Within this, whatever ends the work ends the processes, too."""
        try:
            yield
        finally:
            with self._lock:
                self._over.set()
                for process in self._alive:
                    process.terminate()


def training(words: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """A process that trains, and answers on its standard output.

    Args:
        words: of `recform train`.
        options: of the process.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "recform", "train", *words, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        **options,
    )


def answered(
    begin: Callable[[], subprocess.Popen[str]], run: Run, over: Event
) -> tuple[str, int]:
    """What a process answered, and its status.

    Where another process makes the run, it is waited for: that of a comparison that was
    killed, or of another one.

    Args:
        begin: starts the process.
        run: that it makes.
        over: is set when nobody wants to know any more.
    """
    while not over.is_set():
        process = begin()
        out, _ = process.communicate()
        if '"RF809"' not in out:
            return out, process.returncode
        while not run.free() and not over.wait(0.5):
            pass
    return "", 130


def made(job: Job) -> Result | Failure:
    """What came out of a job, in its folder: of this very run, and not of another one."""
    return finished(job.plan) or Failure("what was trained is not what was asked for")


def outcome(answer: str, status: int) -> Result | Failure:
    """What `recform train --json` answered.

    Args:
        answer: its standard output.
        status: its exit status.
    """
    try:
        said: Json = json.loads(answer)
        if said["ok"]:
            return Result(**said["result"])
        items = said["diagnostics"]
        errors = [item for item in items if item["severity"] == "error"] or items
        return Failure(f"{errors[0]['code']}: {errors[0]['message']}")
    except (ValueError, KeyError, TypeError, IndexError):
        pass
    if status == 130:
        return Failure("stopped; the same command goes on")
    if status < 0:
        return Failure(f"its process was killed (signal {-status})")
    return Failure(f"its process ended with status {status}")
