"""Verdicts on random recursions agree with numbers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from recform.diagnostics import CompileError
from recform.equality.compare import compare
from recform.equality.counterexample.example import example
from recform.equality.verdict import ANY, DIFFERENT, LINEAR
from tests.equality.test_equiv import formula

terms = st.sampled_from(
    [
        "W_i*X_<i-1>",
        "X_<i-1>",
        "W_<i-1>*X_<i-2>",
        "X_<i-2>",
        "2*W_i*X_<i-2>",
        "relu(X_<i-1>)",
        "W_i*(X_<i-1> + X_<i-2>)",
        "W_i*X_<i-2>",
        "X_0",
        "relu(-X_<i-1>)",
        "relu(X_<i-2> + relu(2*X_<i-1>))",
        "max(X_<i-1>, X_<i-2>)",
        "min(X_<i-2>, X_<i-1>)",
    ]
)


signs = st.sampled_from([" + ", " - "])


@st.composite
def recursions(draw: st.DrawFn) -> str:
    rest = draw(st.lists(st.tuples(signs, terms), max_size=3))
    return "X_i = W_i*X_<i-1>" + "".join(sign + term for sign, term in rest)


@given(recursions(), recursions())
@settings(max_examples=15)
def test_verdicts_agree_with_numbers(left: str, right: str) -> None:
    """An equal pair agrees on numbers at depths that no comparison has seen."""
    try:
        formulas = (formula(left), formula(right))
    except CompileError:
        return
    found = compare(*formulas)
    if found.answer == ANY:
        for depth in (9, 12):
            assert example(formulas, depth, linear=False) is None
    elif found.answer == LINEAR:
        assert example(formulas, 9, linear=True) is None
    elif found.answer == DIFFERENT:
        assert found.example is not None
