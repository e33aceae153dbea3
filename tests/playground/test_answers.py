"""What the page shows is what the terminal and editors have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recform.compiler import compile_source, from_text
from recform.playground.answers import _QUESTIONS, Desk
from recform.render.placing.renderer import PINNED, find
from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
LINE = "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n"


class Page:
    """Asks as the page does."""

    def __init__(self) -> None:
        files = ("language/using.rf", "language/blocks.rf")
        self._desk = Desk(
            find(PINNED), {name: (EXAMPLES / name).read_text() for name in files}
        )

    def __call__(self, about: str, **options: Any) -> Any:
        return json.loads(self._desk.answer(json.dumps({"ask": about, **options})))

    def open(self, text: str, name: str = "formula.rf") -> Any:
        self("open", text=text, name=name)
        return self("check")


@pytest.fixture
def page() -> Page:
    return Page()


def test_code_and_picture_are_those_of_the_compiler(page: Page) -> None:
    page.open(LINE, "one.rf")
    (compiled,) = compile_source(from_text(LINE, "one.rf"))
    assert page("code")["code"] == compiled.source
    svg = page("picture", network=None, view="paths", legend=True)["svg"]
    asked = {"view": "paths", "legend": True, "renderer": PINNED}
    assert svg.encode() == compiled.picture("svg", **asked)
    tikz = page("picture", network=None, view="paths", legend=True, form="tikz")
    assert tikz["tikz"].encode() == compiled.picture("tikz", **asked)


def test_a_file_is_found_among_those_that_the_page_holds(page: Page) -> None:
    text = (EXAMPLES / "language/using.rf").read_text()
    assert page.open(text, "language/using.rf")["networks"] == ["Small"]
    (problem,) = page.open(text, "elsewhere/using.rf")["diagnostics"]
    assert (problem["code"], problem["range"]) == ("RF001", [80, 95])


def test_places_count_as_javascript_does(page: Page) -> None:
    found = page.open(f"# 𝔛\nstem conv(3, 64) > rleu\n{LINE}")
    (problem,) = found["diagnostics"]
    # One letter of the comment is two units.
    assert problem["range"] == [5 + 19, 5 + 23]
    (fix,) = page("fixes")["fixes"]
    assert (fix["mends"], fix["text"], fix["start"]) == (0, "relu", 24)
    told = page("hover", at=5 + 6)
    assert told["text"].startswith("```rf\nconv(")
    assert (told["start"], told["end"]) == (10, 14)
    colours = page("open", text=f"# 𝔛\n{LINE}", name="formula.rf")["colours"]
    assert colours[0] == [0, 4, "comment"]
    labels = [item["label"] for item in page("complete", at=5)["proposals"]]
    assert "stem" in labels


def test_mistakes_are_told_in_place_of_what_cannot_be_made(page: Page) -> None:
    wrong = page.open("X_i = X_<i-1> + W_i X_<i-1>\n")
    assert wrong["networks"] == []
    assert "= hint: write W_i*X_<i-1>" in wrong["diagnostics"][0]["text"]
    for about in ("code", "summary", "paths", "derivation"):
        assert [d["code"] for d in page(about)["diagnostics"]] == ["RF104"]
    assert "diagnostics" in page("picture", network=None, view="step")


def test_shapes_that_do_not_meet_are_drawn(page: Page) -> None:
    page.open("adapter none\nX_i = X_<i-1> + W_i*X_<i-1>\n")
    assert 's-wrong"' in page("picture", network=None, view="step")["svg"]


def test_a_network_of_several_is_chosen(page: Page) -> None:
    both = f"network A\n{LINE}network B\nX_i = W_i*X_<i-1>\n"
    assert page.open(both)["networks"] == ["A", "B"]
    assert "B: block" in page("picture", network="B", view="step")["svg"]
    assert "class A(" in (code := page("code")["code"]) and "class B(" in code


def test_reports_are_those_of_the_terminal(page: Page) -> None:
    page.open(LINE)
    assert "\x1b[1mFormula\x1b[0m" in page("summary")["text"]
    assert "dX_L/dX_<L-2> = 1 + W_L + W_L*W_<L-1>" in page("paths")["text"]
    assert "paths    skip* W*" in page("derivation")["text"]
    page.open("paths skip* pass*\n")
    assert LINE.replace("+", " + ").strip() in page("derivation")["text"]


def test_the_page_asks_nothing_that_is_not_answered() -> None:
    """The names of questions stand in two languages."""
    told = Path(REPOSITORY / "playground/src/answers.ts").read_text()
    asked = told.partition("export interface Questions {")[2].partition("}\n\n")[0]
    names = [line.split(":")[0].strip() for line in asked.splitlines() if line]
    assert names == list(_QUESTIONS)
