"""The page on this machine: `recform playground`."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

from recform.cli.app import app
from recform.diagnostics import CompileError
from recform.playground.serve import serve


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "pyodide").mkdir()
    (tmp_path / "pyodide" / "a.wasm").write_bytes(b"\0asm")
    return tmp_path


def test_files_of_the_page_are_served_and_nothing_else(built: Path) -> None:
    address: list[str] = []
    known = threading.Event()

    def ready(found: str) -> None:
        address.append(found)
        known.set()

    threading.Thread(target=serve, args=(built, 0, ready), daemon=True).start()
    assert known.wait(10)
    with closing(urlopen(address[0])) as page:
        assert page.read() == b"<!doctype html>"
    with closing(urlopen(f"{address[0]}pyodide/a.wasm")) as wasm:
        assert wasm.headers["Content-Type"] == "application/wasm"
    for path in ("pyodide/", "../../etc/passwd", "none"):
        with pytest.raises(HTTPError) as found:
            urlopen(f"{address[0]}{path}")
        assert found.value.code == 404
        found.value.close()


def test_a_page_that_was_not_built_is_told(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"RF548.*there is no playground"):
        serve(tmp_path, 0, print)


def test_a_port_that_is_taken_is_told(built: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CompileError, match=rf"port {port} cannot be had"):
            serve(built, port, print)


def test_a_page_has_no_plugins() -> None:
    result = CliRunner().invoke(
        app, ["playground", "--plugin", "mine.py", "--no-browser"]
    )
    assert result.exit_code == 2
    assert "which has no plugins" in result.output
