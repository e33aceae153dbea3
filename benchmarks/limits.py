"""How the compiler grows with what it is given, up to the limits of the language.

For each construct, `recform` runs as a process on files of the sizes n, 2n and 4n: the CPU
time above that of the smallest file, the ratios, and the peak of memory. Growth is at most
quadratic, so a ratio is at most about 4. With `--examples`, every command on every example
instead; those that take more than 3 s or 300 MB are marked.

    python benchmarks/limits.py [--command compile] [--only NAME] [--json FILE]
    python benchmarks/limits.py --examples
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SMALLEST = "X_i = X_<i-1> + W_i*X_<i-1>\n"
FRAME = "stages 8 x 20\n"
#: What an example may cost, in seconds of CPU time and in megabytes.
SECONDS, MEGABYTES = 3.0, 300
VIEWS = ("step", "network", "paths", "unrolled")


@dataclass(frozen=True)
class Construct:
    """Something of which a file can have n.

    Attributes:
        text: the file.
        size: the smallest n that is measured; 4n is within the limits.
    """

    text: Callable[[int], str]
    size: int


def _sum(terms: Iterator[str]) -> str:
    return " + ".join(terms)


def _operators(n: int) -> str:
    return f"{FRAME}X_i = {_sum(f'A{k}_i*X_<i-1>' for k in range(n))}\n"


def _functions(n: int) -> str:
    terms = _sum(f"tanh({k + 2}*X_<i-1>)" for k in range(n))
    return f"{FRAME}X_i = W_i*X_<i-1> + {terms}\n"


def _maximum(n: int) -> str:
    terms = ", ".join(f"{k + 2}*X_<i-1>" for k in range(n))
    return f"{FRAME}X_i = W_i*max({terms})\n"


def _chain(n: int) -> str:
    return f"{FRAME}X_i = {'*'.join(f'A{k}_i' for k in range(n))}*X_<i-1>\n"


def _unknowns(n: int) -> str:
    lines = [f"Y{k}_i = W_i*Y{k - 1}_i" for k in range(1, n)]
    return "\n".join([FRAME, "Y0_i = W_i*X_<i-1>", *lines, f"X_i = Y{n - 1}_i", ""])


def _shifted(n: int) -> str:
    lines = [f"Y{k}_<i+1> = W_<i+1>*Y{k}_i" for k in range(n)]
    return "\n".join([FRAME, *lines, "output Y0_L", ""])


def _networks(n: int) -> str:
    return "".join(f"network N{k}\n{SMALLEST}" for k in range(n))


def _broken(n: int) -> str:
    return "foo bar\n" * n


def _unknown_names(n: int) -> str:
    return SMALLEST + "".join(f"Y{k}_i = foo{k}*X_<i-1>\n" for k in range(n))


def _power(n: int) -> str:
    # Written out, a power has twice the terms of the one before it: n of them, about.
    return f"{FRAME}X_i = (1 + W_i)^{n.bit_length() - 1}*X_<i-1>\n"


def _rates(n: int) -> str:
    return f"stages 8 x {n}\nW = conv(3, c) > droppath(0.2*i/L)\n{SMALLEST}"


CONSTRUCTS = {
    "operators in a sum": Construct(_operators, 75),
    "functions in a sum": Construct(_functions, 75),
    "tensors in max": Construct(_maximum, 75),
    "operators in a row": Construct(_chain, 30),
    "unknowns": Construct(_unknowns, 100),
    "unknowns with i+1": Construct(_shifted, 75),
    "times": Construct(
        lambda n: (
            f"times {n}\nstages 8 x 40\nX_<i,t> = relu(W_i*X_<i-1,t> + U_i*X_<i,t-1>)\n"
            "output mean(X_<L,1..T>)\n"
        ),
        16,
    ),
    "operators defined": Construct(
        lambda n: "".join(f"A{k} = conv(1, c)\n" for k in range(n)) + SMALLEST, 200
    ),
    "networks": Construct(_networks, 16),
    "broken lines": Construct(_broken, 700),
    "unknown names": Construct(_unknown_names, 200),
    "power": Construct(_power, 256),
    "lags": Construct(
        lambda n: f"stages 8 x 200\nX_i = sum(k, 1, {n}, W_<i-k>*X_<i-k>)\n", 7
    ),
    "blocks": Construct(lambda n: f"stages 8 x {n}\n{SMALLEST}", 25_000),
    "blocks with rates of their own": Construct(_rates, 25_000),
    "blocks that all differ": Construct(
        lambda n: f"stages 8 x {n}\nX_i = W_i*concat(X_<0..i-1>)\n", 240
    ),
    "blocks before one with a number": Construct(
        lambda n: f"stages 8 x {n + 4}\nX_i = W_i*X_<i-1>\nX_{n} = X_{n - 1}\n", 60
    ),
    "stages": Construct(
        lambda n: (
            f"stages {', '.join(f'{8 + k % 2} x 2' for k in range(n))}\n{SMALLEST}"
        ),
        100,
    ),
}

_CHILD = """
import os, resource, sys
from recform.cli import main
code = 0
try:
    main()
