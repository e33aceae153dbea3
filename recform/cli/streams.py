"""Standard input, output and errors that are closed, full, or read by nobody."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from recform.diagnostics import Diagnostics, render_text
from recform.files import reason


class _Lost(Exception):
    """Standard output cannot be written.

    No OSError: typer would take that for its own, and libraries for a file's.
    """


class _Output(io.FileIO):
    """Standard output, with an error of its own."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise _Lost(reason(error)) from None


@contextmanager
def standard() -> Iterator[None]:
    """Within this, the three streams are there, and a line says what was not written.

    Raises:
        SystemExit: with status 1, if standard output could not be written.
    """
    _open_all()
    output = _text(_Output(1, "w", closefd=False))
    sys.stdout = output
    try:
        try:
            yield
        finally:
            output.flush()
    except _Lost as lost:
        # What is left in the buffer goes nowhere, and says nothing at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        report = Diagnostics()
        report.error("RF503", f"standard output cannot be written: {lost}")
        with suppress(OSError):
            sys.stderr.write(render_text(report))
            sys.stderr.flush()
        raise SystemExit(1) from None


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


def _text(raw: _Output) -> io.TextIOWrapper:
    """A stream of text as Python makes it; what cannot be encoded is written as code."""
    lines = raw.isatty()
    encoding = sys.stdout.encoding if sys.stdout is not None else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=lines,
    )
