"""Equations for single blocks are compared, at the depth of the files."""

from __future__ import annotations

import pytest

from recform.algebra.formula import Formula
from recform.compiler import compile_source, from_text
from recform.equality.compare import compare
from recform.equality.counterexample.example import example
from recform.equality.verdict import ANY, DIFFERENT
from recform.report.equiv import lines
from tests.equality.test_equiv import verdict

PLAIN = "X_i = X_<i-1> + W_i*X_<i-1>"


RANGE = f"{PLAIN}\nX_<4..6> = W_i*X_<i-1>"


def whole(text: str) -> Formula:
    return compile_source(from_text(text))[0].formula


def sized(blocks: int, text: str) -> str:
    return f"stages 8 x {blocks}\n{text}"


def test_a_range_is_printed_once() -> None:
    found = lines(compare(whole(sized(8, RANGE)), whole(sized(8, PLAIN))))
    assert found.count("  X_<4..6> = W_i*X_<i-1>") == 1
    assert any(
        line.startswith("\nWith the equations for single blocks") for line in found
    )


def test_a_range_is_its_single_blocks() -> None:
    singles = "".join(f"\nX_{n} = W_{n}*X_{n - 1}" for n in (4, 5, 6))
    assert verdict(RANGE, PLAIN + singles).answer == ANY


@pytest.mark.parametrize(
    ("left", "right", "blocks", "same"),
    [
        # The first block that differs lies behind the smaller network.
        (sized(8, PLAIN), sized(12, PLAIN + "\nX_<9..12> = W_i*X_<i-1>"), 8, True),
        # A term that reaches back further than there are blocks.
        (sized(4, PLAIN), sized(4, PLAIN + " + X_<i-6>"), 4, True),
        # Shorter networks differ, and the last block forgets it.
        (
            sized(5, PLAIN + "\nX_2 = W_2*X_1\nX_5 = X_0"),
            sized(5, PLAIN + "\nX_5 = X_0"),
            5,
            True,
        ),
        (sized(8, RANGE), sized(8, PLAIN + "\nX_<1..3> = W_i*X_<i-1>"), 8, False),
        (sized(60, RANGE), sized(60, PLAIN), 60, False),
    ],
)
def test_the_depth_of_the_files(left: str, right: str, blocks: int, same: bool) -> None:
    formulas = whole(left), whole(right)
    found = compare(*formulas)
    assert found.answer == DIFFERENT
    assert found.own is not None
    assert (found.own.blocks, found.own.same) == (blocks, same)
    # By running both at that depth.
    assert (example(formulas, blocks, linear=True) is None) == same
    text = "\n".join(lines(found))
    sentence = "they are equal for any operators" if same else "They differ with"
    assert sentence in text


def test_a_difference_at_the_depth_of_the_files_needs_no_more_words() -> None:
    found = compare(whole(sized(1, PLAIN)), whole(sized(1, "X_i = W_i*X_<i-1>")))
    assert found.answer == DIFFERENT and found.own is None