except SystemExit as error:
    code = error.code or 0
used = resource.getrusage(resource.RUSAGE_SELF)
peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(f"\\n{used.ru_utime + used.ru_stime} {peak}", file=sys.stderr, flush=True)
sys.stdout.flush()
os._exit(code)
"""


def measured(arguments: list[str], folder: str) -> tuple[float, float]:
    """CPU seconds and peak megabytes of a command, run as a process of its own."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    seconds, megabytes = done.stderr.rsplit("\n", 2)[-2].split()
    return float(seconds), float(megabytes)


def growth(command: str, only: str = "") -> Iterator[dict[str, object]]:
    """Each construct at n, 2n and 4n."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.rf"
        path.write_text(SMALLEST)
        least, _ = measured([command, str(path)], folder)
        for name, construct in CONSTRUCTS.items():
            if only not in name:
                continue
            times, peaks = [], []
            for factor in (1, 2, 4):
                path.write_text(construct.text(factor * construct.size))
                seconds, megabytes = measured([command, str(path)], folder)
                times.append(max(seconds - least, 0.001))
                peaks.append(megabytes)
            yield {
                "construct": name,
                "n": construct.size,
                "seconds": [round(time, 3) for time in times],
                "ratios": [round(b / a, 2) for a, b in zip(times, times[1:])],  # noqa: B905, RUF007
                "megabytes": round(max(peaks)),
            }


def commands(path: str) -> Iterator[list[str]]:
    """Every command that takes one file."""
    for name in ("check", "compile", "summary", "analyze", "derive", "verify"):
        yield [name, path]
    for name in ("equiv", "diff"):
        yield [name, path, path]
    for view in VIEWS:
        yield ["render", path, "--view", view]


def examples() -> Iterator[dict[str, object]]:
    """Every command on every example."""
    for path in sorted((ROOT / "examples").rglob("*.rf")):
        for arguments in commands(str(path)):
            seconds, megabytes = measured(arguments, str(ROOT))
            # verify runs networks, and for that needs torch, which has a size of its own.
            large = megabytes > MEGABYTES and arguments[0] != "verify"
            yield {
                "command": " ".join([arguments[0], *arguments[2:][-1:]]),
                "file": path.relative_to(ROOT / "examples").as_posix(),
                "seconds": round(seconds, 2),
                "megabytes": round(megabytes),
                "over": seconds > SECONDS or large,
            }


def main() -> None:
    """Measures, and prints a line a construct or a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--command", default="compile")
    parser.add_argument("--only", default="")
    parser.add_argument("--examples", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = examples() if options.examples else growth(options.command, options.only)
    kept = []
    for row in rows:
        kept.append(row)
        print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
