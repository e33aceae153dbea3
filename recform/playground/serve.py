"""A built page on this machine: static files, for one's own browser alone.

The page is whole, with Pyodide and a snapshot of its memory (`build/playground`), or it is the
light one, which is in the wheel: that takes Pyodide from a host or from a folder on this
machine, and recform with its packages from the Python that serves it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from recform.diagnostics import refuse
from recform.files import reason
from recform.playground.modules import packed

_HERE = Path(__file__).resolve()
#: Where `make playground` puts the whole page, and the light one, which a wheel carries.
BUILT = _HERE.parents[2] / "build" / "playground"
LIGHT = _HERE.with_name("page")
_ADDRESS = "127.0.0.1"
#: Where a page has Pyodide that is not on another host.
_HOME = "pyodide"


@dataclass(frozen=True)
class Page:
    """What is served.

    Attributes:
        folder: where it was built.
        pyodide: a folder with the Pyodide that it takes; None for what it names itself.
    """

    folder: Path
    pyodide: Path | None = None

    @cached_property
    def made(self) -> dict[str, Callable[[], bytes]]:
        """Files that are made here, by their paths."""
        found: dict[str, Callable[[], bytes]] = {}
        if not (self.folder / "files.zip").is_file():
            found["/files.zip"] = packed
        if self.pyodide is not None:
            # A snapshot of memory fits the Pyodide alone that it was made with.
            where = json.dumps({"home": f"{_HOME}/", "memory": False}).encode()
            found["/python.json"] = lambda: where
        return found


def page(folder: Path | None = None, pyodide: Path | None = None) -> Page:
    """The page in a folder; if none is named, the whole one if it was built, or the light one.

    Raises:
        CompileError: if a folder has not what it should have (RF548).
    """
    if folder is None:
        folder = next((at for at in (BUILT, LIGHT) if _has(at, "index.html")), BUILT)
    if not _has(folder, "index.html"):
        refuse(
            "RF548",
            f"there is no playground in {folder.as_posix()}",
            "make playground builds it in a checkout, with npm; --folder names another place",
        )
    if pyodide is not None and not _has(pyodide, "pyodide.mjs"):
        refuse(
            "RF548",
            f"there is no Pyodide in {pyodide.as_posix()}",
            "pyodide.mjs is there, as in node_modules/pyodide after `npm install pyodide`",
        )
    return Page(folder.absolute(), pyodide and pyodide.absolute())


def _has(folder: Path, name: str) -> bool:
    return (folder / name).is_file()


class _Files(SimpleHTTPRequestHandler):
    """The files of a page; browsers want to know what WebAssembly is."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".wasm": "application/wasm",
        ".mjs": "text/javascript",
        ".js": "text/javascript",
    }

    def __init__(self, *arguments: Any, page: Page) -> None:
        self._page = page
        super().__init__(*arguments, directory=str(page.folder))

    def send_head(self) -> BytesIO | BinaryIO | None:
        made = self._page.made.get(urlsplit(self.path).path)
        if made is None:
            return super().send_head()
        data = made()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(urlsplit(self.path).path))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        return BytesIO(data)

    def translate_path(self, path: str) -> str:
        # Without `..`, which the parent takes out.
        found = super().translate_path(path)
        here = Path(found).relative_to(self._page.folder)
        if self._page.pyodide is None or here.parts[:1] != (_HOME,):
            return found
        return str(self._page.pyodide.joinpath(*here.parts[1:]))

    def end_headers(self) -> None:
        # A page that was built anew is asked for; one that was not is taken as it is.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads a line for each file."""


def serve(page: Page, port: int, ready: Callable[[str], None]) -> None:
    """Serves a page until it is interrupted.

    Args:
        page: what is served.
        port: of this machine; 0 for any that is free.
        ready: is told the page's address.

    Raises:
        CompileError: if the port cannot be had (RF548).
    """
    try:
        server = ThreadingHTTPServer((_ADDRESS, port), partial(_Files, page=page))
    except OSError as error:
        refuse(
            "RF548",
            f"port {port} cannot be had: {reason(error)}",
            "--port names another one; 0 takes any that is free",
        )
    with server:
        ready(f"http://{_ADDRESS}:{server.server_port}/")
        server.serve_forever()
