"""How long an editor waits for `recform lsp`: from an edit to what is wrong with the file.

Each file of the zoo is opened, then edited some times (a comment at its end), by a client
over the standard streams of a process: from the edit that is sent to the diagnostics that
come back, on the wall. Beside it stands the time of the processor that the same takes in this
process, which other programs on the machine change less. Both are medians over the edits.

    python benchmarks/editor.py [--edits 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from lsprotocol import types

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from recform.editor.checked import compiled  # noqa: E402
from recform.source import Source  # noqa: E402
from tests.editor.client import Client  # noqa: E402

#: What the server is built for, in seconds.
WANTED = 0.15


@dataclass(frozen=True)
class Taken:
    """Seconds of the processor, and on the wall."""

    processor: float
    wall: float


def taken(client: Client, path: Path, edits: int) -> Taken:
    """The medians of the edits of a file."""
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
    return Taken(statistics.median(processor), statistics.median(wall))


def main() -> None:
    """Measures, prints, and writes the times as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edits", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    files = sorted((ROOT / "examples" / "zoo").glob("*.rf"))
    with Client() as client:
        found = {path.name: taken(client, path, options.edits) for path in files}
    print("milliseconds                     processor   wall")
    for name in sorted(found, key=lambda name: -found[name].processor)[:10]:
        item = found[name]
        print(f"{name:32} {1000 * item.processor:9.0f} {1000 * item.wall:6.0f}")
    for what in ("processor", "wall"):
        values = [getattr(item, what) for item in found.values()]
        quick = sum(value < WANTED for value in values)
        print(
            f"{what}: {quick} of {len(found)} files in less than "
            f"{1000 * WANTED:.0f} ms, median {1000 * statistics.median(values):.0f} ms"
        )
    if options.json:
        data = {name: asdict(item) for name, item in found.items()}
        options.json.write_text(json.dumps(data, indent=2) + "\n")


if __name__ == "__main__":
    main()
