"""The folder of a run: what it takes to make it again, and what came out.

=================== ==============================================================
`run.json`          formula, recipe, data, seed, versions, machine, git, command
`formula/`          the texts of the formula, as they stood in its files
`network.py`        the generated module
`recipe.toml`       the recipe
`metrics.jsonl`     a line an epoch
`curves.svg`        the same as a picture
`tensorboard/`      the same for TensorBoard
`checkpoint/`       where the run goes on; it goes away when the run is complete
`weights.safetensors` the weights that were kept, with their formula
`result.json`       what came out; only a complete run has it
=================== ==============================================================
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, get_type_hints

from recform.diagnostics import refuse
from recform.files import Json, reason, write_whole
from recform.training.recipe import Recipe, to_toml
from recform.version import __version__

if TYPE_CHECKING:
    from filelock import FileLock

#: The packages whose versions a run keeps.
_PACKAGES = ("torchvision", "accelerate", "numpy")
_ELSEWHERE = "--runs names another folder"


@dataclass(frozen=True)
class Result:
    """What came out of a run.

    Attributes:
        name, folder: of the run.
        network: its name.
        data, recipe, seed: what it was trained on, and how.
        accuracy: share of the test set that is right (of text: of its bytes).
        loss: mean cross-entropy on the test set, in nats.
        validation: accuracy on the held-out part; None where nothing was held out.
        epoch: whose weights were kept, counted from 1.
        epochs, steps: that were run.
        parameters: learned numbers.
        multiply_adds: of one example; None where they are not known.
        seconds: of training, over all starts.
        seconds_per_step: the median.
        warnings: what Python warned of (`UserWarning`), each once.
    """

    name: str
    folder: str
    network: str
    data: str
    recipe: str
    seed: int
    accuracy: float
    loss: float
    validation: float | None
    epoch: int
    epochs: int
    steps: int
    parameters: int
    multiply_adds: int | None
    seconds: float
    seconds_per_step: float
    warnings: tuple[str, ...] = ()


#: What reading JSON raises, of brackets in brackets, too.
_BROKEN = (ValueError, RecursionError)
#: What an entry of a file holds: a value of a type, or a table with these entries.
_Form = type | UnionType | Mapping[str, "_Form"]
#: What is read of `run.json`, and of a line of `metrics.jsonl`.
_FACTS: Mapping[str, _Form] = {
    "key": str,
    "subject": {
        **dict.fromkeys(("network", "module", "file"), str | None),
        "settings": dict,
        "plugins": list | None,
        "parameters": int,
    },
    "data": {"name": str, "digest": str},
    "recipe": {"name": str, "epochs": int},
    "seed": int,
    "numerics": {"device": str, "precision": str},
    "surroundings": {
        **dict.fromkeys(("recform", "processor", "command"), str),
        "threads": int,
        "packages": dict,
        "git": dict | None,
    },
}
_LINE: Mapping[str, _Form] = {
    **dict.fromkeys(("epoch", "step"), int),
    **dict.fromkeys(("loss", "accuracy", "lr"), float),
    **dict.fromkeys(
        ("validation_loss", "validation_accuracy", "seconds_per_step"), float | None
    ),
}


def _fits(value: object, form: _Form) -> bool:
    """Whether what a file holds is of a form; a folder may be of another version."""
    if isinstance(form, Mapping):
        return isinstance(value, dict) and all(
            _fits(value.get(name), inner) for name, inner in form.items()
        )
    return isinstance(value, form)


class Run:
    """A folder that one process at a time writes to.

    Args:
        folder: its path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        return self.folder.name

    def file(self, name: str) -> Path:
        """A file of the run."""
        return self.folder / name

    def read(self, name: str) -> Any:
        """What a JSON file of the run holds; None if there is none, or half of one."""
        with suppress(OSError, *_BROKEN):
            return json.loads(self.file(name).read_text())
        return None

    def facts(self) -> Json | None:
        """What the run is; None if `run.json` does not say."""
        found = self.read("run.json")
        return found if _fits(found, _FACTS) else None

    def result(self) -> Result | None:
        """What came out; None if the run is not complete."""
        found, form = self.read("result.json"), get_type_hints(Result)
        del form["warnings"]  # Runs of before have none.
        if not _fits(found, form):
            return None
        known = {name: found[name] for name in form}
        said = found.get("warnings")
        warnings = tuple(map(str, said)) if isinstance(said, list) else ()
        known |= {"folder": self.folder.as_posix(), "warnings": warnings}
        return Result(**known)

    def metrics(self) -> list[Json]:
        """The lines of `metrics.jsonl` that are whole."""
        lines: list[Json] = []
        with suppress(OSError, ValueError):
            for line in self.file("metrics.jsonl").read_text().splitlines():
                with suppress(*_BROKEN):
                    lines.append(json.loads(line))
        return [line for line in lines if _fits(line, _LINE)]

    def write(self, name: str, content: str | bytes | Json) -> None:
        """Writes a file of the run whole; a mapping as JSON.

        Raises:
            CompileError: if it cannot be written (RF503).
        """
        path = self.file(name)
        if isinstance(content, Mapping):
            content = json.dumps(content, indent=2, sort_keys=True) + "\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            refuse(
                "RF503", f"{path.parent} cannot be made: {reason(error)}", _ELSEWHERE
            )
        write_whole(path, content, path.suffix)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within this, no other process writes to the folder.

        Raises:
            CompileError: if another one does (RF809), or there can be no folder (RF503).
        """
        try:
            lock = self._lock()
        except OSError as error:
            refuse(
                "RF503", f"{self.folder} cannot be used: {reason(error)}", _ELSEWHERE
            )
        if lock is None:
            refuse(
                "RF809",
                f"another process trains in {self.folder}",
                "wait for it, or give this run another name: --name NAME",
            )
        try:
            yield
        finally:
            lock.release()

    def free(self) -> bool:
        """Whether no process writes to the folder."""
        lock = self._lock()
        if lock is not None:
            lock.release()
        return lock is not None

    def _lock(self) -> FileLock | None:
        """The folder for this process alone; None if another one has it."""
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = FileLock(self.file(".lock"))
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock


def key(subject: str, data: str, recipe: Recipe, seed: int, numerics: str) -> str:
    """What a run is: the same for the same network, data, recipe, seed and precision.

    Processes, threads and the machine are none of it: a run goes on elsewhere.
    """
    settings = {k: v for k, v in asdict(recipe).items() if k != "name"}
    told = json.dumps([subject, data, settings, seed, numerics], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def named(network: str, data: str, recipe: Recipe, seed: int, key: str) -> str:
    """The name of a run that was given none."""
    kind, _, argument = data.partition(":")
    where = f"{kind}-{Path(argument).stem}" if argument else kind
    text = re.sub(r"[^A-Za-z0-9._]+", "-", f"{network}-{where}-{recipe.name}-s{seed}")
    return f"{text[:110]}-{key[:8]}"


def command_line() -> str:
    """The command as it was typed, or as it could be."""
    program = Path(sys.argv[0]).name
    program = "recform" if program in ("__main__.py", "recform") else program
    return shlex.join([program, *sys.argv[1:]])


def surroundings() -> Json:
    """Versions, machine and git state: what a run depends on besides its settings."""
    import torch

    return {
        "recform": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "gpus": [
            torch.cuda.get_device_name(number)
            for number in range(torch.cuda.device_count())
        ],
        "threads": torch.get_num_threads(),
        # The build of torch counts, which its package does not tell.
        "packages": {n: _version(n) for n in _PACKAGES} | {"torch": torch.__version__},
        "git": _git(),
        "command": command_line(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _git() -> Json | None:
    """The commit of the folder in which the command was given, and what is not in it."""
    try:
        found = [
            subprocess.run(
                ["git", *words], capture_output=True, text=True, timeout=10, check=True
            ).stdout
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": found[0].strip(), "changed": bool(found[1].strip())}


def begin(
    run: Run,
    facts: Json,
    files: Mapping[str, str],
    recipe: Recipe,
) -> None:
    """Writes what the run is; a folder of another run stays as it is.

    Args:
        run: locked.
        facts: for `run.json`; its `key` says what the run is.
        files: texts to keep, by name.
        recipe: the recipe.

    Raises:
        CompileError: if the folder has another run (RF810), or cannot be written (RF503).
    """
    known = run.read("run.json")
    if known is not None:
        table = known if isinstance(known, dict) else {}
        if table.get("key") != facts["key"]:
            odd = [
                name
                for name in ("subject", "data", "recipe", "seed", "numerics")
                if table.get(name) != facts.get(name)
            ]
            refuse(
                "RF810",
                f"{run.folder} has another run: another {' and '.join(odd) or 'key'}",
                "--name NAME gives this one a folder of its own",
            )
        if run.facts() is not None:
            return
    for name, text in files.items():
        run.write(name, text)
    run.write("recipe.toml", to_toml(recipe))
    run.write("run.json", facts)


def keep_lines(run: Run, step: int) -> None:
    """Takes away the lines of metrics from behind a step: they are written anew."""
    lines = [line for line in run.metrics() if line["step"] <= step]
    run.write("metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


def add_line(run: Run, line: Json) -> None:
    """Adds a line of metrics.

    Raises:
        CompileError: if it cannot be written (RF503).
    """
    path = run.file("metrics.jsonl")
    try:
        with path.open("a") as stream:
            stream.write(json.dumps(line) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        refuse(
            "RF503",
            f"{path} cannot be written: {reason(error)}",
            "make room, and go on",
        )


def all_runs(folder: Path) -> list[Run]:
    """The runs of a folder, by name."""
    if not folder.is_dir():
        return []
    return [Run(p.parent) for p in sorted(folder.glob("*/run.json"))]
