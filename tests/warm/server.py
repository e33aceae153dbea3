"""Imports what commands need, and forks for each one: ``server.py LIGHT HEAVY``.

There are two servers, each with its socket: a fork takes a fifth of the time where there is
no torch. The one with torch comes of the other, and imports it when it is first asked.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import resource
import select
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Any

import recform

#: What a light command does without.
_HEAVY = ("torch", "scipy", "pandas")
_NOT_HERE = ("recform.__main__", "recform.timm", "recform.verify.worker")


def light() -> None:
    """Imports every module of the package that needs nothing heavy; reads the grammar."""
    sys.modules.update(dict.fromkeys(_HEAVY))  # so that they cannot be imported
    _import_all()
    for name in _HEAVY:
        del sys.modules[name]
    _ = recform.compile("X_i = W_i*X_<i-1>").source


def heavy() -> None:
    """Imports the others."""
    import_module("safetensors.torch")
    _import_all()


def _import_all() -> None:
    # The package imports these where it needs them.
    names = ["rich.console", "rich.table"]
    names += (item.name for item in pkgutil.walk_packages(recform.__path__, "recform."))
    for name in names:
        if not name.startswith(_NOT_HERE):
            with suppress(ImportError):
                import_module(name)


def run(wanted: dict[str, Any], streams: list[int]) -> int:
    """The exit status of a command; this process is its own."""
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    # Above the standard ones first: a number may be taken twice.
    moved = [os.dup(number) if number < 3 else number for number in streams]
    os.closerange(0, 3)
    for number, stream in zip(wanted["streams"], moved, strict=True):
        os.dup2(stream, number)
        os.close(stream)
    for number, name, mode in (
        (0, "stdin", "r"),
        (1, "stdout", "w"),
        (2, "stderr", "w"),
    ):
        there = number in wanted["streams"]
        stream = open(number, mode, closefd=False) if there else None  # noqa: SIM115
        setattr(sys, name, stream)
    sys.path[0] = wanted["folder"]
    if memory := int(os.environ.pop("WARM_MEMORY", "0")):
        started = int(Path("/proc/self/statm").read_text().split()[0])
        limit = started * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    arguments = wanted["arguments"]
    status = 0
    try:
        if wanted["name"] == "recform":
            sys.argv = ["recform", *arguments]
            from recform.cli import main

            main()
        elif arguments[0] == "-c":
            sys.argv = arguments
            exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = arguments
            run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        trace = error.__traceback__
        sys.excepthook(type(error), error, trace.tb_next if trace else None)
        status = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            status = status or 120
    return status


def serve(listener: socket.socket) -> None:
    """Answers until it is ended."""
    gc.freeze()
    #: By what tells that they ended: commands that run, and who waits for them.
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        ready, _, _ = select.select([listener, *running], [], [])
        for item in ready:
            if item is not listener:
                _end(item, *running.pop(item))
                continue
            connection, _ = listener.accept()
            wanted, streams = _request(connection)
            pid = os.fork()
            if not pid:
                # A stream that it closes or keeps is not the answer's.
                for other in (listener, connection, *(c for _, c in running.values())):
                    other.close()
                os._exit(run(wanted, streams))
            for stream in streams:
                os.close(stream)
            running[os.pidfd_open(pid)] = pid, connection


def _request(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    header, streams, _, _ = socket.recv_fds(connection, 4, 3)
    size = int.from_bytes(header, "big")
    data = b""
    while len(data) < size:
        data += connection.recv(size - len(data))
    return json.loads(data), streams


def _end(ended: int, pid: int, connection: socket.socket) -> None:
    os.close(ended)
    _, status = os.waitpid(pid, 0)
    code = max(os.waitstatus_to_exitcode(status), 0)
    with connection, suppress(OSError):
        connection.sendall(code.to_bytes(4, "big"))


def _listen(place: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    return listener


def main() -> None:
    first, second = map(_listen, sys.argv[1:])
    print("ready", flush=True)
    light()
    if os.fork():
        second.close()
        serve(first)
    first.close()
    select.select([second], [], [])
    heavy()
    serve(second)


if __name__ == "__main__":
    main()
