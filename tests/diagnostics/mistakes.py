"""What is wrong in a text, for tests of what is said of it."""

from __future__ import annotations

import pytest

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, Diagnostic

ONE = "X_i = X_<i-1> + W_i*X_<i-1>"


def mistakes(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text, "net.rf"))
    return caught.value.diagnostics
