"""Numbers that stand for learned scalars: where a coefficient is one, and on both sides."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, Diagnostic
from recform.memory import Memory
from recform.target import Target
from tests.readback.mutants import form

FRAME = """\
input 4
stem none
head none
stages 4 x 8
scalar a = 2.5
scalar b_i = i + 1
scalar d_i = 0
W = linear(c)
"""
#: What is a number where the scalars start, and not everywhere.
SOMEWHERE = (
    "log(a - 2)",
    "sqrt(b_i - i)/(a - 1)",
    "(a - 2)^(1/3)",
    "1/floor(a)",
    "1/relu(a - 2)",
    "sqrt(3 - a)*log(b_i)*sqrt(b_<i-1> + 1)",
    "sqrt(d_i)/(1 + floor(i*a))",
    "sqrt(-d_i)",
    "1/d_i",
    "sqrt(d_i)*sqrt(1 - d_<i-1>)",
    "exp(1000*d_i)",
    "1/sqrt(7 - 2*a)",
    "1/sqrt(1 + a^2)",
    "abs(exp(a))",
    "abs(exp(-1/a)*b_i)",
)
#: What is none anywhere.
NOWHERE = ("log(-1 - a^2)", "sqrt(-b_i^2 - 1)", "1/floor(sigmoid(a)/2)")
#: A coefficient, what code says of it, and what is the same for small numbers alone.
CORNERS = (
    ("relu(a_i - 3)", "self.a - 3", "self.a - 2"),
    ("max(a_i, -2)", "min=-2", "min=-3"),
    ("floor(a_i/4)", "0.25 * self.a", "0.1 * self.a"),
    ("abs(a_i - 30)", "abs(self.a - 30)", "(30 - self.a)"),
    ("abs(a_i - 30)", "abs(self.a - 30)", "(self.a - 30)"),
    ("min(a_i^2/1000, 700)", "max=700", "max=600"),
)


@pytest.mark.parametrize("number", SOMEWHERE)
def test_coefficients_that_are_numbers_near_their_starts(number: str) -> None:
    """They were compared at 0.5 to 1.5 alone, and ended in a traceback."""
    text = f"{FRAME}X_i = W_i*X_<i-1> + {number}*X_<i-1>"
    (item,) = compile_source(from_text(text))
    assert item.source


def test_definitions_have_numbers_of_their_own() -> None:
    text = f"{FRAME}D(x, r=2) = log(b - r)*x where scalar b = 3\n"
    (item,) = compile_source(from_text(f"{text}X_i = W_i*X_<i-1> + D_i*X_<i-1>"))
    assert "torch.log" in item.source


def test_blocks_run_backwards_where_they_can_be() -> None:
    """For a v above 1 block 4 has nothing of X_2."""
    text = f"{FRAME}X_i = W_i*X_<i-1> - (min(1 + v_i^2, i/2) - 2)*X_<i-2>\n"
    (item,) = compile_source(from_text(f"{text}scalar v_i = 0.7\n"))
    made = replace(item, target=Target(memory=Memory.reversible))
    assert "def inverse" in made.source


def _mistake(text: str) -> Diagnostic:
    (item,) = compile_source(from_text(text))
    with pytest.raises(CompileError) as caught:
        print(item.source)
    (found,) = caught.value.diagnostics
    return found


@pytest.mark.parametrize("number", NOWHERE)
def test_coefficients_that_are_no_numbers(number: str) -> None:
    found = _mistake(f"{FRAME}X_i = W_i*X_<i-1> + {number}*X_<i-1>")
    assert found.code == "RF211"
    assert found.labels[0].span.text == f"{number}*X_<i-1>"


def test_definitions_that_are_no_numbers() -> None:
    text = f"{FRAME}D(x) = log(-b^2)*x where scalar b = 3\n"
    found = _mistake(f"{text}X_i = W_i*X_<i-1> + D_i*X_<i-1>")
    assert (found.code, found.labels[0].span.text) == ("RF211", "D(x)")


def test_an_output_that_is_no_number() -> None:
    """The place was the first equation."""
    text = f"{FRAME}X_i = W_i*X_<i-1>\n"
    found = _mistake(f"{text}output log(-1 - b_L^2)*X_L")
    assert (found.code, found.labels[0].span.text) == (
        "RF211",
        "output log(-1 - b_L^2)*X_L",
    )


@pytest.mark.parametrize(("number", "right", "other"), CORNERS)
def test_corners_are_seen_on_both_sides(number: str, right: str, other: str) -> None:
    """At one number of each scalar, one side of a corner is as good as another."""
    frame = "input 4\nstem none\nhead none\nstages 4 x 3\nscalar a_i = 0.5\n"
    text = f"{frame}W = linear(c)\nX_i = W_i*X_<i-1> + {number}*X_<i-1>"
    made = form(compile_source(from_text(text))[0])
    assert made.accepts(made.code)
    source = ast.unparse(made.code)
    assert right in source
    assert not made.accepts(ast.parse(source.replace(right, other)))
