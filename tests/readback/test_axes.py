"""New axes of a tensor stand where the formula spreads it, and nowhere else."""

from __future__ import annotations

import ast

import pytest

from recform.memory import Memory
from recform.target import Target
from tests.readback.mutants import written

PLAIN, LEAN = Target(memory=Memory.plain), Target(memory=Memory.lean)
#: An example, its form, and what of its code gets other axes.
CASES = [
    ("modern/hyper_connections_dynamic.rf", PLAIN, "[:, None]"),
    ("language/squeeze_excitation.rf", PLAIN, "[:, :, None, None]"),
    ("language/squeeze_excitation.rf", LEAN, "[:, :, None, None]"),
]
#: What stands there then.
OTHERS = ("", "[:,]", "[None, :]", "[None, :, :, None]", "[:, None, :, None]", "[None]")


@pytest.mark.parametrize(
    ("name", "target", "axes"), CASES, ids=("streams", "image", "lean")
)
def test_an_axis_stands_where_it_belongs(name: str, target: Target, axes: str) -> None:
    made = written(name, target)
    assert made.accepts(made.code)
    text = ast.unparse(made.code)
    assert axes in text
    for other in OTHERS:
        assert not made.accepts(ast.parse(text.replace(axes, other, 1))), other
