"""Measures recform, and what it writes: `make bench`.

    python benchmarks/bench.py [PART ...] [--quick] [--device cuda] [--write]

Each part prints a table. `--write` makes what was measured the committed figures, and puts
them into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import time
from typing import Any

from table import COMMITTED, ROOT, Asked, committed, remarks, shown, table

PARTS = ("startup", "compile", "analysis", "editor", "training", "speed", "memory")
PAGE = ROOT / "docs" / "benchmarks.md"


def measured(part: str, asked: Asked) -> dict[str, dict[str, Any]]:
    """The figures of a part, each printed as soon as it is there."""
    before = committed().get(part, {})
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
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    asked = Asked(options.quick, options.device)
    for part in options.parts or PARTS:
        start = time.perf_counter()
        print(part)
        found = measured(part, asked)
        print(f"  {time.perf_counter() - start:.0f} s")
        if options.write:
            held = {**committed(), part: found}
            COMMITTED.write_text(json.dumps(held, indent=1) + "\n")
            PAGE.write_text(page(PAGE.read_text(), held))


if __name__ == "__main__":
    main()
