"""Another depth than the file's: what a file with as many blocks is told."""

from __future__ import annotations

import pytest

import recform
from recform.analysis.model import Asked, analyse
from recform.diagnostics import CompileError, Diagnostics

#: A file, how deep it can be, a depth that it cannot have, and why.
FILES = {
    "a module of all blocks": (
        "stages 16 x {}, 32 x 1 / 2\nW = conv(3, c) > gn(4)\n"
        "X_i = X_<i-1> + U_i*W*X_<i-1>",
        "stages 16 x 2, 32 x 3 / 2",
        2,
        5,
        "RF406",
    ),
    "no grid is left": (
        "input 3 x 8 x 8\nstages 4 x {}\nW = maxpool(2) > conv(3, c)\nX_i = W_i*X_<i-1>",
        "stages 4 x 5",
        3,
        5,
        "RF401",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_depth_at_which_the_file_is_refused(name: str) -> None:
    text, deeper, good, bad, code = FILES[name]
    own = text.format(good - 1 if "," in deeper else good)
    formula = recform.compile(own).formula
    analyse(formula, Diagnostics(), Asked(depth=good))
    with pytest.raises(CompileError) as caught:
        analyse(formula, Diagnostics(), Asked(depth=bad))
    stages = next(line for line in own.splitlines() if line.startswith("stages"))
    with pytest.raises(CompileError) as refused:
        recform.compile(own.replace(stages, deeper))
    found, wanted = (error.value.diagnostics[0] for error in (caught, refused))
    assert (found.code, found.message) == (code, wanted.message)


def test_numbers_of_blocks_say_nothing_of_other_depths() -> None:
    text = "input 4\nstages 4 x 3\nconst b = (4, 8, 12) per block\nW = linear(b) > linear(c)\n"
    formula = recform.compile(text + "X_i = X_<i-1> + W_i*X_<i-1>").formula
    assert analyse(formula, Diagnostics(), Asked(depth=9)).flows[0].flow.length == 9
