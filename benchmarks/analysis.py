"""How fast a formula is analysed.

- the numbers of paths by length, of formulas of order two and of a system, for 1,000 and
  10,000 blocks (with gmpy2; `--plain` tells of two of them how it goes without);
- `recform analyze` on every example of the paper, as a whole process.

    python benchmarks/analysis.py [--runs 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORMULAS = {
    "Eq. (20)": "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    "A.4.1": "X_i = W_i*X_<i-1> + X_<i-2>",
    "A.4.2": "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>",
    "RevNet": "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
    "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)",
}


#: Those that are counted without gmpy2 too.
PLAIN = ("A.4.1", "Eq. (20)")


def counting(runs: int, names: Iterable[str]) -> dict[str, float]:
    """Seconds for the numbers of paths, with signs and before they cancel."""
    from recform.analysis.paths.counting import Counter
    from recform.compiler import compile_source, from_text
    from recform.diagnostics import Diagnostics
    from recform.linear.recurrence import linearise

    found = {}
    for name in names:
        text = f"stages 8 x 6\n{FORMULAS[name]}"
        formula = compile_source(from_text(text))[0].formula
        linear = linearise(formula, Diagnostics(), activations=False)
        for depth in (1000, 10_000):
            for signed in (True, False):
                times = []
                for _ in range(runs):
                    start = time.perf_counter()
                    Counter(linear, depth, signed).by_length()
                    times.append(time.perf_counter() - start)
                how = "signs cancel" if signed else "all terms"
                found[f"{name}, {depth:,} blocks, {how}"] = statistics.median(times)
    return found


def processes(runs: int) -> dict[str, float]:
    """Seconds for `recform analyze` on every example of the paper."""
    found = {}
    for path in sorted((ROOT / "examples" / "paper").glob("*.rf")):
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "recform", "analyze", str(path), "--json"],
                check=True,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
            )
            times.append(time.perf_counter() - start)
        found[f"recform analyze {path.name}"] = statistics.median(times)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--plain", action="store_true", help="Python's own integers")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.plain:
        os.environ["SYMPY_GROUND_TYPES"] = "python"
    found = counting(options.runs, PLAIN if options.plain else FORMULAS)
    if not options.plain:
        found |= processes(options.runs)
    for name, seconds in found.items():
        print(f"{name:48} {seconds:8.3f} s")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
