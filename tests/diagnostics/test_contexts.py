"""What is wrong with a further input of a network is told in the words of the file."""

from __future__ import annotations

import pytest

import recform
from recform.diagnostics import CompileError

FRAME = "input 5 x 8\nstages 8 x 2\nW = linear(c)\n"
MISTAKES = {
    "its name is the pass's": (
        "input x = 8\nX_i = W_i*X_<i-1>*x",
        "RF209",
        "'x' is something else in the generated forward pass",
    ),
    "its name is Python's": (
        "input lambda = 8\nX_i = W_i*X_<i-1>*lambda",
        "RF209",
        "'lambda' means something else in generated files",
    ),
    "its name is no argument": (
        "input a' = 8\nX_i = W_i*X_<i-1>*a'",
        "RF209",
        'Python has no argument "a\'", and the forward pass would take it',
    ),
    "its name is that of a scalar": (
        "input a = 8\nscalar a = 1\nX_i = W_i*X_<i-1>*a",
        "RF209",
        "'a' is an input here, but a learned scalar elsewhere",
    ),
    "it stands twice": (
        "input e = 8\ninput e = 4\nX_i = W_i*X_<i-1>*e",
        "RF209",
        "the input e stands here a second time",
    ),
    "an index": (
        "input e = 8\nX_i = W_i*X_<i-1>*e_i",
        "RF304",
        "e is an input of the network, the same in all blocks",
    ),
    "a call": (
        "input e = 8\nX_i = W_i*X_<i-1>*e(X_<i-1>)",
        "RF206",
        "e is a tensor and cannot be called",
    ),
    "no sign": (
        "input e 7 x 8\nX_i = W_i*X_<i-1>",
        "RF101",
        "a further input has an `=` behind its name",
    ),
    "its kind": (
        "input tokens 7 x 8\nX_i = W_i*X_<i-1>",
        "RF101",
        "the input of the network is said by its sizes alone",
    ),
    "four sizes": (
        "input e = 8 x 1 x 2 x 3\nX_i = W_i*X_<i-1>*e",
        "RF212",
        "an input has one to three sizes: features, positions x features, or channels x "
        "height x width",
    ),
    "ids as numbers": (
        "input t = 5 of 8\nX_i = W_i*X_<i-1> + 2*t",
        "RF410",
        "t is ids (5 of 8), and an equation reckons with numbers",
    ),
    "ids under a function": (
        "input t = 5 of 8\nX_i = W_i*X_<i-1> + tanh(t)",
        "RF410",
        "t is ids (5 of 8), and an equation reckons with numbers",
    ),
    "another shape": (
        "input e = 7 x 8\nX_i = W_i*X_<i-1> + 2*tanh(e)",
        "RF425",
        "this is 7 x 8, and stands in a sum or product of 5 x 8; a further input belongs "
        "to no stage, and has no adapter",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake: str) -> None:
    text, code, message = MISTAKES[mistake]
    with pytest.raises(CompileError) as caught:
        recform.compile(FRAME + text)
    found = [(item.code, item.message) for item in caught.value.diagnostics]
    assert found == [(code, message)]


def test_the_hint_has_a_sum_in_brackets() -> None:
    text = "input e = 7 x 8\nX_i = W_i*X_<i-1> + (1 + tanh(e))*X_<i-1>"
    with pytest.raises(CompileError) as caught:
        recform.compile(FRAME + text)
    (item,) = caught.value.diagnostics
    assert item.hint.startswith("an operator brings it there: P_i*(1 + tanh(e)), with")


@pytest.mark.parametrize("names", ["", 'names stem = "features.0"\n'])
def test_one_that_nobody_reads_is_an_argument_all_the_same(names: str) -> None:
    """Where names make a row of the network it had no such argument: RF901."""
    made = recform.compile(f"{FRAME}{names}input e = 8\nX_i = X_<i-1> + W_i*X_<i-1>")
    assert [item.code for item in made.warnings] == ["RF222"]
    assert made.warnings[0].message == "nobody uses the input e"
    assert "def forward(self, x: Tensor, e: Tensor) -> Tensor:" in made.source
