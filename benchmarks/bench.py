"""Measures recform, and what it writes: `make bench`.

    python benchmarks/bench.py [PART ...] [--quick] [--write]
    python benchmarks/bench.py --device cuda [--minutes 8]

Each part prints a table. `--write` makes what was measured the committed figures, and puts
them into docs/benchmarks.md. A GPU is for what networks keep, and has no committed figures;
no network is begun in the last of the minutes.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import re
import sys
import time
from typing import Any

from table import COMMITTED, ROOT, Asked, committed, remarks, shown, table

PARTS = ("startup", "compile", "analysis", "editor", "training", "memory", "speed")
ON_GPU = ("memory",)
PAGE = ROOT / "docs" / "benchmarks.md"


def measured(part: str, asked: Asked) -> dict[str, dict[str, Any]]:
    """The figures of a part, each printed as soon as it is there."""
    before = committed().get(part, {}) if asked.device == "cpu" else {}
    found = {}
    for figure in importlib.import_module(part).figures(asked):
        entry = figure.entry()
        words = remarks(entry, before.get(figure.question))
        bound = "" if figure.bound is None else f"bound {figure.bound:g}"
        print(
            f"  {figure.question:<68} {shown(entry):>9} ±{figure.spread:<7.2g} "
            f"{bound:<10} {' '.join(words)}".rstrip(),
            flush=True,
        )
        found[figure.question] = entry
    return found


def page(text: str, figures: dict[str, dict[str, Any]]) -> str:
    """docs/benchmarks.md with the tables of these figures."""
    for part, entries in figures.items():
        frame = rf"(<!-- figures: {part} -->\n).*?(<!-- end -->)"
        text = re.sub(
            frame, lambda m, e=entries: f"{m[1]}{table(e)}\n{m[2]}", text, flags=re.S
        )
    return text


def main() -> None:
    """Measures the parts that are asked for; all, if none is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    parts = options.parts or PARTS
    minutes = options.minutes or math.inf
    if options.device == "cuda":
        parts = options.parts or ON_GPU
        minutes = options.minutes or 8
        if options.write or set(parts) - set(ON_GPU):
            parser.error(f"on a GPU runs {', '.join(ON_GPU)} alone, without --write")
    sys.path.insert(0, str(ROOT))
    until = time.perf_counter() + 60 * (minutes - 1)
    asked = Asked(options.quick, options.device, until)
    for part in parts:
        start = time.perf_counter()
        print(part, flush=True)
        found = measured(part, asked)
        print(f"  {time.perf_counter() - start:.0f} s")
        if options.write:
            held = {**committed(), part: found}
            COMMITTED.write_text(json.dumps(held, indent=1) + "\n")
            PAGE.write_text(page(PAGE.read_text(), held))


if __name__ == "__main__":
    main()
