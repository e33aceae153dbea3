"""Colours: the lexer of Pygments knows every example, and half-written ones."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pygments.token import Error, Token

from recform.highlight import RecformLexer

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").rglob("*.rf"))
TEXTS = [path.read_text() for path in EXAMPLES]


def test_it_is_found_by_name() -> None:
    (found,) = entry_points(group="pygments.lexers", name="recform")
    assert found.load() is RecformLexer


def test_every_example() -> None:
    for text in TEXTS:
        found = list(RecformLexer(ensurenl=False, stripnl=False).get_tokens(text))
        assert "".join(word for _, word in found) == text
        assert not [word for kind, word in found if kind in Error]


def test_what_is_what() -> None:
    text = 'network Net\nW = conv(3, c) > "a":bn # x\nX_<i-1> = relu(W_i*X_0)\n'
    kinds = {word: kind for kind, word in RecformLexer().get_tokens(text)}
    assert kinds["network"] is Token.Keyword.Declaration
    assert kinds["Net"] is Token.Name.Class
    assert kinds["conv"] is kinds["bn"] is kinds["relu"] is Token.Name.Builtin
    assert kinds["i-1"] is kinds["_0"] is Token.Name.Variable.Instance
    assert kinds['"a"'] is Token.Literal.String
    assert kinds["# x"] is Token.Comment.Single


@given(st.sampled_from(TEXTS), st.data())
def test_half_written_files(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    found = list(RecformLexer(ensurenl=False, stripnl=False).get_tokens(part))
    assert "".join(word for _, word in found) == part
