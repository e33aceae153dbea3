"""The linearised recurrence, against forms known by hand and against autograd."""

from __future__ import annotations

from functools import lru_cache

import pytest

from recform.algebra.expr import Across, Combine, Input, State
from recform.algebra.lists import Over
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, Diagnostics
from recform.linear.model import Linear, Source
from recform.linear.recurrence import linearise
from recform.linear.words import Letter, Polynomial
from recform.series.places import At
from recform.series.show import LATEX
from tests.compiled import NAMES, networks
from tests.thinned import thinned


@lru_cache(maxsize=128)
def linear(text: str, *, activations: bool = True) -> Linear:
    formula = compile_source(from_text(text))[0].formula
    return linearise(formula, Diagnostics(), activations=activations)


def law(text: str, unknown: str = "X", *, activations: bool = False) -> dict[str, str]:
    found = {x.unknown: x for x in linear(text, activations=activations).solved}
    return {s.text(): p.text() for s, p in found[unknown].gradient.items()}


FLAT = "stages 8 x 6\n"
FORMS = {
    "X_i = relu(F_i(X_<i-1>))": {"X_<i-1>": "F_i"},
    "X_i = (1+W_i)*X_<i-1>": {"X_<i-1>": "1 + W_i"},
    "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>": {
        "X_<i-1>": "1 + W_i",
        "X_<i-2>": "-W_<i-1>",
    },
    "X_i = W_i*X_<i-1> + X_0": {"X_<i-1>": "W_i", "X_0": "1"},
    "X_i = X_<i-1> + W_i*(X_<i-1> - U_i*X_<i-2>)": {
        "X_<i-1>": "1 + W_i",
        "X_<i-2>": "-W_i*U_i",
    },
    "X_i = mean(W_i*X_<i-1>, X_<i-2>)": {"X_<i-1>": "1/2*W_i", "X_<i-2>": "1/2"},
    "scalar g_i = 0.1 per channel\nX_i = X_<i-1> + g_i*W_i*X_<i-1>": {
        "X_<i-1>": "1 + g_i*W_i"
    },
    "X_i = W_i*X_<i-1> + W_i*X_<i-1> - 2*W_i*X_<i-1> + X_<i-1>": {"X_<i-1>": "1"},
    "X_i = X_<i-1> + W_i*X_<i-1>*X_<i-2>": {
        "X_<i-1>": "1 + diag(X_<i-2>)*W_i",
        "X_<i-2>": "diag(W_i*X_<i-1>)",
    },
}


@pytest.mark.parametrize("text", FORMS)
def test_known_forms(text: str) -> None:
    assert law(FLAT + text) == FORMS[text]


def test_activations_are_letters_or_left_out() -> None:
    text = FLAT + "X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>"
    assert law(text, activations=True) == {
        "X_<i-1>": "relu'_i + relu'_i*W_i",
        "X_<i-2>": "-W_<i-1>",
    }
    assert law(text)["X_<i-1>"] == "1 + W_i"


def test_two_activations_of_a_block_differ() -> None:
    text = FLAT + "X_i = relu(W_i*X_<i-1>) + relu(U_i*X_<i-1>)"
    assert law(text, activations=True) == {"X_<i-1>": "relu'_i*W_i + relu2'_i*U_i"}


def test_a_system_is_solved_for_older_blocks() -> None:
    text = FLAT + (
        "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
        "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)"
    )
    assert law(text, "A") == {"A_<i-1>": "1", "B_<i-1>": "F_i"}
    assert law(text, "B") == {"B_<i-1>": "1 + G_i*F_i", "A_<i-1>": "G_i"}


def test_histories_are_unknowns() -> None:
    text = FLAT + "X_i = W_i*concat(X_<0..i-1>)\noutput concat(X_<0..L>)"
    made = linear(text)
    assert made.unknowns == ("X", "concat(X_<0..i>)")
    assert law(text, "concat(X_<0..i>)") == {"concat(X_<0..i-1>)": "E1_i + E2_i*W_i"}


def test_first_blocks_follow_the_boundary() -> None:
    made = linear(FLAT + "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\nW_0*X_<-1> = X_0")
    one = made.starts[1]["X"]
    assert {s.text(): p.text() for s, p in one.items()} == {"X_0": "W_1"}


@pytest.mark.parametrize("name", thinned(NAMES, 3, first=1))
def test_every_example(name: str) -> None:
    for compiled in networks(name):
        parts = compiled.formula.equations
        if any(e.right.has(Across, Over, Combine) for e in parts):
            with pytest.raises(CompileError, match="RF601"):
                linearise(compiled.formula, Diagnostics())
            continue
        made = linearise(compiled.formula, Diagnostics())
        assert made.order >= 1
        # What a block of the first ones gets is what the law says, once all history
        # is there. What further inputs alone make has no derivative by the first one.
        rights = {equation.unknown: equation.right for equation in parts}
        for unknown in made.solved:
            right = rights.get(unknown.unknown)
            constant = right is not None and not right.has(State, Input)
            assert bool(unknown.gradient) != constant


def test_words_do_not_commute() -> None:
    a = Polynomial.letter(Letter("operator", "A", At("i")))
    b = Polynomial.letter(Letter("operator", "B", At("i")))
    one = Polynomial.one()
    assert ((a + b) * (a - b)).text() == "A_i*A_i - A_i*B_i + B_i*A_i - B_i*B_i"
    assert ((one + a) * (one - a) + a * a).text() == "1"
    assert a * b != b * a
    assert (a * b).shifted(-1).text() == "A_<i-1>*B_<i-1>"
    assert (a * b.shifted(-1)).moved("L").text() == "A_L*B_<L-1>"


def test_a_history_inside_of_an_argument_is_read() -> None:
    """Its body has an index of its own, which belongs to no block."""
    (found,) = linear(FLAT + "X_i = W_i*concat(X_<0..i-2>, X_<i-1>)").solved[:1]
    assert any(source.text() == "X_<i-1>" for source in found.gradient)


def test_a_recurrence_over_positions_is_named_and_assumed_linear() -> None:
    """Hcell stands in no file, so that the analysis says what it is."""
    text = (
        "input 6 x 8\nstem none\nhead none\nstages 8 x 2\ntimes positions\n"
        "A = linear(c)\nH_<i,t> = tanh(A_i*H_<i,t-1> + X_<i-1,t>)\n"
        "X_<i,t> = H_<i,t>\noutput X_L"
    )
    assert linear(text).assumptions == (
        "Hcell, the recurrence of H over positions, is linear",
    )
    assert linear("stages 8 x 2\nX_i = X_<i-1> + W_i*X_<i-1>").assumptions == ()


def test_an_unknown_of_a_time_has_both_indices() -> None:
    source = Source("X.2", At("L-i", 1))
    assert source.text() == "X_<L-i+1,2>"
    assert source.text(LATEX) == "X_{L-i+1,2}"
