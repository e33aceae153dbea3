"""The table of docs/zoo.md on examples/modern, and that nothing there is unjudged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.examples.modern.judges import JUDGES, MODERN, table

TESTS = Path(__file__).parents[2]
PAGE = TESTS.parent / "docs" / "zoo.md"
BEGIN, END = "<!-- modern: begin -->\n", "<!-- modern: end -->"


def test_every_network_is_judged() -> None:
    assert sorted(JUDGES) == sorted(path.stem for path in MODERN.glob("*.rf"))
    tests = "".join(p.read_text() for p in TESTS.rglob("test_*.py"))
    assert [name for name in JUDGES if not re.search(rf"\b{name}\b", tests)] == []


@pytest.mark.golden
def test_page(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    wanted = f"{before}{BEGIN}{table()}{END}{after}"
    if request.config.getoption("--update-goldens"):
        PAGE.write_text(wanted, encoding="utf-8")
        return
    assert text == wanted, "run `make goldens`"
