"""What lays graphs out: the system's Graphviz, the one from PyPI, or a function."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from functools import partial
from pathlib import Path

from recform.diagnostics import refuse
from recform.diagram.request import Renderer

#: What is tried, in order.
CANDIDATES = ("dot", "graphviz-pure")
#: The one whose output is the same on every machine, which goldens are made with.
PINNED = "graphviz-pure"
#: Seconds after which a layout is given up.
PATIENCE = 120


def find(wanted: str | Renderer = "auto") -> Renderer:
    """What lays out.

    Args:
        wanted: ``auto`` for the system's ``dot`` where there is one, else graphviz-pure;
            a program that takes the options of ``dot``; or a function, which is the
            answer itself, for where no program can be run.

    Raises:
        CompileError: if there is none (RF662); what is found raises RF663 if it fails.
    """
    if not isinstance(wanted, str):
        return wanted
    names = CANDIDATES if wanted == "auto" else (wanted,)
    for candidate in names:
        found = shutil.which(candidate) or _beside_python(candidate)
        if found:
            return partial(_run, found)
    what = (
        "neither dot nor graphviz-pure"
        if wanted == "auto"
        else f"no program {wanted!r}"
    )
    refuse(
        "RF662",
        f"{what} was found to lay the picture out",
        "pip install graphviz-pure; --to mermaid and --to json need neither",
        file=wanted if wanted != "auto" else "",
    )


def _beside_python(name: str) -> str | None:
    """A script of this Python's environment, which need not be on the PATH."""
    path = Path(sysconfig.get_path("scripts")) / name
    return shutil.which(str(path))


def _run(program: str, source: str) -> bytes:
    """What a program makes of DOT source.

    Raises:
        CompileError: if it fails (RF663).
    """
    try:
        done = subprocess.run(
            [program, "-Tjson0"],
            input=source.encode(),
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        if done.returncode == 0 and done.stdout:
            return done.stdout
        said = done.stderr.decode(errors="replace").strip().splitlines()
        problem = said[-1] if said else f"it ended with status {done.returncode}"
    except subprocess.TimeoutExpired:
        problem = f"it took more than {PATIENCE} seconds"
    except OSError as error:
        problem = error.strerror or str(error)
    refuse(
        "RF663",
        f"the picture could not be laid out: {problem}",
        "--renderer graphviz-pure takes the one that recform is tested with",
        file=Path(program).name,
    )
