"""Weights lie in memory as planned: with channels last in a network for inference."""

from __future__ import annotations

import ast

from recform.execution.library import LAID_OUT
from recform.target import Target
from tests.readback.mutants import written


def test_weights_lie_as_planned() -> None:
    made = written("language/init.rf", Target(inference=True))
    assert made.accepts(made.code)
    text = ast.unparse(made.code)
    line = f"        {LAID_OUT}\n"
    assert text.count(line) == 1
    for other in ("        pass\n", line + line):
        assert not made.accepts(ast.parse(text.replace(line, other))), other
