"""editors/vscode: what needs no npm. `make test-vscode` has the rest."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from pygments.token import Whitespace

import recform
from recform.formatter import formatted
from recform.highlight import RULES
from recform.render import View
from recform.source import Source

FOLDER = Path(__file__).resolve().parents[2] / "editors" / "vscode"
PACKAGE = json.loads((FOLDER / "package.json").read_text())
SNIPPETS = json.loads((FOLDER / "snippets" / "recform.json").read_text())
#: What uses the names that some snippets declare.
USES = {
    "Squeeze and excitation": "X_i = X_<i-1> + SE(W_i*X_<i-1>)",
    "Learned number": "X_i = X_<i-1> + g_i*W_i*X_<i-1>",
    "Residual operator": "X_i = X_<i-1> + W_i*X_<i-1>",
    "Stages": "X_i = X_<i-1> + W_i*X_<i-1>",
}


def test_the_grammar_is_that_of_the_lexer() -> None:
    made: dict[str, Any] = runpy.run_path(str(FOLDER / "make_grammar.py"))
    assert made["PATH"].read_text() == made["grammar"](), "make grammar"
    kinds = {kind for rule in RULES for kind in rule.kinds}
    assert {kind for kind in kinds if not made["scope"](kind)} == {Whitespace}


def written(body: list[str]) -> str:
    """A snippet as it stands in a file when nothing is typed into it."""
    text = "\n".join(body)
    usual = dict(re.findall(r"\$\{(\d):([^{}]*)\}", text))
    return re.sub(
        r"\$(?:(\d)|\{(\d):[^{}]*\})", lambda m: usual.get(m[1] or m[2], ""), text
    )


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippets(name: str) -> None:
    text = written(SNIPPETS[name]["body"]) + "\n"
    assert formatted(Source("snippet.rf", text)) == text
    assert recform.compile(text + USES.get(name, "")).warnings == ()


def test_views_are_those_of_recform() -> None:
    settings = PACKAGE["contributes"]["configuration"]["properties"]
    assert settings["recform.preview.view"]["enum"] == [view.value for view in View]


def test_every_file_that_is_named_is_there() -> None:
    named = re.findall(r'"\./([^"]+\.json)"', (FOLDER / "package.json").read_text())
    assert len(named) == 3
    for name in named:
        assert json.loads((FOLDER / name).read_text()), name
        assert f"!{name}" in (FOLDER / ".vscodeignore").read_text().splitlines()
