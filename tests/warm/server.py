"""Imports all that a command may need, and forks for each one: ``server.py SOCKET``."""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import resource
import socket
import sys
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Any

import recform

_NOT_HERE = ("recform.__main__", "recform.timm", "recform.verify.worker")


def warm() -> None:
    """Imports every module of the package, and has the grammar read."""
    # The package imports these where it needs them.
    for name in ("torch", "safetensors.torch", "rich.console", "rich.table"):
        import_module(name)
    for found in pkgutil.walk_packages(recform.__path__, "recform."):
        if not found.name.startswith(_NOT_HERE):
            import_module(found.name)
    _ = recform.compile("X_i = W_i*X_<i-1>").source


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


def serve(place: str) -> None:
    """Answers until it is ended."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    warm()
    gc.freeze()
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            _reap()
            continue
        listener.close()
        header, streams, _, _ = socket.recv_fds(connection, 4, 3)
        size = int.from_bytes(header, "big")
        data = b""
        while len(data) < size:
            data += connection.recv(size - len(data))
        # The command is a child: a stream that it closes or keeps is not the answer's.
        pid = os.fork()
        if not pid:
            connection.close()
            os._exit(run(json.loads(data), streams))
        for stream in streams:
            os.close(stream)
        _, ended = os.waitpid(pid, 0)
        connection.sendall(max(os.waitstatus_to_exitcode(ended), 0).to_bytes(4, "big"))
        os._exit(0)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    serve(sys.argv[1])
