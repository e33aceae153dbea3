"""A line that says what takes so long: on a terminal, after two seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.status import Status

#: How long a command may take in silence, in seconds.
AFTER = 2.0


class _Line:
    """The line of one command; it goes away before anything else is written."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lock = threading.Lock()
        self._status: Status | None = None
        self._over = False
        self._timer = threading.Timer(AFTER, self._show)
        self._timer.daemon = True
        self._timer.start()

    def _show(self) -> None:
        from rich.console import Console
        from rich.markup import escape

        with self._lock:
            if self._over:
                return
            console = Console(stderr=True)
            self._status = console.status(escape(self._text))
            self._status.start()

    def stop(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._over = True
            if self._status is not None:
                self._status.stop()
                self._status = None


_CURRENT: ContextVar[_Line | None] = ContextVar("line", default=None)


@contextmanager
def shown(text: str) -> Iterator[None]:
    """Within this, a terminal on standard error says what is being done."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    token = _CURRENT.set(_Line(text))
    try:
        yield
    finally:
        stop()
        _CURRENT.reset(token)


def stop() -> None:
    """Takes the line away, for good: something is to be written."""
    line = _CURRENT.get()
    if line is not None:
        line.stop()
