"""Equations for ranges of blocks, at the depth of their file and at others.

The judge is the compiler itself at the other depth: the same file with as many blocks.
"""

from __future__ import annotations

import json

import pytest

from recform.algebra.formula import Formula
from recform.analysis.model import Asked, analyse
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, Diagnostics
from recform.equality.compare import compare
from recform.equality.verdict import ANY, DIFFERENT, OPEN, OwnDepth
from recform.recurrence.regimes import at_depth
from recform.report.analysis_json import as_dict
from recform.report.derive_back import backward
from tests.thinned import thinned

SKIP = "X_i = X_<i-1> + W_i*X_<i-1>\n"
FILES = {
    "late": SKIP + "X_<L/2+3..L> = W_i*X_<i-1>",
    "late, at every depth": SKIP + "X_<floor(L/2)+3..L> = W_i*X_<i-1>",
    "from a block on": SKIP + "X_<5..floor(L/3)+4> = U_i*X_<i-1>",
    "last three": "X_<L-2..L> = U_i*X_<i-1>\n" + SKIP,
    "ranges alone": "X_<1..floor(L/2)> = X_<i-1> + W_i*X_<i-1>\n"
    "X_<floor(L/2)+1..L> = U_i*X_<i-1>",
    "all but two": "X_<1..L-2> = X_<i-1> + W_i*X_<i-1>\nX_<L-1..L> = U_i*X_<i-1>",
    "three ranges": "X_<1..floor(L/3)> = W_i*X_<i-1>\n"
    "X_<floor(L/3)+1..floor(2*L/3)> = X_<i-1> + W_i*X_<i-1>\n"
    "X_<floor(2*L/3)+1..L> = U_i*X_<i-1> + X_0",
    "all": "X_1 = X_0\nX_<1..L> = X_<i-1> + W_i*X_<i-1>",
    "hidden by another": SKIP + "X_<2..L> = X_<i-1> + U_i*X_<i-1>\nX_1 = X_0",
    "hidden by one": SKIP + "X_1 = X_0 + U_1*X_0\nX_<1..L-3> = U_i*X_<i-1>",
    "first blocks": SKIP + "X_<first> = W_<first>*X_<first-1>\nX_<5..L> = U_i*X_<i-1>",
    "long skips": SKIP + "X_<floor(L/2)+4..L> = X_<i-1> + U_i*X_<L-i>",
    "one from the end": SKIP + "X_<2..3> = X_<i-1> + X_<L-4>",
    "histories": SKIP + "X_<floor(L/2)+3..L> = mean(X_<0..i-1>) + W_i*X_<i-1>",
    "too late": SKIP + "X_<5..L> = W_i*X_<i-1> + sum(k, 0, L-4, X_k)",
    "two unknowns": "X_i = X_<i-1> + W_i*Y_<i-1>\nY_i = Y_<i-1> + U_i*X_i\n"
    "Y_<ceil(L/2)+2..L> = U_i*X_i\nX_<L-8..L-7> = 0.5*X_<i-1> + W_i*X_<i-1>\n"
    "output X_L + Y_L",
}
DEPTHS = (1, 2, 3, 4, 8, 17, 40)


def formula(text: str, blocks: int) -> Formula:
    lines = f"input 4\nstages 4 x {blocks}\nW = linear(c)\nU = linear(c)\n{text}\n"
    return compile_source(from_text(lines))[0].formula


def made(text: str, blocks: int) -> Formula | None:
    """The network of a file; None if it is an error."""
    try:
        return formula(text, blocks)
    except CompileError:
        return None


def said(network: Formula | None, depth: int | None = None) -> str:
    """What `analyze --json` has of a network; nothing, if there is none of this depth."""
    if network is None:
        return ""
    try:
        found = analyse(network, Diagnostics(), Asked(depth=depth, gain=0.5))
    except CompileError as error:
        assert [d.code for d in error.diagnostics] == ["RF315"]
        return ""
    return json.dumps(as_dict(found), default=str)


@pytest.mark.parametrize("name", thinned(FILES, 3))
def test_another_depth_is_the_file_with_as_many_blocks(name: str) -> None:
    files = {depth: made(FILES[name], depth) for depth in DEPTHS}
    wanted = {depth: said(file) for depth, file in files.items()}
    assert sum(map(bool, wanted.values())) > 1
    for own, file in files.items():
        for depth in DEPTHS if own in (1, 4, 17) else (own,):
            if file is not None:
                assert said(file, depth) == wanted[depth], (own, depth)


@pytest.mark.parametrize(
    ("text", "differs"),
    [
        ("X_<L/2+3..L> = W_i*X_<i-1>", 6),
        ("X_<floor(L/2)+3..L> = W_i*X_<i-1>", 5),
        ("X_<7..L> = W_i*X_<i-1>", 7),
        ("X_<3..L-1> = W_i*X_<i-1>\nX_3 = X_2 + W_3*X_2", 5),
    ],
)
def test_what_no_block_of_the_file_shows(text: str, differs: int) -> None:
    """Equal with four blocks, and different in deeper networks."""
    plain, other = formula(SKIP, 4), formula(SKIP + text, 4)
    for pair in ((plain, other), (other, plain)):
        found = compare(*pair)
        assert (found.answer, found.differs) == (DIFFERENT, differs)
        assert found.example is not None
        assert found.example.depth == differs
        assert found.own == OwnDepth(4, "", True)
    assert text.splitlines()[0] in compare(plain, other).starts[1]
    assert compare(other, other).answer == ANY


def test_ranges_that_say_nothing_new() -> None:
    """No depth is proved then, but for a range that is the equation in general."""
    two = "X_<L/2+1..L> = U_i*X_<i-1>"
    general = "X_<1..L/2> = X_<i-1> + W_i*X_<i-1>\n"
    assert compare(formula(general + two, 4), formula(SKIP + two, 4)).answer == ANY
    same = SKIP + "X_<floor(L/2)+3..L> = X_<i-1> + W_i*X_<i-1>"
    found = compare(formula(SKIP, 4), formula(same, 4))
    assert (found.answer, found.own) == (OPEN, OwnDepth(4, "", True))
    assert found.checked == 5


def test_where_the_general_equations_hold() -> None:
    """Of deeper networks nothing is said where their blocks have other equations."""
    late = FILES["late"]
    assert backward(formula(late, 8)).where == "blocks 1-6 alone"
    assert backward(formula(late, 4)).where == "blocks 1-4 alone"
    assert late.splitlines()[1] in backward(formula(late, 4)).boundaries
    fixed = formula(SKIP + "X_<2..4> = W_i*X_<i-1>", 8)
    assert backward(fixed).where == "blocks 1, 5 and later alone"


def test_a_range_that_ends_before_it_begins_has_no_block() -> None:
    for blocks in (1, 2, 4):
        network = formula(SKIP + "X_<floor(L/2)+3..L> = U_i*X_<i-1>", blocks)
        assert not network.boundaries
        deep = at_depth(network, 8)
        assert deep is not None
        assert [b.left.index for b in deep.boundaries] == [7, 8]
    with pytest.raises(CompileError, match="RF217"):
        formula(SKIP + "X_<5..4> = U_i*X_<i-1>", 8)
    with pytest.raises(CompileError, match="RF217"):
        formula(SKIP + "X_<L-3..L> = U_i*X_<i-1>", 2)


def test_an_equation_of_one_block_names_no_history_by_its_end() -> None:
    with pytest.raises(CompileError, match="RF301"):
        formula(SKIP + "X_2 = sum(k, 0, L-4, X_k)", 4)
