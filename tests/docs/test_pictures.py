"""docs/pictures is what recform draws now, and each example can be drawn."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from recform.compiled import Compiled
from recform.compiler import compile_source, from_text, read
from recform.diagnostics import CompileError
from recform.render import View
from tests.thinned import small, thinned
from website.drawn import picture

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT / "examples" / "paper"
FOLDER = ROOT / "docs" / "pictures"
#: What the pages show: the formula and the view, by the name of the file.
SHOWN = {
    "eq20-paths.svg": (PAPER / "eq20.rf", View.paths),
    "momentum-step.svg": (ROOT / "docs" / "first.md", View.step),
    "one_line-step.svg": (PAPER / "one_line.rf", View.step),
}
#: Why a picture is refused: the formula has no paths in the sense of the analysis.
NO_PATHS = re.compile(r"RF6[0-5]\d")


def first(path: Path) -> Compiled:
    if path.suffix == ".md":
        text = re.findall(r"```rf\n(.*?)```", path.read_text(), re.DOTALL)[1]
        return compile_source(from_text(text, "momentum.rf"))[0]
    source, folder = read(path)
    return compile_source(source, small(path), folder)[0]


@pytest.mark.golden
@pytest.mark.parametrize("name", SHOWN)
def test_pictures_are_up_to_date(name: str, request: pytest.FixtureRequest) -> None:
    drawn = picture(first(SHOWN[name][0]), SHOWN[name][1])
    if request.config.getoption("--update-goldens"):
        (FOLDER / name).write_text(drawn, encoding="utf-8")
    assert (FOLDER / name).read_text(encoding="utf-8") == drawn, "run `make goldens`"


def test_there_are_no_others() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(SHOWN)
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = re.findall(
        r"!\[[^\]]+\]\(\S*?([\w-]+\.svg)\)", "".join(p.read_text() for p in pages)
    )
    assert set(shown) == set(SHOWN)


@pytest.mark.parametrize(
    "path",
    thinned(sorted((ROOT / "examples").rglob("*.rf")), 15, lambda path: path.stem),
)
def test_each_example_is_drawn(path: Path) -> None:
    """Every view of it, but paths where the formula has none."""
    compiled = first(path)
    for view in View:
        try:
            drawn = picture(compiled, view)
        except CompileError as error:
            assert view is View.paths and NO_PATHS.match(error.diagnostics[0].code)
            continue
        assert ElementTree.fromstring(drawn).tag.endswith("svg")
