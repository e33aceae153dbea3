"""A built page on this machine: static files, for one's own browser alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from recform.diagnostics import refuse
from recform.files import reason

#: Where `make playground` puts the page.
BUILT = Path(__file__).resolve().parents[2] / "build" / "playground"
_ADDRESS = "127.0.0.1"


class _Files(SimpleHTTPRequestHandler):
    """The files of a folder; browsers want to know what WebAssembly is."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".wasm": "application/wasm",
        ".mjs": "text/javascript",
        ".js": "text/javascript",
        ".gz": "application/octet-stream",
    }

    def end_headers(self) -> None:
        # A page that was built anew is asked for; one that was not is taken as it is.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads a line for each file."""


def serve(folder: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serves the page until it is interrupted.

    Args:
        folder: where it was built.
        port: of this machine; 0 for any that is free.
        ready: is told the page's address.

    Raises:
        CompileError: if there is no page, or the port cannot be had (RF548).
    """
    if not (folder / "index.html").is_file():
        refuse(
            "RF548",
            f"there is no playground in {folder.as_posix()}",
            "make playground builds it in a checkout, with npm; --folder names another place",
        )
    try:
        server = ThreadingHTTPServer(
            (_ADDRESS, port), partial(_Files, directory=str(folder))
        )
    except OSError as error:
        refuse(
            "RF548",
            f"port {port} cannot be had: {reason(error)}",
            "--port names another one; 0 takes any that is free",
        )
    with server:
        ready(f"http://{_ADDRESS}:{server.server_port}/")
        server.serve_forever()
