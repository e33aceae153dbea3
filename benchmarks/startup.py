"""How long one waits for `recform`: whole processes beside ``import sympy``.

The processes take turns, so that a machine whose speed drifts does not matter, and the
figures are medians of ratios of neighbouring runs. Each is run once before, so that the
bytecode is there. What counts is the time of the processor, which other programs on the
machine change less than that on the wall.

    python benchmarks/startup.py [--runs 11] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ZOO = ROOT / "examples" / "zoo"
BASE = "import sympy"

#: Arguments of recform, and the largest ratio that they may take.
BOUNDS = {
    f"compile {ZOO}/resnet101.rf -o out.py": 1.7,
    f"compile {ZOO}/inception_v4.rf -o out.py": 2.2,
    "--version": 0.35,
    "--help": 0.35,
    "compile --help": 0.35,
}


@dataclass(frozen=True)
class Taken:
    """Seconds of the processor, and on the wall."""

    processor: float
    wall: float


def taken(command: list[str], folder: str) -> Taken:
    """What a process takes."""
    # Bytecode is kept, also where the one who measures forbids it.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    kept["PYTHONPATH"] = os.pathsep.join(paths)
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=folder, env=kept, stdout=subprocess.DEVNULL, check=False
    )
    wall, after = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ends with status {done.returncode}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(used, wall - start)


def measured(runs: int) -> dict[str, list[Taken]]:
    """Each command, that many times, in turn."""
    commands = {BASE: [sys.executable, "-c", BASE]}
    for arguments in BOUNDS:
        commands[arguments] = [sys.executable, "-m", "recform", *arguments.split()]
    times: dict[str, list[Taken]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        for run in range(1 + runs):
            for name, command in commands.items():
                found = taken(command, folder)
                if run:
                    times[name].append(found)
    return times


def ratio(a: list[float], b: list[float]) -> float:
    """The median of the ratios of neighbouring runs."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def main() -> None:
    """Measures, prints, and writes the ratios as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    times = measured(options.runs)
    used = {name: [item.processor for item in items] for name, items in times.items()}
    wall = {name: [item.wall for item in items] for name, items in times.items()}
    print(f"python -c '{BASE}': {statistics.median(used[BASE]):.2f} s; ratios to it:")
    found = {name: ratio(used[name], used[BASE]) for name in BOUNDS}
    for name, value in found.items():
        words = f"recform {name.replace(f'{ZOO}/', '')}"
        mark = "" if value <= BOUNDS[name] else "  TOO SLOW"
        waited = ratio(wall[name], wall[BASE])
        print(
            f"{words:42}{value:5.2f}, bound {BOUNDS[name]:.2f}; wall {waited:.2f}{mark}"
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
