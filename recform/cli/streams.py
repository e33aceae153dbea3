"""Standard input, output and errors that are closed, full, or read by nobody."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from recform.cli import progress
from recform.diagnostics import Diagnostics, render_text
from recform.files import reason


class _Lost(Exception):
    """Standard output cannot be written.

    No OSError: typer would take that for its own, and libraries for a file's.
    """


class _Unread(Exception):
    """Who read what is written here, as in ``recform ... | head``, has left."""


#: The exit status of a program that a broken pipe ends: 128 + SIGPIPE.
UNREAD = 141


class _Output(io.FileIO):
    """Standard output, with errors of its own."""

    def write(self, data: Any) -> int:
        progress.stop()
        try:
            return super().write(data)
        except BrokenPipeError:
            raise _Unread from None
        except OSError as error:
            raise _Lost(reason(error)) from None


class _Errors(io.FileIO):
    """Standard error; a pipe that nobody reads ends the command, too."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise _Unread from None


@contextmanager
def standard() -> Iterator[None]:
    """Within this, the three streams are there, and a line says what was not written.

    Raises:
        SystemExit: with status 1, if standard output could not be written; with
            :data:`UNREAD`, if nobody reads it any more.
    """
    _open_all()
    output = _text(_Output(1, "w", closefd=False), sys.stdout)
    sys.stdout = output
    sys.stderr = _text(_Errors(2, "w", closefd=False), sys.stderr, lines=True)
    try:
        try:
            yield
        finally:
            if not output.closed:  # as the language server does, at its end
                output.flush()
    except _Unread:
        _drop(1, 2)
        raise SystemExit(UNREAD) from None
    except _Lost as lost:
        _drop(1)
        report = Diagnostics()
        report.error(
            "RF503",
            f"standard output cannot be written: {lost}",
            hint="make room where it goes, or send it elsewhere",
        )
        with suppress(OSError):
            sys.stderr.write(render_text(report))
            sys.stderr.flush()
        raise SystemExit(1) from None


def _drop(*numbers: int) -> None:
    """What is left in the buffers goes nowhere, and says nothing at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in numbers:
        os.dup2(nowhere, number)


def _open_all() -> None:
    """Numbers of closed streams are taken, or the next file would have one of them.

    They are open the wrong way round: what is read or written there is an error.
    """
    for number, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def _text(
    raw: io.FileIO, before: TextIO | None, *, lines: bool = False
) -> io.TextIOWrapper:
    """A stream of text as Python makes it; what cannot be encoded is written as code."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=lines or raw.isatty(),
    )
