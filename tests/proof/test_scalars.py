"""Numbers in front of tensors are proved, whatever stands for learned scalars in them."""

from __future__ import annotations

import pytest

from recform.compiler import compile_source, from_text


@pytest.mark.parametrize(
    "number",
    ["max(1/(a_i - d_i), 2)", "max(log(a_i - d_i), 2)", "min(sqrt(a_i - 2), 2)"],
)
def test_functions_that_have_no_value_at_one(number: str) -> None:
    """All scalars were tried as 1, where these are no numbers: a traceback."""
    text = f"scalar a_i = 3\nscalar d_i = 2\nX_i = W_i*X_<i-1> + {number}*d_i*X_<i-1>"
    assert compile_source(from_text(text))[0].formula.scalars.keys() == {"a", "d"}
