"""A thread for what takes long, so that the answers to other questions do not wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")
#: SymPy's recursions want more room than threads have on some systems.
_STACK = 16 * 1024 * 1024


class Worker:
    """Runs one function after the other; at the end of the process nobody waits for it."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        before = threading.stack_size(_STACK)
        threading.Thread(target=self._work, name="recform", daemon=True).start()
        threading.stack_size(before)

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    async def run(self, function: Callable[[], _T]) -> _T:
        """What a function returns, or raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()

        def settle(method: Callable[[Any], None], value: object) -> None:
            if not future.done():
                method(value)

        def job() -> None:
            method: Callable[[Any], None] = future.set_result
            value: object
            try:
                value = function()
            except BaseException as error:
                method, value = future.set_exception, error
            with suppress(RuntimeError):  # the loop is gone, and who asked with it
                loop.call_soon_threadsafe(settle, method, value)

        self._jobs.put(job)
        return await future
