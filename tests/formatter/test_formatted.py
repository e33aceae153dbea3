"""Canonical form: the same file, once and for all."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recform.compiler import compile_source, emit_source, from_text, read
from recform.diagnostics import CompileError, Diagnostics
from recform.formatter import formatted
from recform.source import Source
from recform.syntax.grammar import tables
from recform.syntax.statements import statements
from tests.oracle.files import recurrences, split_starts, timed
from tests.thinned import thinned

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").rglob("*.rf"))

#: Lines, and their canonical form.
FORMS = [
    ("stages 8x2,16 x 2/2", "stages  8 x 2, 16 x 2 / 2"),
    ("stages 8 x 2/(1/2) ,4*k x L", "stages  8 x 2 / (1/2), 4*k x L"),
    ("input 64 of 256", "input   64 of 256"),
    ("const  p = ( 1,2 )per stage", "const   p = (1, 2) per stage"),
    ("param a=1\nparam bcd = 2", "param   a   = 1\nparam   bcd = 2"),
    ("scalar a_i=1\n\nscalar bcd=2", "scalar  a_i = 1\n\nscalar  bcd = 2"),
    (
        "const a=(1,\n2)\nconst bcd=2",
        "const   a   = (1,\n               2)\nconst   bcd = 2",
    ),
    ("adapter up  upsample( 1/s )", "adapter up upsample(1/s)"),
    ('use  "a.rf"', 'use "a.rf"'),
    ("W=conv( 3,c,stride = s )>bn", "W = conv(3, c, stride=s) > bn"),
    ('W = "a b" :conv(3)>( bn >relu )', 'W = "a b": conv(3) > (bn > relu)'),
    ("X_i=-W_i * X_< i - 1 >", "X_i = -W_i * X_<i-1>"),
    ("X_i = (1+W_i)* -X_0", "X_i = (1 + W_i)*-X_0"),
    ("X_i = X_{i - 1}+\\frac{1 }{ 2}X_0", "X_i = X_{i-1} + \\frac{1}{2} X_0"),
    ("X_i = 2 ^( i - 1 )*X_0-3**2", "X_i = 2^(i - 1)*X_0 - 3**2"),
    ("X_i = sum( k,0,i - 1,Y_k )", "X_i = sum(k, 0, i-1, Y_k)"),
    ("X_i = f(T_i*y_<i-1>- 2, (i-1)/L)", "X_i = f(T_i*y_<i-1> - 2, (i - 1)/L)"),
    ("X_<i , t> = a_<i,k> * X_<0 .. L-1>", "X_<i,t> = a_<i,k> * X_<0..L-1>"),
    ("paths (pass|skip  pass)*skip{2, 3}", "paths   (pass | skip pass)* skip{2,3}"),
    ("paths [1/2]skip (skip|) +", "paths   [1/2] skip (skip |)+"),
    ("X_i = X_0   #why", "X_i = X_0   # why"),
    ("\n\n# a\n\n\n\nX_i = X_0\n\n", "# a\n\nX_i = X_0"),
    ("X_i = X_0 +\n W_i*X_0", "X_i = X_0 +\n      W_i*X_0"),
    ("X_i = X_0\n\t+ W_i*X_0", "X_i = X_0\n    + W_i*X_0"),
    ("W = (bn\n > relu)", "W = (bn\n   > relu)"),
    ("head (\n bn > relu\n)", "head    (\n    bn > relu\n)"),
    (
        "SE(x,ratio=16) = x*G*x\n where G = bn\n > relu,\n  K= bn",
        "SE(x, ratio=16) = x*G*x\n    where G = bn\n            > relu,\n"
        "          K = bn",
    ),
    ('names stem=".",\n head="."', 'names   stem = ".",\n        head = "."'),
]


def canonical(text: str) -> str:
    return formatted(Source("net.rf", text))


@pytest.mark.parametrize(("text", "form"), FORMS)
def test_form(text: str, form: str) -> None:
    assert canonical(text) == f"{form}\n"
    assert canonical(form) == f"{form}\n"


def tokens(text: str) -> list[list[tuple[str, str]]]:
    spans = statements(Source("net.rf", text), Diagnostics())
    read = tables().tokens
    return [
        [(token.type, str(token)) for token in read(span.text_without_comments)]
        for span in spans
    ]


def disturbed(text: str, draw: random.Random) -> str:
    """The same file with spaces of its own, a comment here and there, and gaps."""
    lines = []
    for line in text.split("\n"):
        code = line.partition("#")[0].rstrip() if '"' not in line else ""
        if code and draw.random() < 0.7:
            made = re.sub(r" ?([-+(),>=|]) ?", lambda found: _spaced(found, draw), code)
            line = made if tokens_of(made) == tokens_of(code) else code
            line += draw.choice(["", " ", "#x", "  # a > b"])
        lines.append(line)
        lines += [""] * draw.choice([0, 0, 0, 1, 3])
    return "\n".join(lines)


def _spaced(found: re.Match[str], draw: random.Random) -> str:
    return draw.choice(["", " ", "  "]) + found[1] + draw.choice(["", " "])


def tokens_of(line: str) -> object:
    try:
        return [(token.type, str(token)) for token in tables().tokens(line)]
    except Exception:
        return None


@given(st.sampled_from(EXAMPLES), st.randoms(use_true_random=False))
def test_what_is_formatted_stays(path: Path, draw: random.Random) -> None:
    text = path.read_text()
    once = canonical(text)
    assert canonical(once) == once
    other = disturbed(text, draw)
    try:
        twice = canonical(other)
    except CompileError:  # a line that is parted from the one that it goes on
        return
    assert canonical(twice) == twice
    assert tokens(twice) == tokens(other)


@given(st.one_of(recurrences(1, 10, histories=2), timed(1, 4), split_starts(1, 6)))
def test_random_files(text: str) -> None:
    once = canonical(text)
    assert canonical(once) == once
    assert tokens(once) == tokens(text)


@pytest.mark.parametrize("path", thinned(EXAMPLES, 24, lambda path: path.stem))
def test_what_is_made_of_it_is_the_same(path: Path) -> None:
    source, folder = read(path)

    def made(text: str) -> str:
        networks = compile_source(from_text(text, source.name), {}, folder)
        code = emit_source(list(networks))
        # Its text and its hash are in the header, its lines in comments.
        return re.sub(r"\A(#.*\n)+|\"\"\".*?\"\"\"|[ ]*#.*", "", code, flags=re.DOTALL)

    assert made(formatted(source)) == made(source.text)


@pytest.mark.parametrize(
    ("text", "code"),
    [("X_i = (X_0", "RF102"), ("X_i = X_0 +", "RF101"), ("", "")],
)
def test_mistakes(text: str, code: str) -> None:
    if not code:
        assert canonical(text) == canonical("\n \n") == ""
        return
    with pytest.raises(CompileError) as caught:
        canonical(text)
    assert caught.value.diagnostics[0].code == code


def test_the_examples_are_in_canonical_form() -> None:
    for path in EXAMPLES:
        if path.stem != "latex":  # as it pastes from a paper
            assert canonical(path.read_text()) == path.read_text(), path
