"""The command line as processes that have imported everything before they start.

A process of its own for each command costs a second for its imports, and five with torch.
Here a server imports them, and forks for each command: streams, status, folder and
environment are those of a process, and no command sees what another one did. Another one
has torch, for the commands that need it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
_SCRIPT = (
    '#!/bin/sh\nexec "{python}" -I -S "{client}" "{light}" "{heavy}" {name} "$@"\n'
)


@cache
def _programs() -> Path:
    """A folder with `recform` and `python`; the servers behind them are started once."""
    folder = Path(tempfile.mkdtemp(prefix="recform-warm-"))
    light, heavy = folder / "light", folder / "heavy"
    server = subprocess.Popen(
        [sys.executable, _HERE / "server.py", light, heavy],
        env={**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"},
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert server.stdout is not None and server.stdout.readline() == b"ready\n"

    def end() -> None:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
        shutil.rmtree(folder)

    atexit.register(end)
    for name in ("recform", "python"):
        program = folder / name
        client = _HERE / "client.py"
        program.write_text(
            _SCRIPT.format(
                python=sys.executable,
                client=client,
                light=light,
                heavy=heavy,
                name=name,
            )
        )
        program.chmod(0o755)
    return folder


def program(name: str) -> Path:
    """`recform` or `python`, to be started as any program."""
    return _programs() / name


def shell(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `recform` and `python` are warm."""
    path = f"{_programs()}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def recform(
    folder: Path,
    *arguments: str,
    text: str | None = None,
    seconds: float | None = None,
    memory: int = 0,
) -> subprocess.CompletedProcess[str]:
    """One command.

    Args:
        folder: where it runs.
        arguments: of the command.
        text: its standard input.
        seconds: how long it may take.
        memory: how many bytes it may take.
    """
    return subprocess.run(
        [program("recform"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        input=text,
        timeout=seconds,
        env={**os.environ, "WARM_MEMORY": str(memory)},
        check=False,
    )
