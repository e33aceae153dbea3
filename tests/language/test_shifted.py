"""Equations that are said for a block ahead: the same networks, letter by letter."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from recform.compiler import compile_source, from_text
from recform.contents import KEYWORDS
from recform.diagnostics import CompileError, Diagnostics
from recform.source import Source
from recform.syntax.statements import statements
from tests.oracle import files
from tests.oracle.search import REFUSED_STAGES, refusal, tries
from tests.oracle.wider import wider

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
#: The equation of all blocks, of one unknown or of several.
EQUATION = re.compile(r"\w+_(i(?!\w)|<i\b)[^=]*=")
DRAWN = st.one_of(
    files.recurrences(1, 6),
    files.recurrences(1, 4, staged=True),
    files.split_starts(1, 6),
    files.timed(1, 4),
    wider(1, 5),
)


def shifted(source: Source, distance: int) -> str:
    """A file whose equations of all blocks have ``i+distance`` in the place of ``i``."""
    text = source.text
    for span in reversed(statements(source, Diagnostics())):
        word = re.match(r"\w*", span.text)
        if EQUATION.match(span.text) and word and word[0] not in KEYWORDS:
            indexed = re.sub(r"_i(?!\w)", "_<i>", span.text)
            moved = re.sub(r"(?<![\w'])i(?![\w'])", f"(i{distance:+})", indexed)
            text = text[: span.start] + moved + text[span.end :]
    return text


def code(source: Source) -> str:
    """The code of all networks of a file, without what is said of the formula."""
    made = []
    for network in compile_source(source):
        tree = ast.parse(network.source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                is_text = ast.get_docstring(node) is not None
                node.body = node.body[is_text:] or [ast.Pass()]
        made.append(ast.unparse(tree))
    return "\n".join(made)


@pytest.mark.parametrize("name", ["boundary", "densenet", "history", "revnet", "twice"])
def test_examples(name: str) -> None:
    path = EXAMPLES / "language" / f"{name}.rf"
    source = from_text(path.read_text(encoding="utf-8"), path.name)
    ahead = shifted(source, 1)
    assert ahead != source.text
    assert code(from_text(ahead, path.name)) == code(source)


@tries(4)
@given(DRAWN, st.sampled_from((1, 2, -1)))
def test_random_files(text: str, distance: int) -> None:
    # A `j` is that of block i.
    source = from_text(re.sub(r"\bj\b", "i", text))
    try:
        wanted = code(source)
    except CompileError as error:
        event(refusal(error, REFUSED_STAGES))
        return
    assert code(from_text(shifted(source, distance))) == wanted
