"""Sums whose members are of later blocks than the index that counts them."""

from __future__ import annotations

import pytest

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.report.derive_back import backward

FILE = "stages 4 x 6\nX_i = X_<i-1> + Z_i\nZ_i = W_i*X_<i-1> + {}\noutput X_L"


def test_they_are_refused_and_the_hint_can_be_followed() -> None:
    later, counted = (
        compile_source(from_text(FILE.format(text)))[0].formula
        for text in ("sum(k, 0, i-2, Z_<k+1>*X_k)", "sum(k, 1, i-1, Z_k*X_<k-1>)")
    )
    with pytest.raises(CompileError) as refused:
        backward(later)
    (found,) = refused.value.diagnostics
    assert found.code == "RF601" and "sum(k, 1, i-1, Z_k*X_<k-1>)" in found.hint
    assert backward(counted)
