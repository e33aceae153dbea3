"""Runs on a Ray cluster: a task each, whose folder comes back when it is complete.

A task whose worker dies is started again by Ray. On the same machine it goes on from its
last checkpoint, elsewhere it begins anew; what comes out is the same.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from threading import Event

from recform.diagnostics import refuse
from recform.files import reason
from recform.modules import need
from recform.training.many import Failure, Job, answered, made, outcome, training
from recform.training.runs import Result, Run

#: How often a task is started again whose worker died.
RETRIES = 5


class Cluster:
    """Makes runs as tasks of a cluster.

    Args:
        address: of its head; ``auto`` finds one that runs here, or starts one.

    Raises:
        CompileError: if there is none (RF825), or no Ray (RF808).
    """

    def __init__(self, address: str) -> None:
        need("ray", "--ray", "RF808", "pip install 'recform[ray]'")
        _look(address)
        import ray

        self._ray = ray
        try:
            known = None if address == "auto" else address
            ray.init(
                known,
                ignore_reinit_error=True,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # of sockets, of versions that do not fit
            said = (str(error).splitlines() or [type(error).__name__])[0][:200]
            refuse("RF825", f"there is no Ray cluster at {address}: {said}")
        self._task = ray.remote(max_retries=RETRIES, retry_exceptions=False)(_trained)

    @property
    def at_once(self) -> int:
        """How many tasks the cluster runs at a time."""
        return max(1, int(self._resources.get("GPU") or self._resources.get("CPU", 1)))

    @property
    def _resources(self) -> dict[str, float]:
        found: dict[str, float] = self._ray.cluster_resources()  # type: ignore[no-untyped-call]
        return found

    def __call__(self, job: Job) -> Result | Failure:
        on_gpu = self._resources.get("GPU", 0) > 0
        options = {"num_gpus": 1} if on_gpu else {"num_cpus": 1}
        recipe, text = job.recipe
        files = {**_formula(job), recipe: text}
        words = (*_subject(job), *job.words, "--recipe", recipe)
        name = job.plan.run.name
        future = self._task.options(**options).remote(words, files, name)
        try:
            answer, status, folder = self._ray.get(future)
        except Exception as error:  # the worker died too often
            return Failure(f"its worker died: {type(error).__name__}")
        found = outcome(answer, status)
        if isinstance(found, Result):
            last = "result.json"  # only a complete run has it
            for file in (*(key for key in folder if key != last), last):
                job.plan.run.write(file, folder[file])
            return made(job)
        return found


def reaches_workers(label: str) -> None:
    """Makes sure that workers can have a module, as far as that can be known here.

    Args:
        label: `package.module:function`, which was imported.

    Raises:
        CompileError: if its file is one of the current folder alone (RF813).
    """
    file = getattr(sys.modules[label.partition(":")[0]], "__file__", None)
    here = Path.cwd().resolve()
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    folders = [Path(p).resolve() for p in sys.path if p]
    known = [f for f in folders if f != here] + [Path(p) for p in named if p]
    if file is None or any(Path(file).resolve().is_relative_to(f) for f in known):
        return
    refuse(
        "RF813",
        f"--ray: {label} is in a file of this folder, and workers run in others",
        "install it on the machines of the cluster, or train here: --jobs N",
    )


def _look(address: str) -> None:
    """Makes sure that something listens at an address: Ray itself asks for minutes.

    Raises:
        CompileError: if nothing does (RF825).
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError, UnicodeError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        refuse("RF825", f"there is no Ray cluster at {address}: {why}")


def _formula(job: Job) -> Mapping[str, str]:
    """The files of the formula, as the folder of a run keeps them."""
    kept = job.plan.subject.files
    return {name: text for name, text in kept.items() if name.startswith("formula/")}


def _subject(job: Job) -> tuple[str, ...]:
    """The words that name the network, where its formula lies in such a folder."""
    facts = job.plan.subject.facts
    if facts["kind"] != "formula":
        return job.subject
    return (f"formula/{facts['file']}", *job.subject[1:])


def _trained(
    words: tuple[str, ...], files: Mapping[str, str], name: str
) -> tuple[str, int, dict[str, bytes]]:
    """Makes a run on a machine of the cluster.

    Args:
        words: arguments of `recform train`, from the folder of the files.
        files: what it reads besides the data, by name.
        name: of the run.

    Returns:
        The answer, the exit status, and the files of the run.
    """
    told = hashlib.sha256(repr((sorted(words), sorted(files.items()))).encode())
    # A task that is started again on this machine finds it, and nobody else looks into it.
    place = (
        Path(tempfile.gettempdir()) / f"recform-{os.getuid()}-{told.hexdigest()[:16]}"
    )
    place.mkdir(mode=0o700, exist_ok=True)
    for file, text in files.items():
        path = place / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run = Run(place / "runs" / name)
    more = ["--runs", "runs", "--name", name]
    # Of a worker that died, the process may be alive, and does the work.
    answer, status = answered(
        lambda: training([*words, *more], cwd=place), run, Event()
    )
    found = {
        path.relative_to(run.folder).as_posix(): path.read_bytes()
        for path in sorted(run.folder.rglob("*"))
        if path.is_file() and path.name != ".lock" and "checkpoint" not in path.parts
    }
    if status == 0:
        shutil.rmtree(place, ignore_errors=True)
    return answer, status, found
