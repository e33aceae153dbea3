"""The tables of the grammar, followed side by side with Lark itself."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

import recform
from recform.diagnostics import CompileError, Diagnostics
from recform.source import Source
from recform.syntax import grammar
from recform.syntax.generate import lark_of, tables_of, text_of
from recform.syntax.lalr import Node, Tables, Tree, Unexpected
from recform.syntax.statements import statements

GRAMMAR = grammar.grammar_path().read_text(encoding="utf-8")
LARK: Lark = lark_of(GRAMMAR)
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.rf"))
STATEMENTS = list(
    dict.fromkeys(
        span.text_without_comments
        for path in EXAMPLES
        for span in statements(Source(path.name, path.read_text()), Diagnostics())
    )
)
MORE = [
    "paths (skip | [1/2] pass{1,})* pass? skip{3}",
    'V = "a.0": conv(3, c) > (b: bn > relu) > drop(p=0.5)',
    "X_i, Y_i = F(X_<i-1>, Y_{i-1}) + g_i[X_i]  where G = linear(2*c), scalar a_i = 1 per i",
    "const a = -2**-3^4 per stage",
    r"dX_L/dX_<L-i> = 1 + \ldots + \left( W_L \cdot W_<L-1> \right)",
    "X_i = sum(k, 0, i, X_<0..i-1>)\n  - (a, b, c)",
]


def told_by_lark(text: str) -> Any:
    """What Lark makes of a text: a tree, or what it finds wrong."""
    try:
        return lark_node(LARK.parse(text))
    except UnexpectedToken as error:
        token = error.token
        (before,) = error.token_history or (None,)
        # Of an empty text, Lark's last token has no end.
        return (
            token.start_pos,
            (token.type, str(token), token.start_pos, token.end_pos or 0),
            before and (before.type, str(before), before.start_pos, before.end_pos),
            frozenset(error.accepts),
        )
    except UnexpectedCharacters as error:
        return error.pos_in_stream, None


def lark_node(node: Any) -> Any:
    if node is None:
        return None
    if isinstance(node, Token):
        return node.type, str(node), node.start_pos, node.end_pos
    span = None if node.meta.empty else (node.meta.start_pos, node.meta.end_pos)
    return node.data, span, [lark_node(child) for child in node.children]


def told_by(tables: Tables, text: str) -> Any:
    """The same of our own."""
    try:
        return own_node(tables.parse(text))
    except Unexpected as error:
        if error.token is None:
            return error.at, None
        return (
            error.at,
            own_node(error.token),
            own_node(error.previous),
            error.expected,
        )


def own_node(node: Node) -> Any:
    if node is None:
        return None
    if isinstance(node, Tree):
        return node.data, node.span, [own_node(child) for child in node.children]
    return node.type, str(node), node.start_pos, node.end_pos


def spoilt(text: str, dice: random.Random) -> Iterator[str]:
    """The text with something left out, put in, doubled or cut off."""
    place, other = sorted(dice.choices(range(len(text) + 1), k=2))
    yield text[:place] + text[place + 1 :]
    yield text[:place] + text[other:]
    yield (
        text[:place] + dice.choice("()[]{}<>=+-*/^_,:.|?'\"x1 i\\π×…é\t") + text[place:]
    )
    yield text[:place] + text[place:other] * 2 + text[other:]
    yield text[:place]


def test_the_file_is_what_the_grammar_says() -> None:
    # After a change of the grammar: make grammar.
    assert grammar.tables_path().read_text("utf-8") == text_of(tables_of(GRAMMAR))


def test_statements_are_read_as_lark_reads_them() -> None:
    for text in (*STATEMENTS, *MORE):
        found = told_by(grammar.tables(), text)
        assert found == told_by_lark(text)
        assert found[0] == "start"


def test_a_spoilt_statement_is_refused_as_lark_refuses_it() -> None:
    dice = random.Random(0)
    refused = 0
    for text in STATEMENTS + MORE:
        for bad in spoilt(text, dice):
            found = told_by(grammar.tables(), bad)
            assert found == told_by_lark(bad), bad
            refused += found[0] != "start"
    assert refused > 500


WORDS = (
    "X_i X_<i-1> = + - * / ^ ** ( ) [ ] { } < > , : _{ _< .. ... | ? 3 .5 1e3 relu conv "
    'network use stages times x × per where scalar true "a" param _0 θ \\alpha $ é'
)
PIECES = st.sampled_from([*WORDS.split(), "\n"])


@given(st.lists(PIECES, max_size=12), st.sampled_from(["", " "]))
def test_any_row_of_tokens_is_read_as_lark_reads_it(row: list[str], gap: str) -> None:
    text = gap.join(row)
    assert told_by(grammar.tables(), text) == told_by_lark(text)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A grammar and its tables that a test may change."""
    path = tmp_path / "recform.lark"
    path.write_text(GRAMMAR, encoding="utf-8")
    tables = grammar.tables_path().read_text("utf-8")
    path.with_suffix(".json").write_text(tables, encoding="utf-8")
    monkeypatch.setattr(grammar, "grammar_path", lambda: path)
    grammar.tables.cache_clear()
    yield path
    grammar.tables.cache_clear()


def test_tables_of_another_grammar_are_not_followed(copy: Path) -> None:
    copy.write_text(GRAMMAR.replace('"network" NAME', '"net" NAME'), encoding="utf-8")
    assert told_by(grammar.tables(), "net Small")[0] == "start"
    assert told_by(grammar.tables(), "network Small")[0] != "start"


@pytest.mark.parametrize("spoil", ["", "{", "[]", "{}", '{"grammar": 3}', None])
def test_tables_that_cannot_be_read_are_made_anew(
    copy: Path, spoil: str | None
) -> None:
    held = copy.with_suffix(".json")
    if spoil is None:
        held.unlink()
    else:
        held.write_text(spoil)
    assert grammar.tables() == tables_of(GRAMMAR)


def test_without_tables_and_without_lark_it_is_told(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy.with_suffix(".json").unlink()
    monkeypatch.setitem(sys.modules, "lark", None)
    monkeypatch.setitem(sys.modules, "lark.lexer", None)
    with pytest.raises(CompileError) as caught:
        recform.compile("X_i = W_i*X_<i-1>")
    assert [item.code for item in caught.value.diagnostics] == ["RF907"]
