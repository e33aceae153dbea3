"""docs/diagrams.md is run, and docs/gallery is what the examples look like now."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from recform.render import Format, View
from tests.warm import shell

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "diagrams.md").read_text()
GALLERY = ROOT / "docs" / "gallery"


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_gallery", ROOT / "docs" / "make_gallery.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def test_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, scope)
    assert scope["svg"]


def test_console(folder: Path) -> None:
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            result = shell(folder, command)
            shown = (result.stdout + result.stderr).splitlines()
            for line in expected.splitlines():
                assert line == "..." or line in shown, (command, line, shown)
            target = re.search(r"-o (\S+)", command)
            if target:
                assert (folder / target[1]).stat().st_size > 500


def test_the_page_names_every_view_and_format() -> None:
    for view in View:
        assert f"--view {view.value}" in PAGE
    for form in Format:
        assert f"`.{form.value}`" in PAGE


@pytest.mark.long
def test_the_gallery_has_every_example_and_nothing_else() -> None:
    module = maker()
    pictures = module.pictures()
    assert {path.name for path in GALLERY.glob("*.svg")} == set(pictures)
    steps = [name for name, (_, view) in pictures.items() if view is View.step]
    for name in steps:
        compiled, view = pictures[name]
        drawn = module.picture(compiled, view)[1]
        assert (GALLERY / name).read_bytes() == drawn, "make gallery"
    page = (GALLERY / "README.md").read_text()
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert (GALLERY / target).exists(), target
    for path in (ROOT / "examples").rglob("*.rf"):
        assert f"](../../{path.relative_to(ROOT).as_posix()})" in page
    for name, (_, compiled) in module.networks().items():
        row = f"| [{compiled.name}]({name}-network.svg) | "
        assert f"{row}{compiled.graph.totals.parameters:,} |" in page
