"""Builds the site: ``python -m website``."""

from __future__ import annotations

import argparse
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

from sphinx.cmd.build import main as sphinx

from website.drawn import draw_all
from website.examples import ROOT, examples
from website.links import broken
from website.stage import stage


def build(out: Path, work: Path, wanted: str = "*", jobs: int = 1) -> list[str]:
    """Builds the site; a warning is an error.

    Args:
        out: where the pages go.
        work: where what can be made again is kept between two builds.
        wanted: which examples are drawn, such as ``paper/*``; the others have a page with
            the formula alone.
        jobs: how many processes.

    Returns:
        What is wrong, a line each.
    """
    everything = examples()
    chosen = [e for e in everything if fnmatch(f"{e.folder}/{e.path.stem}", wanted)]
    drawn = dict(zip(chosen, draw_all(chosen, work / "drawn", jobs), strict=True))
    playground = ROOT / "build" / "playground"
    there = (playground / "index.html").exists()
    stage(work / "pages", [(e, drawn.get(e)) for e in everything], there)
    # Sphinx would keep old pages, and the menu of those that have not changed.
    shutil.rmtree(out, ignore_errors=True)
    how = ["-W", "--keep-going", "-n", "-q", "-j", str(jobs), "-d", str(work / "read")]
    if sphinx(["-b", "html", *how, str(work / "pages"), str(out)]):
        return ["Sphinx has warned"]
    if there:
        shutil.copytree(playground, out / "playground", dirs_exist_ok=True)
    return [f"a link leads nowhere: {line}" for line in broken(out)]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "site-work")
    parser.add_argument("--draw", default="*", help="which examples: 'paper/eq2*'")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    wrong = build(asked.out, asked.work, asked.draw, asked.jobs)
    sys.stdout.writelines(f"{line}\n" for line in wrong)
    if wrong:
        sys.exit(1)
    sys.stdout.write(f"the site is in {asked.out}\n")


if __name__ == "__main__":
    main()
