"""A generated file run in a process of its own, of which only a whole answer counts."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, NoReturn

from recform.diagnostics import Diagnostics, refuse
from recform.files import Kind, read_source
from recform.verify.observe import Observation
from recform.verify.worker import ANSWER, EXAMPLES, READY, STATE

if TYPE_CHECKING:
    import torch

#: How many lines of what the file prints are handed on, and how long they may be.
_LINES, _LONG = 20, 200
#: How many seconds Python and torch may take to start.
_START = 120.0
_MODULE = Kind("Python file", ".py", 2**28)


@dataclass
class Apart:
    """A process that waits to run a file.

    Attributes:
        file: the generated file.
        printed: the first lines of what it printed.
    """

    file: Path
    process: subprocess.Popen[bytes]
    folder: Path
    printed: list[str] = field(default_factory=list)

    def observe(
        self,
        name: str,
        state: dict[str, torch.Tensor],
        start: Sequence[torch.Tensor],
        seconds: float,
    ) -> Observation:
        """What the network of this name does.

        Args:
            name: of its class.
            state: what is loaded into it.
            start: the examples, for each input.
            seconds: how long it may take.

        Raises:
            CompileError: if it cannot be run (RF605, RF608), has other parameters
                (RF610), or gives no answer (RF609).
        """
        from safetensors.torch import save_file

        examples = {str(number): given for number, given in enumerate(start)}
        save_file(examples, self.folder / EXAMPLES)
        save_file(state, self.folder / STATE)
        word = secrets.token_hex(16)
        order = {"file": str(self.file), "name": name, "word": word}
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        ended = self._ended(order, seconds)
        if ended is None:
            self._fails("RF609", f"gave no answer within {seconds:.0f} seconds")
        reader.join(5)
        answer = self._answer(word, 10 * (_bytes(state) + _bytes(examples)))
        if answer is None or ended != 0:
            how = f"signal {-ended}" if ended < 0 else f"status {ended}"
            self._fails("RF609", f"ended its process ({how}) before all was tried")
        tensors, said = answer
        if said["failed"] is not None:
            self._unusable(name, *said["failed"])
        return Observation(tensors, said["facts"])

    def _ended(self, order: dict[str, str], seconds: float) -> int | None:
        """The exit status; None if it did not end in time."""
        started = time.monotonic()
        while not (self.folder / READY).exists() and self.process.poll() is None:
            if time.monotonic() - started > _START:
                return None
            time.sleep(0.01)
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.close()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def _read(self) -> None:
        """What is printed is read to its end, so that nobody waits, and kept in part."""
        stream: IO[bytes] | None = self.process.stdout
        assert stream is not None
        with suppress(ValueError, OSError):
            while line := stream.readline(_LONG):
                if len(self.printed) < _LINES:
                    text = line.decode("utf-8", "replace").rstrip()
                    self.printed.append("".join(c for c in text if c.isprintable()))

    def _answer(
        self, word: str, most: int
    ) -> tuple[dict[str, torch.Tensor], Any] | None:
        """The tensors and what is said of them; None if the answer is not whole."""
        from safetensors import safe_open

        path = self.folder / ANSWER
        try:
            if path.is_symlink() or path.stat().st_size > most + 2**24:
                return None
            with safe_open(path, "pt") as file:
                text = file.metadata()
                if text["word"] != word:
                    return None
                said = json.loads(text["said"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except Exception:  # Whatever is wrong with it, it is no answer.
            return None
        return (tensors, said) if _is_said(said) else None

    def _unusable(self, name: str, phase: str, why: str) -> NoReturn:
        if phase in ("the file", "its constructor"):
            self._fails("RF605", f"gives no network {name}: {why}")
        if phase == "its parameters":
            self._fails("RF610", f"has other parameters than {name}: {why}")
        self._fails("RF608", f"fails at {phase}: {why}")

    def _fails(self, code: str, what: str) -> NoReturn:
        file = self.file.as_posix()
        command = (
            f"recform compile FILE.rf -o {file if file.endswith('.py') else 'OUT.py'}"
        )
        hints = {
            "RF605": command,
            "RF610": f"{command}, with the same --set; --for inference makes one layer of "
            "several, so such a file has others",
        }
        refuse(code, f"{file} {what}", hints.get(code, ""), file=file)


@contextmanager
def apart(file: Path) -> Iterator[Apart]:
    """Starts a process for a file, and ends it.

    It is started early, for it has to import torch before it can begin.

    Raises:
        CompileError: if there is no such file, or it is no text (RF001, RF002, RF006).
    """
    report = Diagnostics()
    read_source(file, report, kind=_MODULE)
    report.check()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with TemporaryDirectory(prefix="recform") as folder:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "recform.verify.worker", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            # What it starts itself ends with it.
            start_new_session=True,
        )
        try:
            yield Apart(file, process, Path(folder))
        finally:
            with suppress(OSError):
                if sys.platform != "win32":
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with suppress(OSError):
                    if stream is not None:
                        stream.close()


def _bytes(tensors: dict[str, torch.Tensor]) -> int:
    return sum(int(t.numel()) * int(t.element_size()) for t in tensors.values())


def _is_said(said: object) -> bool:
    if not isinstance(said, dict) or set(said) != {"facts", "failed"}:
        return False
    facts, failed = said["facts"], said["failed"]
    texts = [*facts, *facts.values()] if isinstance(facts, dict) else [None]
    if isinstance(failed, list) and len(failed) == 2:
        texts += failed
    elif failed is not None:
        return False
    return all(isinstance(text, str) for text in texts)
