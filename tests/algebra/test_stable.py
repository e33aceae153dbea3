"""Words for sigmoids and softpluses, where SymPy has to compare what is made of them."""

from __future__ import annotations

import pytest
import sympy

from recform.algebra.expr import I, Scaled
from recform.algebra.typeset import plain_scalar
from recform.blocks.exact import as_float
from recform.blocks.symbolic import Symbolic
from recform.compiler import compile_source, from_text


@pytest.mark.parametrize(
    "number",
    [
        "max(sin(softplus(3/71)), 1/2)",
        "min(sin(sigmoid(i/71)), 1/2)",
        "abs(log(softplus(2)))",
    ],
)
def test_functions_of_words_are_compared(number: str) -> None:
    """``max(sin(softplus(3/71)), 1/2)`` ended in a traceback where it was printed."""
    weight = _weight(number)
    shown = plain_scalar(weight)
    numbers = [
        as_float(w.xreplace({I: sympy.Integer(2)})) for w in (weight, _weight(shown))
    ]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-12)


def _weight(number: str) -> Symbolic:
    text = f"stages 4 x 3\nX_i = W_i*X_<i-1> + {number}*X_<i-1>"
    right = compile_source(from_text(text))[0].formula.equations[0].right
    (found,) = (term.coefficient for term in right.children if isinstance(term, Scaled))
    return found
