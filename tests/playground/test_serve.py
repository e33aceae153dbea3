"""The page on this machine: `recform playground`."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing
from io import BytesIO
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from recform.cli.app import app
from recform.diagnostics import CompileError
from recform.playground.modules import PACKAGES, packed
from recform.playground.serve import Page, page, serve
from recform.syntax.grammar import grammar_path
from tests.conftest import REPOSITORY


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "pyodide").mkdir()
    (tmp_path / "pyodide" / "a.wasm").write_bytes(b"\0asm")
    return tmp_path


def served(shown: Page) -> str:
    """The address of a page, which is served while the tests run."""
    address: list[str] = []
    known = threading.Event()

    def ready(found: str) -> None:
        address.append(found)
        known.set()

    threading.Thread(target=serve, args=(shown, 0, ready), daemon=True).start()
    assert known.wait(10)
    return address[0]


def read(address: str) -> bytes:
    with closing(urlopen(address)) as answer:
        data: bytes = answer.read()
    return data


def refused(address: str) -> int:
    with pytest.raises(HTTPError) as found:
        urlopen(address)
    found.value.close()
    return found.value.code


def test_files_of_the_page_are_served_and_nothing_else(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built.parent)
    address = served(page(Path(built.name)))
    assert read(address) == b"<!doctype html>"
    with closing(urlopen(f"{address}pyodide/a.wasm")) as wasm:
        assert wasm.headers["Content-Type"] == "application/wasm"
    for path in ("pyodide/", "../../etc/passwd", "none", "python.json"):
        assert refused(f"{address}{path}") == 404


def test_a_light_page_gets_python_from_a_folder(built: Path, tmp_path: Path) -> None:
    (built / "python.json").write_text('{"home": "https://host/", "memory": true}')
    home = tmp_path / "deep" / "elsewhere"
    home.mkdir(parents=True)
    (home / "pyodide.mjs").write_text("export")
    (home.parent / "secret").write_text("secret")
    address = served(page(built, home))
    assert json.loads(read(f"{address}python.json?1")) == {
        "home": "pyodide/",
        "memory": False,
    }
    assert read(f"{address}pyodide/pyodide.mjs") == b"export"
    assert refused(f"{address}pyodide/a.wasm") == 404
    assert refused(f"{address}pyodide/%2e%2e/secret") == 404
    assert read(f"{address}files.zip?1") == packed()
    # Without the option it is what the page says, from where it says.
    plain = served(page(built))
    assert json.loads(read(f"{plain}python.json"))["home"] == "https://host/"


def test_modules_of_a_page() -> None:
    with ZipFile(BytesIO(packed())) as archive:
        names = archive.namelist()
        read = archive.read("recform/grammars/recform.lark")
    assert read == grammar_path().read_bytes()
    assert len(set(names)) == len(names)
    assert {name.split("/")[0] for name in names} == {*PACKAGES, "recform"}
    assert not [name for name in names if "tests/" in name or "/page/" in name]
    assert "sympy/core/expr.py" in names
    # What is built into the whole page has versions of its own.
    wanted = (REPOSITORY / "playground" / "requirements.txt").read_text().splitlines()
    assert [line.split("==")[0] for line in wanted if line[0] != "#"] == [*PACKAGES]


@pytest.mark.parametrize(
    ("folder", "pyodide", "said"),
    [("", None, "there is no playground in"), ("page", "", "there is no Pyodide in")],
)
def test_what_is_not_there_is_told(
    folder: str, pyodide: str | None, said: str, tmp_path: Path
) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("")
    with pytest.raises(CompileError, match=f"RF548.*{said}"):
        page(tmp_path / folder, None if pyodide is None else tmp_path / pyodide)


def test_a_port_that_is_taken_is_told(built: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CompileError, match=rf"port {port} cannot be had"):
            serve(page(built), port, print)


def test_a_page_has_no_plugins() -> None:
    result = CliRunner().invoke(
        app, ["playground", "--plugin", "mine.py", "--no-browser"]
    )
    assert result.exit_code == 2
    assert "which has no plugins" in result.output
    assert "--plugin" not in CliRunner().invoke(app, ["playground", "--help"]).output
