"""How long an editor waits for `recform lsp`: from an edit to what is wrong with the file.

Each file of the zoo is opened and edited (a comment at its end) by a client over the standard
streams of a process: from the edit that is sent to the diagnostics that come back, on the
wall. Beside it stands the time of the processor that the same takes in this process, which
other programs on the machine change less.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types
from table import EXAMPLES, Asked, Figure

from recform.editor.checked import compiled
from recform.source import Source
from tests.editor.client import Client

#: What the server is built for, in seconds.
WANTED = 0.15


def taken(client: Client, path: Path, edits: int) -> tuple[float, float]:
    """Seconds of the processor, and on the wall: medians of the edits of a file."""
    uri, text = path.as_uri(), path.read_text()
    client.write(uri, text)
    client.settled(uri)
    wall, processor = [], []
    for number in range(edits):
        edited = f"{text}# {number}\n"
        start = time.perf_counter()
        client.write(uri, edited)
        found = client.diagnostics(uri)
        wall.append(time.perf_counter() - start)
        if any(item.severity is types.DiagnosticSeverity.Error for item in found):
            raise SystemExit(f"{path.name} is wrong: {found[0].message}")
        client.settled(uri)
        start = time.process_time()
        compiled(Source(path.name, edited), path.parent)
        processor.append(time.process_time() - start)
    return statistics.median(processor), statistics.median(wall)


def figures(asked: Asked) -> Iterator[Figure]:
    """The median file, and the slowest one."""
    files = sorted((EXAMPLES / "zoo").glob("*.rf"))
    with Client() as client:
        found = [taken(client, path, asked.turns(3)) for path in files]
    processor, wall = zip(*found, strict=True)
    yield Figure("an edit to its diagnostics, median file", processor, "s", WANTED)
    yield Figure("the same on the wall", wall, "s")
    over = sum(value > WANTED for value in processor)
    yield Figure(f"files of {len(files)} that take more", [over], "files", 1)
