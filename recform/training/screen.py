"""What one sees of a run: a live line and a row an epoch; TensorBoard's events beside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from recform.diagnostics import refuse
from recform.files import Json, reason


class Screen(Protocol):
    """Is told of a run while it goes on."""

    def begin(self, steps: int, epochs: int, done: int) -> None:
        """The run begins, or goes on.

        Args:
            steps: of an epoch.
            epochs: of the run.
            done: steps that were made before.
        """
        ...

    def step(self, step: int) -> None:
        """So many steps are made."""
        ...

    def epoch(self, line: Json, per_second: float | None) -> None:
        """An epoch is over.

        Args:
            line: of the metrics.
            per_second: examples; None where the epoch was interrupted.
        """
        ...

    def testing(self) -> None:
        """The epochs are over."""
        ...


class Silent:
    """Shows nothing."""

    def begin(self, steps: int, epochs: int, done: int) -> None: ...

    def step(self, step: int) -> None: ...

    def epoch(self, line: Json, per_second: float | None) -> None: ...

    def testing(self) -> None: ...


class Live:
    """A line that moves, where there is a terminal, and a row an epoch.

    Args:
        title: of the run.
        console: where to.
        events: the folder for TensorBoard.
    """

    def __init__(self, title: str, console: Console, events: Path) -> None:
        self._title, self._console, self._events = title, console, events
        self._bar: Progress | None = None
        self._task: Any = None
        self._writer: Any = None
        self._shown = 0.0
        self._hook = threading.excepthook

    def begin(self, steps: int, epochs: int, done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._hook, threading.excepthook = threading.excepthook, self._ended
        # What was written behind the checkpoint is not shown twice.
        with self._writing():
            self._writer = SummaryWriter(str(self._events), purge_step=done + 1)
        if done:
            self._console.print(f"goes on behind step {done:,} of {steps * epochs:,}")
        self._console.print(
            f"{'epoch':>6} {'loss':>8} {'right':>7} {'held out':>9} {'lr':>8} {'per s':>8}"
        )
        if not self._console.is_terminal:
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._bar.start()
        self._task = self._bar.add_task(
            self._title, total=steps * epochs, completed=done
        )

    def step(self, step: int) -> None:
        if self._bar is not None and time.monotonic() - self._shown > 0.1:
            self._shown = time.monotonic()
            self._bar.update(self._task, completed=step)

    def epoch(self, line: Json, per_second: float | None) -> None:
        held, rate = line["validation_accuracy"], per_second
        self._console.print(
            f"{line['epoch']:>6} {line['loss']:>8.4f} {line['accuracy']:>7.2%} "
            f"{'-' if held is None else f'{held:.2%}':>9} {line['lr']:>8.2g} "
            f"{'-' if rate is None else f'{rate:,.0f}':>8}",
            highlight=False,
        )
        names = ("loss", "accuracy", "validation_loss", "validation_accuracy", "lr")
        with self._writing():
            for name in names:
                if line[name] is not None:
                    self._writer.add_scalar(name, line[name], line["step"])
            self._writer.flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Within this, events are written; a CompileError says if they cannot be (RF503)."""
        try:
            yield
        except OSError as error:
            text = f"{self._events} cannot be written: {reason(error)}"
            refuse("RF503", text, "make room for it, and go on")

    def _ended(self, args: threading.ExceptHookArgs) -> None:
        """Of the thread that writes events, the next call tells the same."""
        mine = type(args.thread).__module__.startswith("tensorboard.")
        if not (mine and isinstance(args.exc_value, OSError)):
            self._hook(args)

    def testing(self) -> None:
        self.close()

    def close(self) -> None:
        """Takes the line away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if threading.excepthook == self._ended:
            threading.excepthook = self._hook
