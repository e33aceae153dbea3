"""What all benchmarks have in common: figures, turns, and the committed figures beside them.

A figure is the median of some turns, with its spread: half the distance between the
quartiles. What is compared takes turns, so that a machine whose speed drifts hits all alike,
and a ratio is one of neighbouring turns. Ratios are held against `figures.json`, which is
committed: one that is larger by more than `SPREADS` spreads, and by more than `LEAST` of
itself, is marked. Seconds are other ones on each machine, and are only told.
"""

from __future__ import annotations

import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
COMMITTED = Path(__file__).with_name("figures.json")
# Torch's profiler writes to stderr that it starts and stops, and that there is no GPU.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")
#: How much worse a ratio is than the committed one before it is marked.
SPREADS, LEAST = 3.0, 0.03


@dataclass(frozen=True)
class Asked:
    """How much is measured.

    Attributes:
        quick: whether there are fewer turns, and large networks are left out.
        device: where networks run that may run on a GPU.
        until: when nothing more is begun, by `time.perf_counter`.
    """

    quick: bool = False
    device: str = "cpu"
    until: float = math.inf

    def turns(self, count: int) -> int:
        """How many turns there are where they would be `count`."""
        return max(2, count // 3) if self.quick else count


@dataclass(frozen=True)
class Figure:
    """The answer to one question.

    Attributes:
        question: what is asked; it tells the figure from all others.
        values: one a turn.
        unit: of the values; nothing for ratios, of which smaller ones are better.
        bound: the largest that is allowed.
    """

    question: str
    values: Sequence[float]
    unit: str = ""
    bound: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        if len(self.values) < 2:
            return 0.0
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return (third - first) / 2

    def entry(self) -> dict[str, Any]:
        """What is committed of it."""
        held = {"median": self.median, "spread": self.spread, "bound": self.bound}
        rounded = {k: v if v is None else float(f"{v:.4g}") for k, v in held.items()}
        return {**rounded, "unit": self.unit}


def shown(entry: Mapping[str, Any]) -> str:
    """A committed figure with its unit."""
    value, unit = entry["median"], entry["unit"]
    if unit == "s" and value < 1:
        return f"{1000 * value:.3g} ms"
    return f"{value:.3g} {unit}".rstrip() if unit else f"{value:.2f}"


def remarks(entry: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[str]:
    """What is wrong with a figure: its bound, and what it was before."""
    found, value = [], entry["median"]
    if entry["bound"] is not None and value > entry["bound"]:
        found.append(f"OVER {entry['bound']:g}")
    if before is not None and not entry["unit"]:
        margin = max(SPREADS * before["spread"], LEAST * before["median"])
        if value > before["median"] + margin:
            found.append(f"WORSE THAN {before['median']:.3g}")
    return found


def committed() -> dict[str, dict[str, dict[str, Any]]]:
    """The committed figures by their questions, in their parts."""
    if not COMMITTED.exists():
        return {}
    held: dict[str, dict[str, dict[str, Any]]] = json.loads(COMMITTED.read_text())
    return held


def table(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures of a part as a page has them."""
    lines = ["| question | figure | bound |", "|---|---|---|"]
    for question, entry in entries.items():
        bound = ""
        if entry["bound"] is not None:
            bound = shown({**entry, "median": entry["bound"]})
        lines.append(f"| {question} | {shown(entry)} | {bound} |")
    return "\n".join(lines)


# -------------------------------------------------------------------------- measuring


def turns(
    actions: Mapping[str, Callable[[], object]],
    count: int,
    clock: Callable[[], float] = time.process_time,
    warm: int = 1,
) -> dict[str, list[float]]:
    """Times of each action; they take turns, the first one another each time."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(-warm, count):
        names = list(actions)
        for name in names if turn % 2 else reversed(names):
            start = clock()
            actions[name]()
            if turn >= 0:
                times[name].append(clock() - start)
    return times


def ratios(values: Iterable[float], others: Iterable[float]) -> list[float]:
    """Those of neighbouring turns."""
    return [a / b for a, b in zip(values, others, strict=True)]


def children() -> float:
    """Seconds of the processor that the processes took which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def process(*command: str, folder: str | Path = ROOT) -> Callable[[], object]:
    """Runs Python with these words; its bytecode is kept."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    kept["PYTHONPATH"] = os.pathsep.join(paths)

    def run() -> None:
        subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env=kept,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    return run


def recform(words: str, folder: str | Path = ROOT) -> Callable[[], object]:
    """Runs a command of recform as a process of its own."""
    return process("-m", "recform", *words.split(), folder=folder)


Part = Callable[[Asked], Iterator[Figure]]
